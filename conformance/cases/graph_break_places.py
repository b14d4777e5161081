"""Wherever in Python's language a graph breaks, does the program go on as it does in eager?"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor


#: Gives back what it is given; it breaks the graph wherever it is called.
pause: Any = torch.compiler.disable(lambda value: value)


def loop_and_add(x: Tensor, times: int, seen: list[Any]) -> Any:
    """Breaks the graph in each turn of a loop, leaves some early, and the loop as well."""
    for turn in range(times):
        y = x + turn
        pause(0)
        if turn == 1:
            continue
        seen.append(y * 2)
        if turn == len(x):
            break
    else:
        seen.append("all")
    while (x := x * 2).dim() < pause(len(seen)) - 1:
        seen.pop()
    return x, turn


@scenario(
    ref="torch.compiler: core concepts / graph breaks",
    expect="""
    calls 1-4: runs uncompiled, equals eager
    """,
)
def loop_is_interrupted(s: Subject) -> None:
    """A loop with a graph break in it makes the turns that it makes in eager, through continue, break and else."""
    program = s.compile(loop_and_add)
    for size, times in (3, 3), (3, 6), (2, 6), (3, 2):
        program(s.randn(size), times, [])


class Noted:
    """A context that notes what becomes of it, and may swallow exceptions."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def __enter__(self) -> str:
        self.log.append("enters")
        return "inside"

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self.log.append(f"leaves with {kind.__name__ if kind else 'nothing'}")
        return kind is KeyError


def break_in_try(x: Tensor, log: list[str], fails: bool) -> Any:  # noqa: FBT001 - the program's own
    """Breaks in each part of a try statement."""
    try:
        y = pause(x + 1)
        if fails:
            raise ValueError("as it was asked")  # noqa: TRY301 - what it is about
        log.append("no error")
    except ValueError as error:
        log.append(str(error))
        y = pause(x) - 1
    else:
        y = pause(y) * 2
    finally:
        log.append("finally")
        x = pause(x) * 3
    return x + y


def break_in_context(x: Tensor, log: list[str], fails: bool) -> Any:  # noqa: FBT001 - the program's own
    """Breaks in a context of its own."""
    with Noted(log) as name:
        y = x * 2
        log.append(pause(name))
        if fails:
            raise KeyError(name)
        y = y + 1
    return y * 3


def break_in_modes(x: Tensor, log: list[str], fails: bool) -> tuple[Tensor, ...]:  # noqa: FBT001 - likewise
    """Breaks with gradients off, and again with them on."""
    with torch.no_grad():
        first = x * 2
        log.append(str(pause(torch.is_grad_enabled())))
        second = first + x
        with torch.enable_grad() if fails else contextlib.nullcontext():
            third = pause(x) * 3
        fourth = x * 4
    return first, second, third, fourth, x * 5


def break_in_stack(x: Tensor, log: list[str], fails: bool) -> Any:  # noqa: FBT001 - likewise
    """Breaks where several contexts are open."""
    y = x
    with contextlib.ExitStack() as stack:
        stack.callback(log.append, "called back")
        stack.enter_context(Noted(log))
        y = pause(x + 1)
        if fails:
            raise KeyError("again")
        stack.enter_context(torch.no_grad())
        y = pause(y) * 2
    return y - x


#: Blocks in which the graph breaks.
BLOCKS: dict[str, Callable[..., Any]] = {
    "try": break_in_try,
    "context": break_in_context,
    "modes": break_in_modes,
    "stack": break_in_stack,
}


@scenario(
    ref="torch.compiler: core concepts / graph breaks",
    axes={"block": ("try", "context", "modes", "stack")},
    tiers={"compiles": "may: which blocks can be broken into pieces varies"},
    expect={
        "block=try|context|stack": """
        calls 1-4: runs uncompiled, equals eager
        """,
        "torch<2.13": """
        call 1: compiles 3 graphs, equals eager
        call 2: compiles 3 graphs, equals eager
        call 3: compiles, equals eager
        call 4: compiles, equals eager
        """,
        "otherwise": """
        call 1: compiles 3 graphs, equals eager
        call 2: compiles 3 graphs, equals eager
        call 3: compiles 2 graphs, equals eager
        call 4: compiles 2 graphs, equals eager
        """,
    },
)
def block_is_interrupted(s: Subject) -> None:
    """A try or with block with a graph break in it is entered and left as in eager, and its state holds throughout."""
    program, log = s.compile(BLOCKS[s.axis("block")]), list[str]()
    for fails in False, True, False, True:
        program(s.randn(3).requires_grad_(), log, fails)


class Interrupting:
    """Breaks the graph in whatever the language calls."""

    def __init__(self, value: Any) -> None:
        self.value = pause(value)

    def __add__(self, other: Any) -> Any:
        return pause(self.value) + other

    def __getattr__(self, name: str) -> Any:
        return pause(len(name))

    def __call__(self, x: Any) -> Any:
        """The product."""
        return pause(x) * self.value

    def generate(self) -> Iterator[Any]:
        """Two values."""
        yield self.value + 1
        yield pause(self.value) + 2


#: Places in which the graph breaks.
PLACES: dict[str, Callable[[Tensor, Interrupting], Any]] = {
    "__init__": lambda x, each: Interrupting(x + 1).value * each.value,
    "operator": lambda x, each: (each + x) * 2,
    "attribute": lambda x, each: x * each.missing,
    "call": lambda x, each: each(x + 1) + x,
    "generator": lambda x, each: [x + y for y in each.generate()],
    "comprehension": lambda x, _: [pause(x + n) * n for n in range(3)],
    "key": lambda x, _: [x * n for n in sorted([3, 2, 4], key=lambda n: pause(-n))],
}


@scenario(
    ref="torch.compiler: core concepts / graph breaks",
    axes={
        "place": (
            "__init__",
            "operator",
            "attribute",
            "call",
            "generator",
            "comprehension",
            "key",
        )
    },
    tiers={"compiles": "may: in which places a frame can be broken into pieces varies"},
    expect={
        "place=attribute|generator": """
        calls 1-3: runs uncompiled, equals eager
        """,
        "place=call": """
        call 1: compiles 3 graphs, equals eager
        call 2: reuses, equals eager
        call 3: compiles 3 graphs, equals eager
        """,
        "place=comprehension": """
        call 1: compiles no graphs, equals eager
        call 2: reuses, equals eager
        call 3: compiles no graphs, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: compiles, equals eager
        """,
    },
)
def break_comes_from_within(s: Subject) -> None:
    """A program with a graph break in __init__, an operator, a generator or the like gives eager's results."""
    program, each = s.compile(PLACES[s.axis("place")]), Interrupting(s.randn(3))
    for size in 3, 3, 1:
        program(s.randn(size), each)
