"""Do arguments that share memory with parameters, results, gradients or each other act as in eager?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


@scenario(
    ref="torch.compiler: core concepts / arguments that share storage",
    tiers={"compiles": "may: code that serves both is as good as code for each"},
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    parameter: equals eager
    call 2: compiles, mutates argument 0, equals eager
    parameter: equals eager
    call 3: reuses, mutates argument 0, equals eager
    parameter: equals eager
    """,
)
def argument_is_a_parameter(s: Subject) -> None:
    """If a parameter is also passed as an argument that is mutated, the program reads the mutated parameter."""
    layer: Any = s.place(nn.Linear(3, 3, bias=False))

    def program(x: Tensor) -> Any:
        x.mul_(2)
        return layer.weight.sum() + x

    compiled = s.compile(program)
    with torch.no_grad():
        for passed in s.randn(3, 3), layer.weight, s.randn(3, 3):
            compiled(passed)
            s.note("parameter", layer.weight)


@scenario(
    ref="torch.compiler: core concepts / arguments that share storage",
    tiers={"compiles": "may: code that serves both is as good as code for each"},
    expect="""
    call 1: compiles, mutates argument 0[0], mutates argument 0[1], equals eager
    call 2: compiles, mutates argument 0[0], mutates argument 0[1], mutates argument 1, equals eager
    call 3: reuses, mutates argument 0[0], mutates argument 0[1], equals eager
    """,
)
def tensors_in_a_list_become_one(s: Subject) -> None:
    """A tensor that occurs twice in a list argument, or is also passed beside it, is mutated as often as in eager."""

    def program(tensors: list[Tensor], extra: Tensor) -> Tensor:
        for number, each in enumerate(tensors):
            each.add_(number + 1)
        return extra * 2

    compiled = s.compile(program)
    for repeated in False, True, False:
        x, y, z = s.randn(2), s.randn(2), s.randn(2)
        compiled([x, x if repeated else y], x if repeated else z)


@scenario(
    ref="torch.compiler: core concepts / arguments that share storage",
    expect="""
    call 1: compiles, mutates argument 0, result shares storage with argument 0, equals eager
    call 2: compiles, mutates argument 0, mutates argument 1, mutates result_1, equals eager
    call 3: reuses, mutates argument 0, mutates result_1, equals eager
    """,
)
def result_is_passed_with_its_argument(s: Subject) -> None:
    """A result that is a view of an argument can be passed along with it to a call that mutates the argument."""

    def program(x: Tensor, y: Tensor) -> Tensor:
        x.add_(1)
        return x[1:] if len(x) == len(y) else y * x.sum()

    compiled, x = s.compile(program), s.randn(3)
    part = compiled(x, s.randn(3))
    compiled(x, part)
    compiled(x, s.randn(2))


@scenario(
    ref="torch.compiler: core concepts / arguments that share storage",
    expect="""
    call 1: compiles, mutates argument 0, mutates argument 1, equals eager
    call 2: reuses, mutates argument 0, mutates argument 1, equals eager
    parameter and gradient: equals eager
    """,
)
def gradient_is_passed_with_its_parameter(s: Subject) -> None:
    """An in-place step of a parameter uses the tensor passed in that call: the parameter's own .grad, or another."""
    weight: Any = s.randn(3).requires_grad_()

    def step(parameter: Tensor, direction: Tensor) -> None:
        with torch.no_grad():
            parameter.sub_(direction)
            direction.zero_()

    compiled = s.compile(step)
    weight.square().sum().backward()
    compiled(weight, weight.grad)
    compiled(weight, s.randn(3))
    s.note("parameter and gradient", (weight, weight.grad))


@scenario(
    ref="torch.compiler: core concepts / arguments that share storage",
    expect="""
    call 1: compiles, mutates argument 0, mutates argument 1, equals eager
    call 2: reuses, mutates argument 0, mutates argument 1, equals eager
    """,
)
def memory_is_read_as_another_type(s: Subject) -> None:
    """Where an argument is another one's view in another dtype, an in-place write to either shows in the other."""

    def program(x: Tensor, bits: Tensor) -> Tensor:
        x.neg_()
        bits.bitwise_and_(0x7FFFFFFF)
        return x + 1

    compiled = s.compile(program)
    for _ in range(2):
        x = s.randn(3, dtype=torch.float32)
        compiled(x, x.view(torch.int32))
