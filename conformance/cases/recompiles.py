"""Does a change between calls cost the compilations that it must, and no more?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic",
    seed=("test_automatic_dynamic_reduce_recompiles",),
    needs=("dynamic_shapes", "dynamo_config"),
    tells=("ops",),
    axes={
        "dynamic": (None, True, False),
        "automatic": (True, False),
        "static": (True, False),
    },
    expect={
        "dynamic=True": """
        call 1: compiles, 1 op, equals eager
        calls 2-7: reuses, equals eager
        """,
        "dynamic=False": """
        calls 1-3: compiles, 1 op, equals eager
        call 4: reuses, equals eager
        call 5: compiles, 1 op, equals eager
        call 6: reuses, equals eager
        call 7: compiles, 1 op, equals eager
        """,
        "static=False": """
        call 1: compiles, 1 op, equals eager
        calls 2-7: reuses, equals eager
        """,
        "automatic=False": """
        calls 1-3: compiles, 1 op, equals eager
        call 4: reuses, equals eager
        call 5: compiles, 1 op, equals eager
        call 6: reuses, equals eager
        call 7: compiles, 1 op, equals eager
        """,
        "otherwise": """
        call 1: compiles, 1 op, equals eager
        call 2: compiles, 1 op, equals eager
        calls 3-7: reuses, equals eager
        """,
    },
)
def sizes_become_dynamic(s: Subject) -> None:
    """Once a size has varied, one dynamic graph serves all further sizes, unless the settings ask for static ones."""
    s.config(
        automatic_dynamic_shapes=s.axis("automatic"), assume_static_by_default=s.axis("static")
    )
    product = s.compile(lambda x, y: x * y, dynamic=s.axis("dynamic"))
    for size in 2, 3, 4, 4, 5, 5, 6:
        product(s.randn(size), s.randn(size))


@scenario(
    ref="torch.compiler: recompilation / branches on arguments",
    seed=("test_recompiles_true_false_flop",),
    needs=("dynamic_shapes", "dynamo_config", "fullgraph"),
    tells=("ops",),
    axes={"dynamic": (None, True, False), "automatic": (True, False)},
    expect={
        "dynamic=True": """
        call 1: compiles, 1 op, equals eager
        call 2: compiles, 1 op, equals eager
        calls 3-5: reuses, equals eager
        change: the other branch sees further sizes, then both see the first size again
        calls 6-9: reuses, equals eager
        """,
        "dynamic=False": """
        calls 1-5: compiles, 1 op, equals eager
        change: the other branch sees further sizes, then both see the first size again
        call 6: compiles, 1 op, equals eager
        call 7: compiles, 1 op, equals eager
        call 8: reuses, equals eager
        call 9: reuses, equals eager
        """,
        "automatic=False": """
        calls 1-5: compiles, 1 op, equals eager
        change: the other branch sees further sizes, then both see the first size again
        call 6: compiles, 1 op, equals eager
        call 7: compiles, 1 op, equals eager
        call 8: reuses, equals eager
        call 9: reuses, equals eager
        """,
        "otherwise": """
        calls 1-3: compiles, 1 op, equals eager
        call 4: reuses, equals eager
        call 5: reuses, equals eager
        change: the other branch sees further sizes, then both see the first size again
        call 6: compiles, 1 op, equals eager
        calls 7-9: reuses, equals eager
        """,
    },
)
def flag_selects_a_graph(s: Subject) -> None:
    """Each value of a bool argument has its own graph, and each graph its own history of sizes."""
    s.config(automatic_dynamic_shapes=s.axis("automatic"))

    def double_or_square(flag: bool, y: Tensor) -> Tensor:  # noqa: FBT001 - the program's own
        return y * 2 if flag else y * y

    program = s.compile(double_or_square, fullgraph=True, dynamic=s.axis("dynamic"))
    for flag, size in (True, 2), (False, 2), (True, 3), (True, 4), (True, 5):
        program(flag, s.randn(size))
    s.change("the other branch sees further sizes, then both see the first size again")
    for flag, size in (False, 3), (False, 4), (True, 2), (False, 2):
        program(flag, s.randn(size))


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic of numbers",
    seed=("test_automatic_dynamic_tensor_scalar_change",),
    needs=("dynamic_shapes", "symbolic_scalars", "dynamo_config"),
    tells=("ops",),
    axes={"dynamic": (None, True, False), "automatic": (True, False)},
    expect={
        "dynamic=True": """
        call 1: compiles, 1 op, equals eager
        call 2: compiles, 1 op, equals eager
        calls 3-7: reuses, equals eager
        change: numbers of other kinds follow
        call 8: reuses, equals eager
        call 9: compiles, 2 ops, equals eager
        call 10: reuses, equals eager
        call 11: reuses, equals eager
        call 12: compiles, 1 op, equals eager
        """,
        "dynamic=False": """
        calls 1-3: compiles, 1 op, equals eager
        call 4: reuses, equals eager
        call 5: compiles, 1 op, equals eager
        call 6: reuses, equals eager
        call 7: compiles, 1 op, equals eager
        change: numbers of other kinds follow
        calls 8-10: compiles, 1 op, equals eager
        call 11: runs uncompiled, equals eager
        call 12: runs uncompiled, equals eager
        """,
        "automatic=False": """
        calls 1-3: compiles, 1 op, equals eager
        call 4: reuses, equals eager
        call 5: compiles, 1 op, equals eager
        call 6: reuses, equals eager
        call 7: compiles, 1 op, equals eager
        change: numbers of other kinds follow
        calls 8-10: compiles, 1 op, equals eager
        call 11: runs uncompiled, equals eager
        call 12: runs uncompiled, equals eager
        """,
        "otherwise": """
        calls 1-3: compiles, 1 op, equals eager
        calls 4-7: reuses, equals eager
        change: numbers of other kinds follow
        call 8: reuses, equals eager
        call 9: compiles, 2 ops, equals eager
        call 10: reuses, equals eager
        call 11: reuses, equals eager
        call 12: compiles, 1 op, equals eager
        """,
    },
)
def tensors_and_numbers_alternate(s: Subject) -> None:
    """An argument that is now a tensor, now a number costs one graph a type, unless settings ask for static sizes."""
    s.config(automatic_dynamic_shapes=s.axis("automatic"))
    product = s.compile(lambda x, y: x * y, dynamic=s.axis("dynamic"))
    for size, number in (2, None), (3, 3), (4, None), (4, None), (5, 4), (5, 4), (6, None):
        product(s.randn(size), s.randn(size) if number is None else number)
    s.change("numbers of other kinds follow")
    for other in 9, 2.5, 3.5, 4.5, False:
        product(s.randn(7), other)


def add_two(_: object, x: Tensor) -> Tensor:
    """A call method that adds two."""
    return x + 2


def add_three(_: object, x: Tensor) -> Tensor:
    """A call method that adds three."""
    return x + 3


class Nine:
    """Adds nine when it is called."""

    def __call__(self, x: Tensor) -> Tensor:
        """The argument plus nine."""
        return x + 9


@scenario(
    ref="torch.compiler: core concepts / guards on callables",
    seed=("test_dunder_call_recompile",),
    tells=("ops",),
    axes={"dynamic": (None, True)},
    expect="""
    change: the class's call method adds 1
    call 1: compiles, 1 op, equals eager
    call 2: reuses, equals eager
    change: the class's call method adds 2
    call 3: compiles, 1 op, equals eager
    call 4: reuses, equals eager
    change: the class's call method adds 3
    call 5: compiles, 1 op, equals eager
    call 6: reuses, equals eager
    call 7: compiles, 1 op, equals eager
    change: the first instance gains an attribute that nothing reads
    call 8: reuses, equals eager
    """,
)
def call_method_is_rebound(s: Subject) -> None:
    """Instances of a class share a graph until the class's __call__ is replaced."""

    class Adder:
        def __call__(self, x: Tensor) -> Tensor:
            return x + 1

    apply = s.compile(lambda x, instance: instance(x), dynamic=s.axis("dynamic"))
    first, second = Adder(), Adder()
    for amount, method in (1, Adder.__call__), (2, add_two), (3, add_three):
        s.change(f"the class's call method adds {amount}")
        Adder.__call__ = method  # type: ignore[method-assign, assignment]
        apply(s.ones(2), first)
        apply(s.ones(2), second)
    apply(s.ones(2), Nine())
    s.change("the first instance gains an attribute that nothing reads")
    first.unread = 1  # type: ignore[attr-defined]
    apply(s.ones(2), first)


def collect(f: Callable[..., Tensor], x: Tensor, pairs: Sequence[tuple[Any, Any]]) -> Tensor:
    """Collects the second half of each pair and passes what it has to a function that ignores it."""
    patches = []
    for _key, patch in pairs:
        patches.append(patch)
    return f(x, _key, patches)


@scenario(
    ref="torch.compiler: recompilation / what is guarded",
    seed=("test_no_recompile_over_unused_objects",),
    needs=("fullgraph",),
    tells=("ops",),
    axes={"dynamic": (None, True, False)},
    expect="""
    call 1: compiles, 2 ops, equals eager
    call 2: reuses, equals eager
    call 3: compiles, 2 ops, equals eager
    calls 4-6: reuses, equals eager
    """,
)
def unread_values_are_not_guarded(s: Subject) -> None:
    """Values that a program collects in a list and never reads cause no recompilation."""
    program = s.compile(collect, fullgraph=True, dynamic=s.axis("dynamic"))
    for pairs in (
        [("a", 1), ("b", 2)],
        [("c", 3), ("d", 4)],
        [("e", 5), ("f", 6), ("g", 7)],
        [("a", 1.5), ("b", 2.5)],
        [("a", None), ("b", "text")],
        [("a", 1), (7, 2)],
    ):
        program(lambda x, _key, _patches: x * x + 1, s.rand(10), pairs)


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic",
    needs=("dynamic_shapes", "symbolic_scalars"),
    expect="""
    call 1 of the first wrapper: compiles, equals eager
    call 2 of the first wrapper: compiles, equals eager
    call 3 of the first wrapper: reuses, equals eager
    calls 4-6 of the second wrapper: reuses, equals eager
    """,
)
def wrappers_share_a_history(s: Subject) -> None:
    """What one torch.compile of a function has learnt about its sizes, the next torch.compile of it knows."""

    def add(x: Tensor, n: int) -> Tensor:
        return x + n

    for name in "the first wrapper", "the second wrapper":
        program = s.compile(add, name=name)
        for size in 2, 3, 4:
            program(s.randn(size), 1)
