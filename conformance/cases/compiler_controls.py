"""Does each control of torch.compiler do what its page says?"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


def mark(x: Tensor) -> Tensor:
    """Adds 1 where it finds itself being compiled."""
    return x + 1 if torch.compiler.is_compiling() else x * 1


def mark_twice(x: Tensor) -> Tensor:
    """Adds 10 where it finds itself being compiled, and calls one that adds 1."""
    return mark(x + 10 if torch.compiler.is_compiling() else x)


@scenario(
    ref="torch.compiler.disable",
    needs=("torch_compile",),
    axes={"recursive": (True, False)},
    tiers={"outcome": "diverge: a program can tell that it is compiled"},
    expect={
        "recursive=True": """
        call 1: compiles 2 graphs, returns [1100, 1100]
        call 2: reuses, returns [1100, 1100]
        """,
        "otherwise": """
        call 1: compiles 3 graphs, returns [1101, 1101]
        call 2: reuses, returns [1101, 1101]
        """,
    },
)
def function_is_left_alone(s: Subject) -> None:
    """A function under torch.compiler.disable runs in eager, and all that it calls does, unless recursive=False."""
    disabled: Any = torch.compiler.disable(mark_twice, recursive=s.axis("recursive"))
    program = s.compile(lambda x: disabled(mark(x) * 100) + mark(x) * 1000, tell=True)
    for _ in range(2):
        program(s.zeros(2))


@scenario(
    ref="torch.compiler.is_compiling",
    needs=("torch_compile",),
    tiers={"outcome": "diverge: a program can tell that it is compiled"},
    expect="""
    call 1: compiles, returns [11]
    call 2: reuses, returns [11]
    call 3: compiles, returns [11, 11]
    outside: equals eager
    """,
)
def program_asks_whether_it_is_compiled(s: Subject) -> None:
    """In compiled calls is_compiling() is true and is_exporting() false; outside of them is_compiling() is false."""

    def ask(x: Tensor) -> Any:
        compiler = torch.compiler
        told = compiler.is_compiling(), compiler.is_dynamo_compiling(), compiler.is_exporting()
        return x + sum(10**place * answer for place, answer in enumerate(told))

    program = s.compile(ask, tell=True)
    for size in 1, 1, 2:
        program(s.zeros(size))
    s.note("outside", ask(s.zeros(1)))


@scenario(
    ref="torch.compiler.assume_constant_result",
    needs=("torch_compile",),
    tiers={"outcome": "diverge: the result is assumed never to change"},
    expect="""
    call 1: compiles, returns [10, 10]
    call 2: reuses, returns [10, 10]
    call 3: compiles, returns [20, 20, 20]
    call 4: reuses, returns [10, 10]
    how often = 2
    """,
)
def result_is_assumed_constant(s: Subject) -> None:
    """With assume_constant_result, a function is run once for each graph, and its result is kept in the graph."""
    asked: list[int] = []

    def ask() -> int:
        asked.append(0)
        return len(asked) * 10

    constant: Any = torch.compiler.assume_constant_result(ask)
    program = s.compile(lambda x: x + constant(), tell=True, dynamic=False)
    for size in 2, 2, 3, 2:
        program(s.zeros(size))
    s.tell("how often", len(asked))


def stretch(x: Tensor, factor: float) -> Tensor:
    """Several operations, and a branch on a number."""
    if factor > 1:
        x = x.sin()
    return (x * factor).exp() - x.cos()


@scenario(
    ref="torch.compiler.allow_in_graph",
    needs=("torch_compile",),
    axes={"how": ("allow_in_graph", "nonstrict_trace")},
    tells=("ops",),
    expect={
        "how=allow_in_graph": """
        call 1: compiles, 3 ops, equals eager
        gradient: equals eager
        call 2: reuses, equals eager
        gradient: equals eager
        call 3: compiles, 3 ops, equals eager
        gradient: equals eager
        call 4: compiles, 4 ops, equals eager
        gradient: equals eager
        """,
        "otherwise": """
        call 1: compiles, 4 ops, equals eager
        gradient: equals eager
        call 2: reuses, equals eager
        gradient: equals eager
        call 3: compiles, 4 ops, equals eager
        gradient: equals eager
        call 4: compiles, 5 ops, equals eager
        gradient: equals eager
        """,
    },
)
def function_is_one_node(s: Subject) -> None:
    """A function under allow_in_graph or nonstrict_trace has eager's results and eager's gradients."""
    dynamo: Any = torch._dynamo  # noqa: SLF001 - the documented name
    make = {"allow_in_graph": dynamo.allow_in_graph, "nonstrict_trace": dynamo.nonstrict_trace}

    def own(x: Tensor, factor: float) -> Tensor:
        return stretch(x, factor)

    opaque = make[s.axis("how")](own)
    program = s.compile(lambda x, factor: opaque(x * 2, factor) + 1)
    for size, factor in (2, 2.0), (2, 2.0), (3, 2.0), (3, 0.5):
        x = s.randn(size).requires_grad_()
        s.note("gradient", torch.autograd.grad(program(x, factor).sum(), x))


FACTOR = 2.0


def rebind(factor: float) -> None:
    """Bind the module's global."""
    global FACTOR  # noqa: PLW0603 - that the global changes is what it is about
    FACTOR = factor


def counted(how: str, runs: list[int]) -> Any:
    """A function that counts its runs and goes into the graph as it is."""

    def own(x: Tensor) -> Tensor:
        runs.append(len(x))
        return x * FACTOR

    return getattr(torch._dynamo, how)(own)  # noqa: SLF001 - the documented names


@scenario(
    ref="torch.compiler: nonstrict_trace / non-strict tracing model",
    needs=("torch_compile", "fullgraph"),
    axes={"how": ("allow_in_graph", "nonstrict_trace")},
    tiers={
        "outcome": "diverge: what is not passed to such a function is a constant, and not guarded"
    },
    expect="""
    call 1: compiles, equals eager
    change: the global is rebound
    call 2: reuses, differs from eager in value of result
    runs since (diverge) = 0
    change: the argument has another size
    call 3: compiles, equals eager
    """,
)
def function_in_the_graph_is_not_run_again(s: Subject) -> None:
    """A function under allow_in_graph or nonstrict_trace reads globals and has effects at compile time alone."""
    runs: list[int] = []
    rebind(2.0)
    opaque = counted(s.axis("how"), runs)
    program = s.compile(lambda x: opaque(x) + 1, fullgraph=True, dynamic=False)
    program(s.randn(2))
    runs.clear()
    s.change("the global is rebound")
    rebind(5.0)
    program(s.randn(2))
    s.tell("runs since", len(runs), tier="diverge")
    s.change("the argument has another size")
    program(s.randn(3))


@scenario(
    ref="torch.compiler.set_stance / force_eager",
    needs=("torch_compile",),
    tiers={"outcome": "diverge: a program can tell that it is compiled"},
    expect="""
    call 1: compiles, returns [11]
    call 2: runs uncompiled, returns [0]
    call 3: runs uncompiled, returns [0, 0]
    call 4: reuses, returns [11]
    call 5: runs uncompiled, returns [0]
    call 6: reuses, returns [11]
    """,
)
def stance_forces_eager(s: Subject) -> None:
    """Under the stance force_eager nothing compiled runs; afterwards what was compiled before is used again."""
    program = s.compile(mark_twice, tell=True)
    forced = torch.compiler.set_stance("force_eager")(program)
    torch.compiler.set_stance("default")
    program(s.zeros(1))
    with torch.compiler.set_stance("force_eager"):
        program(s.zeros(1))
        program(s.zeros(2))
    program(s.zeros(1))
    forced(s.zeros(1))
    program(s.zeros(1))


@scenario(
    ref="torch.compiler.set_stance / recompilation",
    needs=("torch_compile", "dynamic_shapes"),
    axes={"stance": ("eager_on_recompile", "fail_on_recompile")},
    expect={
        "stance=eager_on_recompile": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: runs uncompiled, equals eager
        call 4: reuses, equals eager
        call 5: compiles, equals eager
        call 6: reuses, equals eager
        call 7: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: runs uncompiled, raises RuntimeError while running
        call 4: reuses, equals eager
        call 5: compiles, equals eager
        call 6: reuses, equals eager
        call 7: reuses, equals eager
        """,
    },
)
def stance_forbids_recompilation(s: Subject) -> None:
    """Under eager_on_recompile or fail_on_recompile, calls that no graph fits run in eager or raise; others reuse."""
    program = s.compile(lambda x: x * 2 + 1)
    program(s.randn(2))
    with torch.compiler.set_stance(s.axis("stance")):
        for size in 2, 3, 2:
            s.attempt(program, s.randn(size))
    for size in 3, 2, 4:
        program(s.randn(size))


@scenario(
    ref="torch.compiler.set_stance / eager_then_compile",
    needs=("torch_compile", "dynamic_shapes"),
    axes={"stance": ("eager_then_compile", "aot_eager_then_compile")},
    expect={
        "stance=eager_then_compile": """
        call 1: runs uncompiled, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        """,
    },
)
def stance_runs_the_first_call_in_eager(s: Subject) -> None:
    """Under eager_then_compile (or its aot_eager form), sizes that differ in the first two calls become dynamic."""
    program = s.compile(lambda x: x * 2 + 1)
    with torch.compiler.set_stance(s.axis("stance")):
        for size in 2, 3, 4, 5:
            program(s.randn(size))


@scenario(
    ref="torch.compiler.set_stance / force_backend",
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    compilations by the other = 1
    """,
)
def stance_forces_a_backend(s: Subject) -> None:
    """Under set_stance(force_backend=...) that backend compiles; before and after, its code is not used."""
    seen: list[int] = []

    def other(graph: Any, inputs: Any) -> Any:
        seen.append(len(inputs))
        return functools.partial(graph.forward)

    program = s.compile(lambda x: x * 2)
    program(s.randn(2))
    with torch.compiler.set_stance(force_backend=other):
        program(s.randn(2))
        program(s.randn(2))
    program(s.randn(2))
    s.tell("compilations by the other", len(seen))


@scenario(
    ref="torch.compiler.set_stance / inside of a program",
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    call 2: raises AssertionError while tracing
    call 3: reuses, equals eager
    """,
)
def stance_is_not_set_inside(s: Subject) -> None:
    """A compiled program that calls set_stance raises, and later calls are as before."""

    def program(x: Tensor, sets: bool) -> Tensor:  # noqa: FBT001 - the program's own
        if sets:
            torch.compiler.set_stance("default")
        return x + 1

    compiled = s.compile(program)
    for sets in False, True, False:
        s.attempt(compiled, s.randn(2), sets)


@scenario(
    ref="torch.compiler.set_stance / skip_guard_eval_unsafe",
    needs=("torch_compile",),
    expect="""
    calls 1-3: compiles, equals eager
    calls 4-6: reuses, equals eager
    """,
)
def guards_that_differ_are_still_checked(s: Subject) -> None:
    """With skip_guard_eval_unsafe after a warm-up, each call still uses the graph that was compiled for its like."""
    program = s.compile(lambda x, name: x * 2 if name == "a" else x.sum(0), dynamic=False)
    calls = [(s.randn(2, 2), "a"), (s.randn(2, 2), "b"), (s.randn(3, 3), "b")]
    for args in calls:
        program(*args)
    with torch.compiler.set_stance(skip_guard_eval_unsafe=True):
        for args in calls:
            program(*args)
