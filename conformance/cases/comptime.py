"""Can code given to torch._dynamo.comptime look at and steer the compilation, and leave the result alone?"""

from __future__ import annotations

import contextlib
import io
import time
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import torch
from torch._dynamo.comptime import comptime

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor
    from torch._dynamo.comptime import ComptimeContext


def heard(call: Callable[..., object], *args: object) -> list[str]:
    """The lines that are printed during a call: what code at compile time has to say, it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        call(*args)
    return printed.getvalue().splitlines()


def speak(_: ComptimeContext) -> None:
    """Say that code at compile time was here."""
    print("here")  # noqa: T201 - heard by the scenario


@scenario(
    ref="torch._dynamo.comptime",
    needs=("comptime", "dynamic_shapes"),
    tells=("ops",),
    expect="""
    call 1: compiles, 2 ops, equals eager
    call 2: reuses, equals eager
    call 3: compiles, 2 ops, equals eager
    call 4: reuses, equals eager
    runs of the code (should) = [1, 0, 1, 0]
    """,
)
def once_per_compilation(s: Subject) -> None:
    """Code given to comptime runs in each compilation, and not in calls that reuse what was compiled."""

    def program(x: Tensor) -> Tensor:
        y = x * 2
        comptime(speak)
        return y + 3

    compiled = s.compile(program)
    runs = [len(heard(compiled, s.randn(size))) for size in (2, 2, 3, 4)]
    s.tell("runs of the code", runs, tier="should")


@scenario(
    ref="torch._dynamo.comptime",
    needs=("comptime",),
    expect="""
    call 1: compiles 2 graphs, equals eager
    runs of the code (may) = 2
    """,
)
def again_after_a_restart(s: Subject) -> None:
    """Code given to comptime runs again where a graph break makes the compilation start over."""

    def program(x: Tensor) -> Tensor:
        y = x * 2
        comptime(speak)
        comptime.graph_break()
        return y + 3

    s.tell("runs of the code", len(heard(s.compile(program), s.randn(2))), tier="may")


@scenario(
    ref="torch._dynamo.comptime",
    needs=("comptime",),
    expect="""
    uncompiled = [fallback]
    call 1: compiles, equals eager
    compiled = [here]
    the others = [[1, 2], returned]
    slept = False
    """,
)
def outside_of_compilation(s: Subject) -> None:
    """Outside of a compilation comptime runs the fallback, prints real values, and does nothing else."""

    def program(x: Tensor) -> Tensor:
        comptime(speak, lambda: print("fallback"))  # noqa: T201 - heard below
        return x * 2

    s.tell("uncompiled", heard(program, s.ones(2)))
    s.tell("compiled", heard(s.compile(program), s.ones(2)))
    started = time.perf_counter()
    s.tell("the others", heard(use_everything, [1, 2]))
    s.tell("slept", time.perf_counter() - started > 10)  # noqa: PLR2004 - half of what it would sleep


def use_everything(value: object) -> None:
    """Do all that comptime offers in one word."""
    comptime.sleep(20)
    comptime.graph_break()
    comptime.assert_static(value)
    comptime.force_static(value)
    comptime.print_graph()
    comptime.print_guards()
    comptime.print_locals()
    comptime.print_bt()
    comptime.print_disas()
    comptime.print_value_stack()
    comptime.print(value)
    print(comptime.print_value_stack_and_return("returned"))  # noqa: T201 - heard by the scenario


@scenario(
    ref="torch._dynamo.comptime",
    needs=("comptime",),
    tiers={"compiles": "may: what is left uncompiled for it is nobody's promise"},
    expect="""
    call 1: runs uncompiled, equals eager
    runs of the code (may) = 0
    """,
)
def free_variable(s: Subject) -> None:
    """Code given to comptime that uses closure variables does not run, and leaves its program uncompiled."""
    seen: list[str] = []

    def program(x: Tensor) -> Tensor:
        comptime(lambda _: seen.append("here"))
        return x * 2

    s.compile(program)(s.randn(2))
    s.tell("runs of the code", len(seen), tier="may")


@scenario(
    ref="torch._dynamo.comptime / sleep",
    seed=("test_sleep",),
    needs=("comptime",),
    tells=("ops",),
    expect="""
    call 1: compiles, 2 ops, equals eager
    call 2: compiles, 2 ops, equals eager
    calls 3-5: reuses, equals eager
    the compilation slept = True
    the same calls slept again = False
    """,
)
def sleep(s: Subject) -> None:
    """A comptime.sleep delays the compilation that reaches it, and no other call."""

    def program(x: Tensor, flag: bool) -> Tensor:  # noqa: FBT001 - the program's own
        if flag:
            comptime.sleep(1)
        y = x * 2
        return y + 3

    compiled, times = s.compile(program), []
    for flag in False, True, True, True, False:
        started = time.perf_counter()
        compiled(s.randn(2), flag)
        times.append(time.perf_counter() - started)
    s.tell("the compilation slept", times[1] > 0.99)  # noqa: PLR2004 - clocks differ a little
    # Two calls, of which a busy machine may hold up one.
    s.tell("the same calls slept again", min(times[2:4]) > 0.99)  # noqa: PLR2004 - likewise


@scenario(
    ref="torch._dynamo.comptime / get_local",
    seed=("test_get_local_closure_variable",),
    needs=("comptime",),
    tells=("ops",),
    expect="""
    call 1: compiles, 2 ops, equals eager
    z, twice (may) = [3, 3]
    call 2: reuses, equals eager
    lines of a second call (should) = 0
    """,
)
def variable_of_the_enclosing_function(s: Subject) -> None:
    """Code given to comptime in an inner function can read the variables that this function has captured."""

    def program(x: Tensor) -> Tensor:
        z = 3

        def inner() -> int:
            comptime(lambda context: print(repr(context.get_local("z"))))  # noqa: T201 - heard below
            comptime.print(z)
            return 2

        y = x * inner()
        return y + 3

    compiled = s.compile(program)
    s.tell("z, twice", heard(compiled, s.randn(2)), tier="may")
    s.tell("lines of a second call", len(heard(compiled, s.randn(2))), tier="should")


def show_of_caller(context: ComptimeContext) -> None:
    """Print a variable of the frame that called this one, found in both ways."""
    for found in context.get_local("n", stacklevel=1), context.parent().get_local("n"):
        print(found.as_python_constant())  # noqa: T201 - heard by the scenario


@scenario(
    ref="torch._dynamo.comptime / get_local, parent",
    needs=("comptime",),
    expect="""
    call 1: compiles, equals eager
    n, twice = [2, 2]
    """,
)
def variable_of_the_caller(s: Subject) -> None:
    """Code given to comptime in a called function can read its caller's variables, by stacklevel or by parent."""

    def inner(x: Tensor) -> Tensor:
        comptime(show_of_caller)
        return x + 3

    def program(x: Tensor) -> Tensor:
        n = 2
        return inner(x * n)

    s.tell("n, twice", heard(s.compile(program), s.randn(2)))


@scenario(
    ref="torch._dynamo.comptime / get_local",
    needs=("comptime",),
    tiers={"outcome": "should: that it is an error counts more than its class"},
    expect="""
    call 1: raises torch._dynamo.exc.InternalTorchDynamoError while tracing
    """,
)
def unknown_variable(s: Subject) -> None:
    """Code given to comptime that asks for a variable that does not exist raises an error."""

    def program(x: Tensor) -> Tensor:
        comptime(lambda context: context.get_local("nobody"))
        return x * 2

    s.attempt(s.compile(program), s.randn(2))


@scenario(
    ref="torch._dynamo.comptime / get_local, graph",
    seed=("test_get_local",),
    needs=("comptime",),
    tells=("ops",),
    exact="what is written into the graph is one of its operations",
    expect="""
    call 1: compiles, 3 ops, equals eager
    known =
        Tensor {'constant': False, 'dynamic': False}
        int {'constant': True, 'dynamic': False}
        in the graph: True sizes: 2 2
        value: 2
    graph (may) =
        l_x_ = L_x_
        y = l_x_ * 2;  l_x_ = None
        add = y + 4;  y = add = None
    call 2: reuses, equals eager
    lines of a second call (should) = 0
    """,
)
def read_and_extend(s: Subject) -> None:
    """Code given to comptime can ask what the compiler knows of a variable, and add operations to the graph."""

    def program(x: Tensor) -> Tensor:
        y = x * 2
        literal = 2  # noqa: F841 - what the code asks for
        comptime(ask)
        comptime(extend)
        return y + 3

    compiled = s.compile(program)
    lines = heard(compiled, s.randn(2))
    s.tell("known", "\n".join(takewhile(bool, lines)))
    s.tell("graph", "\n".join(line.strip() for line in lines if " = " in line), tier="may")
    s.tell("lines of a second call", len(heard(compiled, s.randn(2))), tier="should")


def ask(context: ComptimeContext) -> None:
    """Print what is known of a tensor and of a constant."""
    y, literal = context.get_local("y"), context.get_local("literal")
    fake: Any = y.as_fake()
    for each in y, literal:
        facts = {"constant": each.is_python_constant(), "dynamic": each.is_dynamic()}
        print(each.python_type().__name__, facts)  # noqa: T201 - heard by the scenario
    print("in the graph:", y.is_proxy(), "sizes:", fake.size(0), y.size(0))  # noqa: T201 - likewise
    print("value:", literal.as_python_constant())  # noqa: T201 - likewise


def extend(context: ComptimeContext) -> None:
    """Add an operation whose result nobody uses, and print the graph."""
    proxy: Any = context.get_local("y").as_proxy()
    proxy + 4
    context.print_graph(verbose=False)


@scenario(
    ref="torch._dynamo.comptime / graph_break",
    seed=("test_graph_break",),
    needs=("comptime",),
    tells=("ops",),
    exact="a graph break that is asked for parts the graph",
    expect="""
    call 1 of whole: compiles, 2 ops, equals eager
    call 2 of whole: reuses, equals eager
    call 3 of broken: compiles 3 graphs, 3 ops, equals eager
    call 4 of broken: reuses, equals eager
    """,
)
def graph_break(s: Subject) -> None:
    """Code given to comptime breaks the graph where it asks for a graph break, and nowhere else."""

    def whole(x: Tensor) -> Tensor:
        y = x * 2
        comptime(lambda _: None)
        return y + 3

    def broken(x: Tensor) -> Tensor:
        y = x * 2
        comptime(lambda context: context.graph_break())
        y = y + 2
        comptime.graph_break()
        return y * 3

    for program in s.compile(whole, name="whole"), s.compile(broken, name="broken"):
        program(s.randn(2))
        program(s.randn(2))


@scenario(
    ref="torch._dynamo.comptime / graph_break",
    seed=("test_graph_break",),
    needs=("comptime", "fullgraph"),
    expect="""
    call 1: raises torch._dynamo.exc.Unsupported while tracing
    named (may) = True
    """,
)
def graph_break_in_a_full_graph(s: Subject) -> None:
    """With fullgraph=True, a graph break that is asked for by comptime raises an error that names it."""

    def program(x: Tensor) -> Tensor:
        comptime.graph_break()
        return x * 2

    message = ""
    try:
        s.compile(program, fullgraph=True)(s.randn(2))
    except torch._dynamo.exc.Unsupported as error:  # noqa: SLF001 - the documented class
        message = str(error)
    s.tell("named", "ComptimeContext graph break" in message, tier="may")


@scenario(
    ref="torch._dynamo.comptime / force_static",
    needs=("comptime", "dynamic_shapes"),
    exact="a size that was made static must be guarded",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: compiles, equals eager
    """,
)
def force_static(s: Subject) -> None:
    """A size given to comptime.force_static is static: another size has a graph of its own."""

    def program(x: Tensor) -> Tensor:
        comptime.force_static(x.size(0))
        return x * 2

    compiled = s.compile(program, dynamic=True)
    for size in 3, 3, 4:
        compiled(s.randn(size))


@scenario(
    ref="torch._dynamo.comptime / assert_static",
    needs=("comptime", "dynamic_shapes"),
    axes={"dynamic": (True, False)},
    expect={
        "dynamic=True": """
        call 1: raises AssertionError while tracing
        """,
        "dynamic=False": """
        call 1: compiles, equals eager
        """,
    },
)
def assert_static(s: Subject) -> None:
    """A comptime.assert_static raises if the size is dynamic, and does nothing if it is static."""

    def program(x: Tensor) -> Tensor:
        comptime.assert_static(x.size(0))
        return x * 2

    s.attempt(s.compile(program, dynamic=s.axis("dynamic")), s.randn(3))
