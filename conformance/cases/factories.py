"""Do tensors that a program makes have the dtype, the layout and the device that eager gives them?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

#: Ways to make a tensor on a device, without naming a dtype.
MADE: dict[str, Callable[[Any], tuple[Tensor, ...]]] = {
    "filled": lambda device: (
        torch.zeros(2, device=device),
        torch.full((2,), 1, device=device),
        torch.full((2,), True, device=device),  # noqa: FBT003 - the program's own
        torch.full((2,), 0.5, device=device),
        torch.full((), 1 + 2j, device=device),
    ),
    "counted": lambda device: (
        torch.arange(3, device=device),
        torch.arange(0.5, 3, device=device),
        torch.arange(3, 0, -2, device=device),
        torch.linspace(0, 1, 3, device=device),
        torch.logspace(0, 2, 3, device=device),
    ),
    "shaped": lambda device: (
        torch.eye(2, 3, device=device),
        torch.tril_indices(2, 2, device=device),
        torch.ones(2, 0, device=device),
        torch.empty(2, 3, device=device).fill_(7),
        torch.hann_window(4, device=device),
    ),
    "listed": lambda device: (
        torch.tensor([1, 2], device=device),
        torch.tensor([[1, 2.5]], device=device),
        torch.tensor([True, False], device=device),
        torch.tensor([], device=device),
        torch.as_tensor(3, device=device),
    ),
}


@scenario(
    ref="torch.compiler: core concepts / results",
    axes={"way": ("filled", "counted", "shaped", "listed")},
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    """,
)
def kinds_of_new_tensors(s: Subject) -> None:
    """Tensors made by torch.full, arange, eye, tensor and the like have eager's dtype and device, in every call."""
    make = MADE[s.axis("way")]
    program = s.compile(lambda x: [each + 0 for each in make(x.device)] + [x * 2])
    for _ in range(2):
        program(s.randn(2))


@scenario(
    ref="torch.compiler: core concepts / results",
    expect="""
    calls 1-4: compiles, equals eager
    """,
)
def tensors_in_the_likeness(s: Subject) -> None:
    """Tensors made by zeros_like, new_full and the like have eager's dtype, device and strides for each argument."""

    def program(x: Tensor) -> tuple[Tensor, ...]:
        like = torch.zeros_like(x), torch.full_like(x, 3), torch.ones_like(x, dtype=torch.int16)
        new = (
            x.new_zeros(2, 3),
            x.new_full((2,), 1.5),
            x.new_tensor([1, 2]),
            x.new_ones(3).cumsum(0),
        )
        return *like, *new, torch.empty_like(x).copy_(x)

    compiled, x = s.compile(program), s.randn(2, 6)
    for like in x[:, :3], x[:, :3].t(), x[:, ::2], x.long():
        compiled(like)


@scenario(
    ref="torch.compiler: core concepts / guards on tensors",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    which have no data: equals eager
    """,
)
def tensor_without_data_takes_the_place(s: Subject) -> None:
    """An argument on the meta device gives meta results, and one with data is not taken for it."""

    def program(x: Tensor) -> tuple[Tensor, bool, Tensor]:
        return x * 2 if x.is_meta else x * 3, x.is_meta, torch.ones(2, device=x.device)

    compiled = s.compile(program)
    given = (s.randn(3).to("meta"), s.randn(3), s.randn(3).to("meta"), s.randn(3))
    s.note("which have no data", [compiled(each)[1] for each in given])


@scenario(
    ref="torch.compiler: core concepts / results",
    expect="""
    calls 1-3: compiles, equals eager
    """,
)
def number_in_a_tensor_meets_others(s: Subject) -> None:
    """A tensor of one number that is made without a device can be combined with tensors of any device and dtype."""

    def program(x: Tensor) -> tuple[Tensor, ...]:
        half, three = torch.tensor(0.5), torch.tensor(3)
        return x * half, x + three, three - x, torch.where(x > half, x, half), x.clamp(max=three)

    compiled = s.compile(program)
    for dtype in torch.float32, torch.float64, torch.int64:
        compiled(s.arange(4, dtype=dtype))


@scenario(
    ref="torch.compiler: core concepts / results",
    needs=("symbolic_scalars",),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    calls 4-6: compiles, equals eager
    call 7: reuses, equals eager
    """,
)
def numbers_are_made_into_tensors(s: Subject) -> None:
    """Number arguments that torch.tensor or new_full takes have the call's values and eager's dtype in the result."""
    program = s.compile(
        lambda x, n: (torch.tensor([n, n + 1], device=x.device) * 2, x.new_full((2,), n))
    )
    for number in 3, 4, 5, 2.5, 3.5, True, -7:
        program(s.ones(2), number)
