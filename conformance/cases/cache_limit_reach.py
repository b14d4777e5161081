"""What counts towards the recompile limit, and what still works beyond it?"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from torch import nn

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def shift(x: Tensor, n: int) -> Tensor:
    """A program that needs a graph for every number, where numbers are static."""
    return x * n - n


@scenario(
    ref="torch.compiler: recompilation / recompile limit",
    needs=("recompile_limit",),
    expect="""
    calls 1-8: compiles, equals eager
    call 9: runs uncompiled, equals eager
    call 10: runs uncompiled, equals eager
    call 11: reuses, equals eager
    """,
)
def usual_limit_is_eight(s: Subject) -> None:
    """By default, eight graphs of one function are compiled; calls that need more run in eager."""
    program = s.compile(shift, dynamic=False)
    for number in range(10):
        program(s.ones(2), number)
    program(s.ones(2), 7)


@scenario(
    ref="torch.compiler: recompilation / recompile limit",
    needs=("recompile_limit", "dynamo_config"),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: runs uncompiled, equals eager
    reset
    call 4: compiles, equals eager
    call 5: compiles, equals eager
    call 6: runs uncompiled, equals eager
    reset
    """,
)
def reset_begins_the_count_anew(s: Subject) -> None:
    """After a reset, a function that had reached its recompile limit may be compiled as often as at first."""
    s.config(recompile_limit=2)
    program = s.compile(shift, dynamic=False)
    for _ in range(2):
        for number in range(3):
            program(s.ones(2), number)
        s.reset()


@scenario(
    ref="torch.compiler: recompilation / recompile limit",
    needs=("recompile_limit", "dynamo_config"),
    expect="""
    call 1: compiles, equals eager
    call 2: runs uncompiled, equals eager
    call 3: runs uncompiled, equals eager
    change: the limit is 3
    call 4: reuses, equals eager
    call 5: runs uncompiled, equals eager
    reset
    calls 6-8: compiles, equals eager
    call 9: runs uncompiled, equals eager
    """,
)
def raised_limit_needs_a_reset(s: Subject) -> None:
    """A function at its recompile limit is not compiled again until a reset, even if the limit is raised."""
    s.config(recompile_limit=1)
    program = s.compile(shift, dynamic=False)
    for number in range(3):
        program(s.ones(2), number)
    s.change("the limit is 3")
    s.config(recompile_limit=3)
    for number in range(2):
        program(s.ones(2), number)
    s.reset()
    for number in range(4):
        program(s.ones(2), number)


def make_shift(n: int) -> Callable[[Tensor], Tensor]:
    """A function of its own for each number."""
    return lambda x: x + n


@scenario(
    ref="torch.compiler: recompilation / recompile limit",
    needs=("recompile_limit", "dynamo_config"),
    axes={"made": ("closures", "partials")},
    expect="""
    call 1 of 0: compiles, equals eager
    call 2 of 1: compiles, equals eager
    call 3 of 2: runs uncompiled, equals eager
    call 4 of 3: runs uncompiled, equals eager
    call 5 of 0: reuses, equals eager
    call 6 of 1: reuses, equals eager
    call 7 of 2: runs uncompiled, equals eager
    call 8 of 3: runs uncompiled, equals eager
    """,
)
def functions_of_one_code_share_the_limit(s: Subject) -> None:
    """Closures or partials of the same code share one recompile limit, and each uses its own captured values."""
    s.config(recompile_limit=2)
    make: Any = (
        make_shift if s.axis("made") == "closures" else lambda n: functools.partial(shift, n=n)
    )
    programs = [s.compile(make(n + 1), name=str(n), dynamic=False) for n in range(4)]
    for _ in range(2):
        for program in programs:
            program(s.ones(2))


class Stage(nn.Module):
    """A layer with a number of its own."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.linear, self.number = nn.Linear(2, 2), number

    def forward(self, x: Tensor) -> Tensor:
        """Its own number and its own weights."""
        return self.linear(x) + self.number  # type: ignore[no-any-return]


@scenario(
    ref="torch.compiler: recompilation / recompile limit",
    needs=("recompile_limit", "dynamo_config"),
    expect="""
    call 1 of stage 0: compiles, equals eager
    call 2 of stage 1: compiles, equals eager
    call 3 of stage 2: runs uncompiled, equals eager
    call 4 of stage 3: runs uncompiled, equals eager
    call 5 of stage 0: reuses, equals eager
    call 6 of stage 1: reuses, equals eager
    call 7 of stage 2: runs uncompiled, equals eager
    call 8 of stage 3: runs uncompiled, equals eager
    gradients: equals eager
    """,
)
def modules_beyond_the_limit(s: Subject) -> None:
    """Modules of one class share a recompile limit; those beyond it run in eager, with their own weights, and train."""
    s.config(recompile_limit=2)
    stages = [s.place(Stage(number)) for number in range(4)]
    programs = [s.compile(each, name=f"stage {each.number}", dynamic=False) for each in stages]
    for _ in range(2):
        x = s.randn(1, 2)
        for program in programs:
            x = program(x).sin()
        x.sum().backward()
    s.note("gradients", [each.linear.weight.grad for each in stages])


@scenario(
    ref="torch.compiler: recompilation / recompile limit",
    needs=("recompile_limit", "dynamo_config"),
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    call 2: compiles, mutates argument 0, equals eager
    call 3: runs uncompiled, mutates argument 0, equals eager
    call 4: reuses, mutates argument 0, equals eager
    call 5: runs uncompiled, mutates argument 0, equals eager
    call 6: reuses, mutates argument 0, equals eager
    """,
)
def effects_beyond_the_limit(s: Subject) -> None:
    """Mutation and side effects happen once in each call, within the recompile limit and beyond it."""
    s.config(recompile_limit=2)

    def program(x: Tensor, n: int, log: list[Any]) -> Tensor:
        x.add_(n)
        log.append(n)
        return x * n

    compiled = s.compile(program, dynamic=False)
    for number in 1, 2, 3, 1, 3, 2:
        compiled(s.ones(2), number, [])
