"""Do sizes become dynamic where they are marked, listed or seen to vary, and nowhere else?"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

import torch
from torch._dynamo import (
    mark_dynamic,
    mark_static,
    maybe_mark_dynamic,
)
from torch._dynamo.decorators import mark_unbacked

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@scenario(
    ref="torch.compiler: dynamic shapes / marking dimensions",
    needs=("dynamic_shapes", "torch_compile"),
    axes={"dynamic": (None, False)},
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    call 4: compiles, equals eager
    call 5: reuses, equals eager
    """,
)
def marked_size_is_free_at_once(s: Subject) -> None:
    """A size marked by mark_dynamic is dynamic from the first call on, and the sizes beside it are not."""
    program = s.compile(lambda x: (x * 2).sum(0) + x.size(0), dynamic=s.axis("dynamic"))
    for sizes in (3, 4), (5, 4), (8, 4), (8, 6):
        x = s.randn(*sizes)
        mark_dynamic(x, 0)
        program(x)
    program(s.randn(9, 4))


#: Ways to mark a size that is then compared.
MARKS: dict[str, Callable[[Tensor, int], None]] = {
    "must": mark_dynamic,
    "may": maybe_mark_dynamic,
    "must not": mark_static,
}


@scenario(
    ref="torch.compiler: dynamic shapes / marking dimensions",
    needs=("dynamic_shapes", "torch_compile"),
    axes={"mark": ("must", "may", "must not")},
    expect={
        "mark=must": """
        call 1: raises torch.fx.experimental.symbolic_shapes.ConstraintViolationError while tracing
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: raises torch.fx.experimental.symbolic_shapes.ConstraintViolationError while tracing
        """,
        "mark=may": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        """,
        "otherwise": """
        calls 1-3: compiles, equals eager
        call 4: reuses, equals eager
        """,
    },
)
def program_fixes_a_marked_size(s: Subject) -> None:
    """Where a program fixes a marked size, mark_dynamic raises; maybe_mark_dynamic and mark_static compile it."""
    mark = MARKS[s.axis("mark")]
    program = s.compile(lambda x: x.view(3, -1) + 1 if x.size(0) == 3 else x - 1)  # noqa: PLR2004
    for size in 3, 4, 5, 3:
        x = s.randn(size, 2)
        mark(x, 0)
        s.attempt(program, x)


@scenario(
    ref="torch.compiler: dynamic shapes / marking dimensions",
    needs=("dynamic_shapes", "torch_compile"),
    expect="""
    call 1: compiles, equals eager
    calls 2-4: reuses, equals eager
    call 5: compiles, equals eager
    """,
)
def declared_bounds_decide(s: Subject) -> None:
    """A branch that mark_dynamic's min and max decide costs no graph; sizes beyond them give eager's results."""
    program = s.compile(lambda x: x * 2 if x.size(0) <= 8 else x + 10)  # noqa: PLR2004
    for size in 3, 5, 8:
        x = s.randn(size)
        mark_dynamic(x, 0, min=2, max=8)
        program(x)
    for size in 8, 12:
        program(s.randn(size))


@scenario(
    ref="torch.compiler: dynamic shapes / backed and unbacked sizes",
    needs=("dynamic_shapes", "torch_compile"),
    expect="""
    call 1: compiles, equals eager
    calls 2-5: reuses, equals eager
    """,
)
def unbacked_size_is_any(s: Subject) -> None:
    """A size that is marked by mark_unbacked may be any, 0 and 1 included, in one graph."""
    program = s.compile(lambda x: (x * 2, x.sum(0), x.size(0) + 1))
    for size in 3, 1, 0, 5, 2:
        x = s.randn(size, 2)
        mark_unbacked(x, 0)
        program(x)


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic",
    needs=("dynamic_shapes", "torch_compile"),
    expect={
        # Before torch 2.13 a mark had no effect where a graph for any size was there already.
        "torch<2.13": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        calls 3-6: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: compiles, equals eager
        call 5: compiles, equals eager
        call 6: reuses, equals eager
        """,
    },
)
def static_mark_wins_over_what_was_learnt(s: Subject) -> None:
    """A size marked by mark_static has a graph of its own, from torch 2.13 on also once it has become dynamic."""
    program = s.compile(lambda x: x * 2 + x.size(0))
    for size in 3, 4, 5:
        program(s.randn(size))
    for size in 6, 7:
        x = s.randn(size)
        mark_static(x, 0)
        program(x)
    program(s.randn(9))


#: Places where a program finds a tensor.
PLACES: dict[str, Callable[[Tensor], Any]] = {
    "list": lambda x: [x],
    "dict": lambda x: {"a": {"b": x}},
    "attribute": lambda x: types.SimpleNamespace(x=x),
    "pair": lambda x: (x, x.clone()),
}


def first_tensor(container: Any) -> Tensor:
    """The tensor that a container holds first."""
    if isinstance(container, dict):
        return container["a"]["b"]  # type: ignore[no-any-return]
    return container.x if hasattr(container, "x") else container[0]  # type: ignore[no-any-return]


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic",
    needs=("dynamic_shapes",),
    axes={"place": ("list", "dict", "attribute", "pair")},
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    """,
)
def sizes_become_free_inside_containers(s: Subject) -> None:
    """The size of a tensor in a list, dict or object becomes dynamic once it has varied, like an argument's."""
    make = PLACES[s.axis("place")]
    program = s.compile(lambda container: (first_tensor(container) * 2).sum(0) + 1)
    for size in 3, 4, 5, 7:
        program(make(s.randn(size, 2)))


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, equals eager
    change: another tensor is captured
    call 2: compiles, equals eager
    change: another tensor is captured
    call 3: reuses, equals eager
    change: another tensor is captured
    call 4: reuses, equals eager
    """,
)
def captured_sizes_become_free(s: Subject) -> None:
    """The size of a captured tensor becomes dynamic once a tensor of another size has taken its place."""
    captured = s.randn(3)
    program = s.compile(lambda x: x + captured.sum() * captured.size(0))
    program(s.ones(2))
    for size in 4, 5, 7:
        s.change("another tensor is captured")
        captured = s.randn(size)
        program(s.ones(2))


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic",
    needs=("dynamic_shapes",),
    expect="""
    call 1 of the first: compiles, equals eager
    call 2 of the first: compiles, equals eager
    call 3 of the first: reuses, equals eager
    call 4 of the second: compiles, equals eager
    call 5 of the second: compiles, equals eager
    call 6 of the second: reuses, equals eager
    """,
)
def functions_learn_alone(s: Subject) -> None:
    """A size that has varied in one function is dynamic there, and not in another function."""
    first = s.compile(lambda x: x * 2, name="the first")
    second = s.compile(lambda x: x * 3, name="the second")
    for size in 3, 4, 5:
        first(s.randn(size))
    for size in 3, 4, 5:
        second(s.randn(size))


@scenario(
    ref="torch.compiler: dynamic shapes / allow lists",
    needs=("dynamic_shapes", "dynamo_config", "torch_compile"),
    axes={"listed": ("L['x']", "L['y']", "")},
    expect={
        "listed=L['x']": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        """,
    },
)
def listed_sources_are_free_at_once(s: Subject) -> None:
    """Sizes of an argument that is listed in dynamic_sources are dynamic from the first call on; others are not."""
    s.config("torch.compiler.config", dynamic_sources=s.axis("listed"))

    def program(x: Tensor, y: Tensor) -> Tensor:
        return x.sum() + y * 2

    compiled = s.compile(program)
    for size in 3, 4, 5:
        compiled(s.randn(size), s.randn(2))


@scenario(
    ref="torch.compiler: stances",
    needs=("dynamic_shapes", "torch_compile"),
    expect="""
    call 1: runs uncompiled, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    """,
)
def first_call_in_eager_teaches(s: Subject) -> None:
    """Under eager_then_compile, a size that differs between the first two calls is dynamic in the first graph."""
    with torch.compiler.set_stance("eager_then_compile"):
        program = s.compile(lambda x: x * 2 + x.size(0))
        for size in 3, 4, 5, 8:
            program(s.randn(size))
