"""What happens when a function reaches the recompile limit?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


def turn_around(x: Tensor, n: int) -> Tensor:
    """A program that needs a graph for every number, where numbers are static."""
    return n - x


def use_thrice(x: Tensor, n: int) -> Tensor:
    """Uses a number here, in a function that it calls, and in one that that one calls."""

    def inner(y: Tensor) -> Tensor:
        return turn_around(y + n, n)

    return inner(x + n)


def add_and_mark(x: Tensor, n: int) -> Tensor:
    """Adds a number twice, and 1 or 2 more wherever it finds itself being compiled."""
    x = x + n
    if torch.compiler.is_compiling():
        x = x + 1
    return mark_inner(x, n)


def mark_inner(x: Tensor, n: int) -> Tensor:
    """The second half of `add_and_mark`."""
    x = x + n
    return x + 2 if torch.compiler.is_compiling() else x


@scenario(
    ref="torch.compiler: recompilation / recompile limit",
    seed=("test_no_recursive_compile_after_cache_limit_hit",),
    needs=("recompile_limit", "dynamo_config"),
    tells=("ops",),
    axes={"limit": (2, 4, 8), "dynamic": (False, None)},
    expect={
        "dynamic=None": """
        call 1: compiles, 3 ops, equals eager
        call 2: compiles, 3 ops, equals eager
        calls 3-12: reuses, equals eager
        change: the first two numbers come again
        call 13: reuses, equals eager
        call 14: reuses, equals eager
        """,
        "limit=2": """
        call 1: compiles, 3 ops, equals eager
        call 2: compiles, 3 ops, equals eager
        calls 3-12: runs uncompiled, equals eager
        change: the first two numbers come again
        call 13: reuses, equals eager
        call 14: reuses, equals eager
        """,
        "limit=4": """
        calls 1-4: compiles, 3 ops, equals eager
        calls 5-12: runs uncompiled, equals eager
        change: the first two numbers come again
        call 13: reuses, equals eager
        call 14: reuses, equals eager
        """,
        "limit=8": """
        calls 1-8: compiles, 3 ops, equals eager
        calls 9-12: runs uncompiled, equals eager
        change: the first two numbers come again
        call 13: reuses, equals eager
        call 14: reuses, equals eager
        """,
    },
)
def callees_stay_uncompiled(s: Subject) -> None:
    """Beyond the recompile limit a function and all that it calls run in eager; its earlier graphs are still used."""
    s.config(recompile_limit=s.axis("limit"))
    program = s.compile(use_thrice, dynamic=s.axis("dynamic"))
    for number in range(12):
        program(s.ones(3), number)
    s.change("the first two numbers come again")
    for number in range(2):
        program(s.ones(3), number)


@scenario(
    ref="torch.compiler: recompilation / recompile limit",
    seed=("test_run_mode_after_cache_limit_hit",),
    needs=("recompile_limit", "dynamo_config"),
    tells=("ops",),
    axes={"dynamic": (False, None)},
    expect={
        "dynamic=False": """
        call 1: compiles, 4 ops, returns [4, 4, 4]
        call 2: compiles, 4 ops, returns [6, 6, 6]
        call 3: runs uncompiled, returns [5, 5, 5]
        call 4: runs uncompiled, returns [7, 7, 7]
        call 5: reuses, returns [4, 4, 4]
        call 6: reuses, returns [6, 6, 6]
        call 7: runs uncompiled, returns [5, 5, 5]
        call 8: runs uncompiled, returns [7, 7, 7]
        """,
        "dynamic=None": """
        call 1: compiles, 4 ops, returns [4, 4, 4]
        call 2: compiles, 4 ops, returns [6, 6, 6]
        call 3: reuses, returns [8, 8, 8]
        call 4: reuses, returns [10, 10, 10]
        call 5: reuses, returns [4, 4, 4]
        call 6: reuses, returns [6, 6, 6]
        call 7: reuses, returns [8, 8, 8]
        call 8: reuses, returns [10, 10, 10]
        """,
    },
)
def program_can_tell(s: Subject) -> None:
    """For a program, torch.compiler.is_compiling() is true in compiled calls and false beyond the recompile limit."""
    s.config(recompile_limit=2)
    program = s.compile(add_and_mark, tell=True, dynamic=s.axis("dynamic"))
    for number in 0, 1, 2, 3, 0, 1, 2, 3:
        program(s.ones(3), number)


@scenario(
    ref="torch._dynamo.config.fail_on_recompile_limit_hit",
    needs=("recompile_limit", "dynamo_config", "torch_compile"),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: raises torch._dynamo.exc.FailOnRecompileLimitHit while tracing
    call 4: raises torch._dynamo.exc.FailOnRecompileLimitHit while tracing
    """,
)
def limit_can_be_an_error(s: Subject) -> None:
    """With fail_on_recompile_limit_hit, every call that needs a graph beyond the recompile limit raises."""
    s.config(recompile_limit=2, fail_on_recompile_limit_hit=True)
    program = s.compile(turn_around, dynamic=False)
    for number in range(4):
        s.attempt(program, s.ones(3), number)


@scenario(
    ref="torch.compile: fullgraph",
    needs=("recompile_limit", "dynamo_config", "fullgraph", "torch_compile"),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: raises torch._dynamo.exc.FailOnRecompileLimitHit while tracing
    call 4: raises torch._dynamo.exc.FailOnRecompileLimitHit while tracing
    """,
)
def full_graphs_cannot_fall_back(s: Subject) -> None:
    """With fullgraph=True, a call that needs a graph beyond the recompile limit raises instead of running in eager."""
    s.config(recompile_limit=2)
    program = s.compile(turn_around, dynamic=False, fullgraph=True)
    for number in range(4):
        s.attempt(program, s.ones(3), number)


@scenario(
    ref="torch._dynamo.config.accumulated_recompile_limit",
    needs=("recompile_limit", "dynamo_config"),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: runs uncompiled, equals eager
    call 4: runs uncompiled, equals eager
    """,
)
def accumulated_limit(s: Subject) -> None:
    """Beyond accumulated_recompile_limit calls run in eager, also where recompile_limit would allow more graphs."""
    s.config(recompile_limit=8, accumulated_recompile_limit=2)
    program = s.compile(turn_around, dynamic=False)
    for number in range(4):
        program(s.ones(3), number)


@scenario(
    ref="torch.compile: recompile_limit",
    needs=("recompile_limit", "torch_compile"),
    axes={"limit": (2, 3)},
    torch=">=2.12",
    expect={
        "limit=2": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        calls 3-5: runs uncompiled, equals eager
        """,
        "limit=3": """
        calls 1-3: compiles, equals eager
        call 4: runs uncompiled, equals eager
        call 5: runs uncompiled, equals eager
        """,
    },
)
def limit_as_keyword(s: Subject) -> None:
    """The recompile_limit keyword of torch.compile sets the limit of the function that is compiled with it."""
    program = s.compile(turn_around, dynamic=False, recompile_limit=s.axis("limit"))
    for number in range(5):
        program(s.ones(3), number)


@scenario(
    ref="torch.compile: isolate_recompiles",
    needs=("recompile_limit", "dynamo_config", "torch_compile"),
    axes={"isolate": (False, True)},
    exact="isolated wrappers must not share code",
    torch=">=2.13",
    expect={
        "isolate=False": """
        call 1 of the first wrapper: compiles, equals eager
        call 2 of the second wrapper: reuses, equals eager
        call 3 of the first wrapper: compiles, equals eager
        call 4 of the second wrapper: reuses, equals eager
        call 5 of the first wrapper: runs uncompiled, equals eager
        call 6 of the second wrapper: runs uncompiled, equals eager
        """,
        "isolate=True": """
        call 1 of the first wrapper: compiles, equals eager
        call 2 of the second wrapper: compiles, equals eager
        call 3 of the first wrapper: compiles, equals eager
        call 4 of the second wrapper: compiles, equals eager
        call 5 of the first wrapper: runs uncompiled, equals eager
        call 6 of the second wrapper: runs uncompiled, equals eager
        """,
    },
)
def wrappers_share_the_limit(s: Subject) -> None:
    """Two torch.compile wrappers of one function share graphs and recompile limit, unless isolate_recompiles=True."""
    s.config(recompile_limit=2)
    options: dict[str, Any] = {"isolate_recompiles": True} if s.axis("isolate") else {}
    first = s.compile(turn_around, dynamic=False, name="the first wrapper", **options)
    second = s.compile(turn_around, dynamic=False, name="the second wrapper", **options)
    for number in range(3):
        first(s.ones(3), number)
        second(s.ones(3), number)
