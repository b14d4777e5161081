"""Is a string, an enum member, a dtype or another constant that is passed the one of the call?"""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


class Direction(enum.Enum):
    """Members of an enumeration."""

    UP = "up"
    DOWN = "down"


class Level(enum.IntEnum):
    """Members that are numbers."""

    LOW = 1
    HIGH = 2


class Right(enum.Flag):
    """Members that can be combined."""

    READ = 1
    WRITE = 2


#: For each kind of constant, a program and two constants of the kind.
CONSTANTS: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "text": (lambda x, c: x + len(c) if c.startswith("a") else -x, "abc", "b"),
    "bytes": (lambda x, c: x + c[0], b"a", b"b"),
    "member": (
        lambda x, c: (x + 1 if c is Direction.UP else -x, c.name),
        Direction.UP,
        Direction.DOWN,
    ),
    "number": (lambda x, c: (x + c, c.name, c < Level.HIGH), Level.LOW, Level.HIGH),
    "rights": (
        lambda x, c: x + 1 if Right.WRITE in c else -x,
        Right.READ,
        Right.READ | Right.WRITE,
    ),
    "complex": (lambda x, c: (x * c, c.imag), 1 + 2j, 1 - 2j),
    "no number": (lambda x, c: x * c.real, complex(5, math.nan), complex(7, math.nan)),
    "dtype": (lambda x, c: x.to(c), torch.int32, torch.float64),
    "slice": (lambda x, c: x[c] * 2, slice(1, None), slice(None, None, 2)),
    "range": (lambda x, c: x * len(c) + c[-1], range(3), range(1, 5)),
    "ellipsis": (lambda x, c: x[c] * 2 if c is ... else x[c, 0] * 3, ..., None),
    "tuple": (lambda x, c: x + c[0] * 2 + c[1], (2.5, True), (2.5, False)),
    "layout": (
        lambda x, c: torch.ones_like(x, memory_format=c),
        torch.channels_last,
        torch.preserve_format,
    ),
}


@scenario(
    ref="torch.compiler: recompilation / wrapping constants",
    axes={
        "kind": (
            "text",
            "bytes",
            "member",
            "number",
            "rights",
            "complex",
            "no number",
            "dtype",
            "slice",
            "range",
            "ellipsis",
            "tuple",
            "layout",
        )
    },
    expect={
        "kind=rights|layout": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        """,
        "kind=slice|ellipsis": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        """,
        "kind=member": """
        call 1: compiles, equals eager
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
def constant_is_passed(s: Subject) -> None:
    """A string, enum member, dtype, slice or other constant argument is the one of the call, at one graph a value."""
    function, first, other = CONSTANTS[s.axis("kind")]
    program, x = s.compile(function), s.randn(2, 2, 2, 3)
    for constant in first, other, first, other:
        program(x, constant)


@scenario(
    ref="torch.compiler: recompilation / wrapping constants",
    expect="""
    calls 1-5: compiles, result[3] shares storage with argument 0, equals eager
    call 6: reuses, result[3] shares storage with argument 0, equals eager
    """,
)
def number_selects_a_dimension(s: Subject) -> None:
    """The `dim` argument of a reduction or select is the one of the call, counted from either end."""

    def program(x: Tensor, dim: int, keep: bool) -> tuple[Tensor, ...]:  # noqa: FBT001 - the program's own
        return x.sum(dim, keepdim=keep), x.argmax(dim), x.softmax(dim), x.select(dim, -1)

    compiled, x = s.compile(program), s.randn(2, 3, 4)
    for dim, keep in (0, False), (1, False), (-1, True), (2, True), (-3, False), (0, False):
        compiled(x, dim, keep)


@scenario(
    ref="torch.compiler: recompilation / wrapping constants",
    needs=("symbolic_scalars",),
    expect="""
    calls 1-4: compiles, equals eager
    call 5: reuses, equals eager
    call 6: compiles, equals eager
    """,
)
def number_is_compared_with_true(s: Subject) -> None:
    """An int argument is never taken for a bool, and equals True only if it is 1, also once ints have varied."""

    def program(x: Tensor, n: int) -> tuple[Any, ...]:
        same = n is True, isinstance(n, bool), type(n).__name__
        return (x + n if n == True else x + 5), n in (True, 7), *same  # noqa: E712 - the program's own

    compiled = s.compile(program)
    for number in 7, 3, 1, True, 0, False:
        compiled(s.ones(2), number)
