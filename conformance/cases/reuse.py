"""Is what was compiled once really used for all calls like it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@scenario(
    ref="torch.compile: reuse",
    expect="""
    call 1: compiles, equals eager
    calls 2-12: reuses, equals eager
    """,
)
def like_calls_share_a_graph(s: Subject) -> None:
    """A program that is called with tensors of one shape and dtype is compiled once, and its code runs in each call."""
    program = s.compile(lambda x, y: (x @ y).relu() - y[0])
    for _ in range(12):
        program(s.randn(2, 3), s.randn(3, 3))


@scenario(
    ref="torch.compile: reuse",
    expect="""
    call 1 of the first: compiles, equals eager
    call 2 of another tensor: reuses, equals eager
    call 3 of another word: compiles, equals eager
    call 4 of the first again: reuses, equals eager
    call 5 of the first: reuses, equals eager
    call 6 of another tensor: reuses, equals eager
    call 7 of another word: reuses, equals eager
    call 8 of the first again: reuses, equals eager
    """,
)
def closures_of_one_code(s: Subject) -> None:
    """Closures made by one function use what each has captured, and share a graph where only tensors differ."""

    def make(power: str, weight: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda x: x * weight if power == "one" else x * weight**2

    names = "the first", "another tensor", "another word", "the first again"
    weights, powers = [s.randn(2), s.randn(2), s.randn(2), s.randn(2)], ("one", "one", "two", "one")
    programs = [
        s.compile(make(*each[1:]), name=each[0])
        for each in zip(names, powers, weights, strict=True)
    ]
    for program in *programs, *programs:
        program(s.randn(2))


@scenario(
    ref="torch.compiler.reset",
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    reset
    call 3: compiles, equals eager
    call 4: reuses, equals eager
    what was kept: equals eager
    """,
    exact="what was forgotten is compiled again",
)
def reset_forgets_graphs(s: Subject) -> None:
    """After a reset a program is compiled anew, once, and the results of earlier calls stay as they are."""
    program = s.compile(lambda x: x * 2 + 1)
    kept = [program(s.randn(3)), program(s.randn(3))]
    s.reset()
    kept += [program(s.randn(3)), program(s.randn(3))]
    s.note("what was kept", kept)


@scenario(
    ref="torch.compile: reuse",
    expect="""
    calls 1-3: compiles, equals eager
    calls 4-12: reuses, equals eager
    """,
)
def kinds_of_calls_alternate(s: Subject) -> None:
    """Calls that alternate between several kinds of arguments use the graph of their kind each time."""
    program = s.compile(lambda x, flag: x * 2 if flag else x.abs() + 1)
    for _ in range(4):
        program(s.randn(3), True)  # noqa: FBT003 - the program's own
        program(s.randn(3), False)  # noqa: FBT003 - the program's own
        program(s.randn(3, 2), True)  # noqa: FBT003 - the program's own
