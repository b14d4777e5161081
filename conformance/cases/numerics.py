"""Are the values of compiled code those of eager, in every dtype and at the edges of each?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@scenario(
    ref="torch.compiler: core concepts / results",
    axes={"left": ("bool", "int64", "float16", "float64")},
    expect="""
    calls 1-4: compiles, equals eager
    """,
)
def dtypes_are_mixed(s: Subject) -> None:
    """Operations on two dtypes, or on a tensor and a number, give eager's dtype and values in either order."""

    def program(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        return x + y, y * x, x * 2, x + 1.5, y[0] + x, torch.where(x == 0, x, y), x / 2

    compiled, left = s.compile(program), s.arange(3).to(getattr(torch, s.axis("left")))
    for right in torch.uint8, torch.bfloat16, torch.float32, torch.complex64:
        compiled(left, s.ones(3).to(right))


#: What is done to whole numbers.
WHOLE: dict[str, Callable[[Tensor], Any]] = {
    "overflow": lambda x: (x + 100, x * 3, x - 101, -x, x.abs(), x << 1),
    "division": lambda x: (x // 3, x % 3, x // -3, x % -3, torch.fmod(x, 3), torch.div(x, 2)),
    "rounding": lambda x: (
        torch.div(x, 4, rounding_mode="trunc"),
        torch.div(x, 4, rounding_mode="floor"),
        torch.remainder(x, 4),
        x.float().round().to(x.dtype),
    ),
    "bits": lambda x: (x & 6, x | 9, x ^ 5, ~x, x >> 1, torch.bitwise_not(x)),
    "sums": lambda x: (x.sum(), x.prod(), x.cumsum(0), x.max(), x.argmin(), (x > 0).sum()),
    "comparison": lambda x: (
        x > 1,
        x == 1,
        x.clamp(2, 100),
        x.sign(),
        torch.maximum(x, x.flip(0)),
        x == x.flip(0),
    ),
}

#: The first whole numbers that fractions of 32 and 64 bits do not have; `flip` sets each against its neighbour.
GREAT = (2**53 + 1, 2**24 + 1), (2**24, 2**53)


@scenario(
    ref="torch.compiler: core concepts / results",
    axes={"kind": ("overflow", "division", "rounding", "bits", "sums", "comparison")},
    expect="""
    calls 1-4: compiles, equals eager
    """,
)
def whole_numbers_in_tensors(s: Subject) -> None:
    """Integer tensors overflow, divide, round, shift, compare and keep all digits in compiled code as in eager."""
    program = s.compile(WHOLE[s.axis("kind")])
    numbers = s.full((12,), 0, dtype=torch.int64)
    first, last = GREAT
    for place, number in enumerate((*first, -128, -7, -1, 0, 1, 7, 100, 127, *last)):
        numbers[place] = number
    for dtype in torch.int8, torch.uint8, torch.int64, torch.int32:
        program(numbers.to(dtype))


def signs_of_zeros(*results: Tensor) -> list[Tensor]:
    """Where there is a negative zero, and then the results themselves: to a comparison both zeros are equal."""
    return [each.signbit() & (each == 0) for each in results] + [*results]


#: Functions at whose edges compilers differ.
EDGES: dict[str, Callable[[Tensor], Any]] = {
    "order": lambda x: (x.max(), x.min(), x.clamp(-1, 1), torch.maximum(x, -x), torch.fmax(x, -x)),
    "places": lambda x: (x.argmax(), x.argmin(), x.sort().values, x.isnan(), x.isinf()),
    "signs": lambda x: (x.sign(), 1 / x, torch.copysign(x.abs(), -x), x.abs(), torch.signbit(x)),
    "zeros": lambda x: signs_of_zeros(
        x.round(), x.trunc(), x.ceil(), -x, 0 - x, x + 0, x - 0, x * -1, x / -2, x.sqrt(), -x.abs()
    ),
    "rounding": lambda x: (
        x.round(),
        x.floor(),
        x.ceil(),
        x.trunc(),
        x.frac(),
        x.round(decimals=1),
    ),
    "powers": lambda x: (x**0, x**2, x**0.5, x**-1, 2**x, x**x, x.sqrt(), x.rsqrt()),
    "logarithms": lambda x: (x.log(), x.log1p(), x.exp(), x.expm1(), x.log2(), torch.xlogy(x, x)),
    "activations": lambda x: (
        x.relu(),
        x.sigmoid(),
        x.tanh(),
        torch.nn.functional.softplus(x),
        torch.nn.functional.elu(x),
    ),
    "sums": lambda x: (
        x.sum(),
        x[2:6].mean(),
        x.nansum(),
        x.softmax(0),
        x[:6].logsumexp(0),
        x.cumsum(0),
    ),
    "division": lambda x: (x % 3, x // 2, torch.fmod(x, 2), x / 0, torch.remainder(x, -2)),
    "replacement": lambda x: (x.nan_to_num(), torch.where(x > 0, x, 0), x * 0, x - x, x == x),  # noqa: PLR0124
    "comparison": lambda x: (
        x > 0,
        x >= 0,
        x != x.abs(),
        (x < 1) | (x > 0),
        x.isclose(x, equal_nan=True),
    ),
}


@scenario(
    ref="torch.compiler: FAQ / results that differ",
    axes={
        "kind": (
            "order",
            "places",
            "signs",
            "zeros",
            "rounding",
            "powers",
            "logarithms",
            "activations",
            "sums",
            "division",
            "replacement",
            "comparison",
        )
    },
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    """,
)
def numbers_at_the_edge(s: Subject) -> None:
    """Infinities, NaN, both zeros, halves and other extreme values give in compiled code what they give in eager."""
    program = s.compile(EDGES[s.axis("kind")])
    numbers = s.zeros(16)
    edges = (0.0, -0.0, 0.5, 1.5, -2.5, 3.0, 1e30, -1e30, 1e-40, float("inf"), -float("inf"))
    for place, number in enumerate((*edges, float("nan"), -1.0, 88.8, -104.0, 2.0)):
        numbers[place] = number
    program(numbers)
    program(numbers.double())


@scenario(
    ref="torch.compiler: FAQ / results that differ",
    axes={"dtype": ("bfloat16", "float16")},
    expect="""
    call 1: compiles, resembles eager
    whether all are near: equals eager
    """,
)
def low_precision(s: Subject) -> None:
    """Results in bfloat16 and float16 are near the exact ones where eager's are, and have eager's dtype."""

    def program(x: Tensor) -> tuple[Tensor, ...]:
        return x.softmax(-1), x.sum(-1), x * 3 + 1, x.mean(0), (x * x).sum().sqrt(), x @ x.t()

    compiled = s.compile(program, compare="metadata")
    exact = s.randn(16, 16, dtype=torch.float64)
    results = compiled(exact.to(getattr(torch, s.axis("dtype"))))
    errors = [
        (a - b).abs().max() / b.abs().max() for a, b in zip(results, program(exact), strict=True)
    ]
    s.note("whether all are near", [bool(error < 0.03) for error in errors])  # noqa: PLR2004


@scenario(
    ref="torch.compiler: FAQ / results that differ",
    expect="""
    call 1: compiles, resembles eager
    whether all are near: equals eager
    """,
)
def great_sums_are_exact(s: Subject) -> None:
    """A sum, mean or variance of many values far from zero is near the exact one where eager's is."""

    def program(x: Tensor) -> tuple[Tensor, ...]:
        return x.sum(), x.mean(), x.var(), x.std(0), x.norm(), x.cumsum(0)[-1], x.sum(1)

    compiled = s.compile(program, compare="metadata")
    exact = s.randn(64, 512, dtype=torch.float64) + 1000
    near = [
        bool(((a - b).abs() <= b.abs() * 1e-3).all())
        for a, b in zip(compiled(exact.float()), program(exact), strict=True)
    ]
    s.note("whether all are near", near)


#: What is done to complex numbers.
COMPLEX: dict[str, Callable[[Tensor], Any]] = {
    "arithmetic": lambda x: (x * x, x / (x + 1), x - 1j, x * 2, -x, x**2),
    "parts": lambda x: (x.real * 2, x.imag + 1, x.abs(), x.angle(), x.conj() * 1),
    "sums": lambda x: (x.sum(), x.mean(), x.prod(), x @ x, torch.vdot(x, x)),
    "functions": lambda x: (x.exp(), x.sqrt(), x.sin(), torch.view_as_real(x) + 1),
    "comparison": lambda x: (x == x.conj(), x != 0, torch.where(x.real > 0, x, -x)),
}


@scenario(
    ref="torch.compiler: core concepts / results",
    axes={"kind": ("arithmetic", "parts", "sums", "functions", "comparison")},
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    """,
)
def complex_numbers_in_tensors(s: Subject) -> None:
    """Operations on complex tensors give eager's results."""
    program = s.compile(COMPLEX[s.axis("kind")])
    for _ in range(2):
        program(torch.complex(s.randn(4), s.randn(4)))


@scenario(
    ref="torch.compiler: core concepts / results",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    """,
)
def numbers_change_dtype(s: Subject) -> None:
    """A value that is converted to another dtype is truncated, wrapped or rounded as in eager, step by step."""

    def program(x: Tensor) -> list[Tensor]:
        whole = [x.to(dtype) for dtype in (torch.int8, torch.int32, torch.bool)]
        rounded = [x.to(torch.float8_e4m3fn).to(torch.float64), x.to(torch.bfloat16), x.half()]
        return [*whole, *rounded, x.double() * 0.1, (x * 0.1).double(), x.long().float() / 3]

    compiled, numbers = s.compile(program), s.zeros(8)
    for place, number in enumerate((0.0, -0.5, 1.9, -1.9, 100.4, 3.14159, -127.0, 0.001)):
        numbers[place] = number
    compiled(numbers)
    compiled(-numbers)


@scenario(
    ref="torch.compiler: core concepts / results",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    """,
)
def bits_are_read_otherwise(s: Subject) -> None:
    """A view in another dtype reads the bits that are in memory, also of values just computed."""

    def program(x: Tensor) -> tuple[Tensor, ...]:
        y = x * 2
        halves = y.view(torch.int16) & 255
        return y.view(torch.int32) + 1, (y.view(torch.int32) ^ 1).view(torch.float32), halves

    compiled = s.compile(program)
    for _ in range(2):
        compiled(s.randn(4))


@scenario(
    ref="torch.compiler: core concepts / results",
    axes={"index": ("int32", "int64", "uint8", "bool")},
    expect={
        "index=uint8|bool": """
        call 1: compiles 2 graphs, equals eager
        call 2: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        """,
    },
)
def indices_of_every_dtype(s: Subject) -> None:
    """Index tensors of integer dtypes, negative values included, and masks select what they select in eager."""
    dtype = getattr(torch, s.axis("index"))
    program = s.compile(lambda x, i: x[i] * 2)
    x = s.randn(4, 4)
    for step in 1, -1:
        index = (s.arange(4) % 3).to(torch.int64) * (
            1 if dtype in (torch.uint8, torch.bool) else step
        )
        program(x, (index > 1 if dtype is torch.uint8 else index).to(dtype))


#: Ways to ask how far numbers are spread; those of one argument take the dimensions of the call.
SPREADS: dict[str, Callable[[Tensor, Any], Any]] = {
    "unasked": lambda x, dim: (x.std(), x.var(), x.std(dim), x.var(dim), torch.var_mean(x, dim)),
    "unbiased": lambda x, dim: (x.std(dim, unbiased=True), torch.var(x, unbiased=True)),
    "biased": lambda x, dim: (x.var(dim, unbiased=False), torch.std(x, unbiased=False)),
    "corrected": lambda x, dim: (
        x.var(dim, correction=0),
        x.std(dim, correction=2, keepdim=True),
        torch.std_mean(x, dim, correction=0),
        x.var(correction=3),
    ),
}


@scenario(
    ref="torch.var",
    axes={"asked": ("unasked", "unbiased", "biased", "corrected")},
    expect="""
    calls 1-4: compiles, equals eager
    call 5: reuses, equals eager
    gradient: equals eager
    """,
)
def spread_is_corrected_as_asked(s: Subject) -> None:
    """By default std and var are unbiased; they have the correction and the dim that each call asks for."""
    program = s.compile(SPREADS[s.axis("asked")], dynamic=False)
    for dim in 0, 1, (0, 2), -1, 1:
        x = s.randn(3, 4, 5).requires_grad_()
        first = program(x, dim)[0]
    s.note("gradient", torch.autograd.grad(first.sum(), x))


@scenario(
    ref="torch.var",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    calls 3-5: reuses, equals eager
    """,
)
def spread_is_by_the_number_of_the_call(s: Subject) -> None:
    """With dynamic shapes, std and var divide by the number of elements of each call, down to two rows."""
    program = s.compile(lambda x: (x.std(), x.var(0), x.var(0, correction=0)))
    for rows in 4, 3, 9, 2, 5:
        program(s.randn(rows, 3))
