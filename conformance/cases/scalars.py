"""Does a Python number that is passed have the value and the type of the call?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@scenario(
    ref="torch.compiler: recompilation / wrapping constants",
    needs=("symbolic_scalars", "dynamic_shapes"),
    expect="""
    calls 1-3: compiles, equals eager
    call 4: reuses, equals eager
    call 5: reuses, equals eager
    calls 6-8: compiles, equals eager
    call 9: reuses, equals eager
    call 10: reuses, equals eager
    """,
)
def equal_numbers_differ_in_kind(s: Subject) -> None:
    """Numbers that are equal but of different types, such as 1, 1.0 and True, are not taken for each other."""
    program, x = s.compile(lambda x, n: (-x + n, n)), s.arange(3, dtype=torch.int64)
    for number in 1, 1.0, True, 1, True, 0, False, 0.0, 1.0, 0:
        program(x, number)


#: Numbers that follow each other, of which none may be taken for the one before it.
SPECIAL: dict[str, tuple[float, ...]] = {
    "not a number": (math.nan, math.nan, 1.0, math.nan),
    "infinity": (math.inf, -math.inf, 1.0, math.inf),
    "zero": (0.0, -0.0, 2.5, -0.0),
    "least": (5e-324, 0.0, -5e-324, 1e300),
}


@scenario(
    ref="torch.compiler: recompilation / wrapping constants",
    axes={"number": ("not a number", "infinity", "zero", "least")},
    needs=("symbolic_scalars",),
    expect={
        "number=not a number": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: compiles, equals eager
        call 4: reuses, equals eager
        """,
        "number=infinity|zero": """
        calls 1-3: compiles, equals eager
        call 4: reuses, equals eager
        """,
        "otherwise": """
        calls 1-4: compiles, equals eager
        """,
    },
)
def special_numbers(s: Subject) -> None:
    """Infinities, NaN, both zeros and the smallest floats are told apart from call to call."""

    def program(x: Tensor, n: float) -> tuple[Any, ...]:
        return -x * n, torch.copysign(x, torch.full_like(x, n)), n, math.copysign(1.0, n)

    compiled = s.compile(program)
    for number in SPECIAL[s.axis("number")]:
        compiled(s.ones(2, dtype=torch.float64), number)


#: What Python computes with whole numbers.
WHOLE: dict[str, Callable[[int], Any]] = {
    "division": lambda n: (n // 3, n % 3, n // -3, n % -3),
    "fraction": lambda n: (n / 4, round(n / 4), int(n / 4), -n),
    "bits": lambda n: (n & 6, n | 8, n ^ 5, n << 2, n >> 1, ~n),
    "power": lambda n: (n**2, n**3, abs(n) ** 0.5, 2 ** abs(n)),
    "order": lambda n: (min(n, 3), max(n, 3), abs(n), n > 1, n == 1, not n),
    "text": lambda n: (str(n), f"{n:03d}", int(str(n)), len(str(n))),
}


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic of numbers",
    axes={"kind": ("division", "fraction", "bits", "power", "order", "text")},
    needs=("symbolic_scalars",),
    expect={
        "kind=division": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        calls 3-8: reuses, equals eager
        """,
        "kind=order": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        call 5: compiles, equals eager
        calls 6-8: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        calls 3-8: reuses, equals eager
        """,
    },
)
def whole_numbers_are_computed(s: Subject) -> None:
    """What a program computes from an int argument is what Python computes, type and sign included."""
    compute = WHOLE[s.axis("kind")]
    program = s.compile(lambda x, n: (x * 2 + n, compute(n)))
    for number in 5, 7, -7, -8, 0, 1, -1, 12:
        program(s.ones(2), number)


#: What Python computes with fractions.
FRACTIONS: dict[str, Callable[[float], Any]] = {
    "arithmetic": lambda n: (n * 2, n - 1, 1 / n, n // 1, -n, abs(n)),
    "remainder": lambda n: (n % 1, n % -2),
    "power": lambda n: (n**2, 2**n),
    "rounding": lambda n: (
        int(n),
        round(n),
        round(n, 1),
        math.floor(n),
        math.ceil(n),
        math.trunc(n),
    ),
    "functions": lambda n: (math.exp(n), math.sin(n), math.sqrt(abs(n)), math.pow(2, n)),
    "order": lambda n: (min(n, 1.0), max(n, 1), n > 1, n == 1, n.is_integer(), math.isnan(n)),
    "text": lambda n: (str(n), f"{n:.2f}", float(str(n))),
}


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic of numbers",
    axes={"kind": ("arithmetic", "remainder", "power", "rounding", "functions", "order", "text")},
    needs=("symbolic_scalars",),
    tiers={"compiles": "may: which numbers are folded into a graph is up to the implementation"},
    expect={
        "kind=functions": """
        calls 1-4: compiles, equals eager
        """,
        "kind=arithmetic|rounding": """
        calls 1-4: compiles, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        """,
    },
)
def fractions_are_computed(s: Subject) -> None:
    """What a program computes from a float argument is what Python computes, type and sign included."""
    compute = FRACTIONS[s.axis("kind")]
    program = s.compile(lambda x, n: (x * 2 + n, compute(n)))
    for number in 1.5, 0.5, 2.5, -2.5:
        program(s.ones(2), number)


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic of numbers",
    needs=("symbolic_scalars",),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    calls 3-8: reuses, equals eager
    """,
)
def great_numbers(s: Subject) -> None:
    """An int argument keeps all its digits; one that int64 cannot hold is computed, or refused, as in eager."""
    program = s.compile(lambda x, n: (x + n, n * 4, n + 1))
    x = s.zeros(2, dtype=torch.int64)
    for number in 5, 6, 2**31, 2**53 + 1, 2**62 + 1, -(2**63), 2**63, 7:
        s.attempt(program, x, number)


#: What a number can be in a program, apart from an operand.
ROLES: dict[str, Callable[[Tensor, int], Any]] = {
    "size": lambda x, n: torch.cat([x.new_ones(n, 2), x]),
    "end": lambda x, n: x[:n] * 2,
    "step": lambda x, n: x[:: n + 1] * 2,
    "count": lambda x, n: x.repeat(n, 1) + n,
    "best": lambda x, n: x.topk(n // 2, 0).values,
}


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic of numbers",
    axes={
        "role": (
            "size",
            "end",
            "step",
            "count",
            "best",
        )
    },
    needs=("symbolic_scalars", "dynamic_shapes"),
    tiers={"compiles": "may: which numbers are folded into a graph is up to the implementation"},
    expect={
        "role=end": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: compiles, equals eager
        call 5: compiles, equals eager
        call 6: reuses, equals eager
        call 7: compiles, equals eager
        """,
        "role=step": """
        calls 1-4: compiles, equals eager
        calls 5-7: reuses, equals eager
        """,
        "role=count": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: compiles, equals eager
        calls 5-7: reuses, equals eager
        """,
        "role=size": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: compiles, equals eager
        call 5: compiles, equals eager
        call 6: reuses, equals eager
        call 7: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: compiles, equals eager
        call 5: reuses, equals eager
        call 6: compiles, equals eager
        call 7: reuses, equals eager
        """,
    },
)
def number_has_a_role(s: Subject) -> None:
    """An int argument used as a size, slice end, step, repeat count or for topk has eager's result, also at 0."""
    role = ROLES[s.axis("role")]
    program, x = s.compile(role), s.randn(6, 2)
    for number in 3, 4, 5, 0, 1, 2, 7:
        program(x, number)


#: Programs in which a number meets no tensor, or one of another kind.
MEETINGS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "operand": lambda x, n: x * n,
    "bound": lambda x, n: x.clamp(max=n),
    "two": lambda x, n: torch.where(x > 1, n, -n),
    "tensor": lambda x, n: torch.tensor([n, 1], device=x.device),
    "power": lambda x, n: n**x,
    "remainder": lambda x, n: x + n % 2,
}


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic of numbers",
    axes={"role": ("operand", "bound", "two", "tensor", "power", "remainder")},
    needs=("symbolic_scalars",),
    tiers={"compiles": "may: which numbers are folded into a graph is up to the implementation"},
    expect={
        "role=bound|two|tensor|power": """
        calls 1-3: compiles, equals eager
        call 4: reuses, equals eager
        calls 5-7: compiles, equals eager
        call 8: reuses, equals eager
        """,
        "otherwise": """
        calls 1-3: compiles, equals eager
        call 4: reuses, equals eager
        call 5: compiles, equals eager
        call 6: reuses, equals eager
        call 7: compiles, equals eager
        call 8: reuses, equals eager
        """,
    },
)
def number_has_no_dtype(s: Subject) -> None:
    """A number argument beside a tensor of any dtype gives eager's dtype, also once the number has varied."""
    meet = MEETINGS[s.axis("role")]
    program = s.compile(meet)
    for dtype in torch.int32, torch.bfloat16:
        for number in 1.5, 2.5, 3, 4:
            program(s.arange(4, dtype=dtype), number)


@scenario(
    ref="torch.compiler: recompilation / branches on arguments",
    needs=("symbolic_scalars",),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: compiles, equals eager
    call 5: reuses, equals eager
    call 6: compiles, equals eager
    call 7: reuses, equals eager
    call 8: reuses, equals eager
    """,
)
def number_decides(s: Subject) -> None:
    """A branch on number arguments is taken by those of the call, at one graph a branch once they have varied."""

    def program(x: Tensor, n: int, limit: float) -> Tensor:
        if n * 2 > 10 and n % 2 == 0:  # noqa: PLR2004 - the program's own
            return x + n
        return x - n if n >= limit else x * n

    compiled = s.compile(program)
    for limit, numbers in (2.5, (3, 4, 5, 6, 8)), (8.5, (4, 5, 10)):
        for number in numbers:
            compiled(s.ones(2), number, limit)


@scenario(
    ref="torch.compiler: recompilation / wrapping constants",
    expect="""
    call 1: compiles, equals eager
    calls 2-6: reuses, equals eager
    """,
)
def tensor_of_one_number_varies(s: Subject) -> None:
    """A number that is passed as a 0-dimensional tensor may have any value at the cost of one graph."""
    program = s.compile(lambda x, rate: (x - rate * x, rate + 1))
    for rate in 0.0, 1.0, 0.5, -0.0, math.inf, math.nan:
        program(s.ones(2), s.full((), rate))
