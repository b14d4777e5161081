"""Do torch.func transforms, torch.cond, checkpoints and forward-mode AD give in compiled code what eager gives?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jvp,
    stack_module_state,
    vjp,
    vmap,
)
from torch.utils.checkpoint import checkpoint

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@scenario(
    ref="torch.func / batches",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: compiles, equals eager
    """,
)
def function_is_mapped(s: Subject) -> None:
    """A function under vmap gives for each slice what it gives alone, whatever the mapped dimension is."""

    def each(x: Tensor, y: Tensor, scale: float) -> Any:
        return x.cumsum(0) * scale + y, (x - y.flip(0)).argmax()

    program = s.compile(vmap(each, in_dims=(1, None, None), out_dims=(1, 0)))
    for size in 4, 5, 6, 1:
        program(s.randn(3, size), s.randn(3), 2.0)


@scenario(
    ref="torch.func / gradients of samples",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def samples_have_gradients_of_their_own(s: Subject) -> None:
    """Per-sample gradients, by vmap of grad, are those of each sample's own loss, with the weights of the call."""
    layer = s.place(nn.Linear(3, 1))

    def loss(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Any:
        return (functional_call(layer, parameters, (x,)) - y).square().sum()

    program = s.compile(vmap(grad_and_value(loss), in_dims=(None, 0, 0)))
    for _ in range(3):
        parameters = {name: each.detach() for name, each in layer.named_parameters()}
        program(parameters, s.randn(4, 3), s.randn(4))
        with torch.no_grad():
            layer.weight.mul_(2)


#: Derivatives of a function at a place, with a direction.
DERIVATIVES: dict[str, Callable[..., Any]] = {
    "grad": lambda f, x, _: grad(f)(x),
    "grad of grad": lambda f, x, _: grad(lambda x: grad(f)(x).sum())(x),
    "vjp": lambda f, x, v: vjp(f, x)[1](v.sum()),
    "jvp": lambda f, x, v: jvp(f, (x,), (v,)),
    "hessian": lambda f, x, _: hessian(f)(x),
}


@scenario(
    ref="torch.func / derivatives",
    axes={"derivative": ("grad", "grad of grad", "vjp", "jvp", "hessian")},
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def derivatives_are_taken(s: Subject) -> None:
    """A grad, vjp, jvp or hessian in a program is that of its function, with what that captures by then."""
    factor, take = s.ones(3), DERIVATIVES[s.axis("derivative")]
    program = s.compile(lambda x, v: take(lambda x: (x.sin() * factor).pow(3).sum(), x, v))
    for number in range(3):
        factor = s.ones(3) + number
        program(s.randn(3), s.randn(3))


@scenario(
    ref="torch.func.functional_call / in compiled code",
    expect="""
    call 1: compiles, equals eager
    what was passed, and the module's own: equals eager
    call 2: compiles, mutates argument 1['1.running_mean'], equals eager
    what was passed, and the module's own: equals eager
    call 3: reuses, equals eager
    what was passed, and the module's own: equals eager
    """,
)
def module_is_called_with_other_parameters(s: Subject) -> None:
    """A functional_call uses the parameters and buffers that it is passed, and the module's own for the others."""
    model = s.place(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))

    def program(x: Tensor, replaced: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return functional_call(model, replaced, (x,)), model(x)

    compiled = s.compile(program)
    for names in ("0.weight",), ("0.weight", "1.running_mean"), ("0.weight",):
        replaced = {name: s.randn(*model.state_dict()[name].shape) for name in names}
        compiled(s.randn(4, 2), replaced)
        s.note("what was passed, and the module's own", (replaced, model.state_dict()))


@scenario(
    ref="torch.func.stack_module_state / in compiled code",
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    """,
)
def ensemble_is_called_at_once(s: Subject) -> None:
    """An ensemble, called by vmap over stacked weights, has eager's results, and each member its gradients."""
    members = [s.place(nn.Linear(2, 1)) for _ in range(3)]
    parameters, buffers = stack_module_state(members)

    def call(parameters: Any, buffers: Any, x: Tensor) -> Any:
        return functional_call(members[0], (parameters, buffers), (x,))

    program = s.compile(vmap(call, in_dims=(0, 0, None)))
    for _ in range(2):
        program(parameters, buffers, s.randn(4, 2)).square().sum().backward()
        s.note("gradients", {name: each.grad for name, each in parameters.items()})


@scenario(
    ref="torch.cond / in compiled code",
    expect="""
    call 1: compiles, equals eager
    calls 2-4: reuses, equals eager
    """,
)
def branch_is_taken_by_data(s: Subject) -> None:
    """A torch.cond takes the branch that the call's data choose, nested ones too, in one graph for all of them."""

    def program(x: Tensor) -> Any:
        def inner(x: Tensor) -> Any:
            return torch.cond(x.max() > 1, torch.sin, torch.cos, (x,))

        return torch.cond(x.sum() > 0, inner, lambda x: x * 3, (x,)) + 1

    compiled = s.compile(program)
    for value in 2.0, -1.0, 0.5, 2.0:
        compiled(s.full((3,), value))


@scenario(
    ref="torch.cond / in compiled code",
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    call 3: reuses, equals eager
    gradients: equals eager
    """,
)
def branches_have_gradients(s: Subject) -> None:
    """Gradients flow through the branch that torch.cond took, to captured tensors too, and not through the other."""
    weight, bias = s.randn(3).requires_grad_(), s.randn(3).requires_grad_()

    def program(x: Tensor) -> Any:
        taken = torch.cond(x.sum() > 0, lambda x: x * weight, lambda x: x.exp() + bias, (x,))
        return (taken * weight).sum()

    compiled = s.compile(program)
    for value in 1.0, -1.0, 1.0:
        x = s.full((3,), value).requires_grad_()
        compiled(x).backward()
        s.note("gradients", (x.grad, weight.grad, bias.grad))


@scenario(
    ref="torch.utils.checkpoint / in compiled code",
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    """,
)
def checkpoints_are_nested(s: Subject) -> None:
    """Activation checkpointing has eager's gradients, also nested, with keywords and with captured tensors."""
    weight = s.randn(3).requires_grad_()

    def inner(x: Tensor, *, power: int) -> Tensor:
        return (x * weight).sin() ** power

    def outer(x: Tensor) -> Any:
        return checkpoint(inner, x, power=2, use_reentrant=False).exp() * weight

    program = s.compile(lambda x: checkpoint(outer, x.cos(), use_reentrant=False).sum())
    for _ in range(2):
        x = s.randn(3).requires_grad_()
        program(x).backward()
        s.note("gradients", (x.grad, weight.grad))


@scenario(
    ref="torch.autograd.forward_ad / in compiled code",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    tangent: equals eager
    call 3: reuses, equals eager
    tangent: equals eager
    call 4: reuses, equals eager
    """,
)
def tangents_flow_through(s: Subject) -> None:
    """Forward-mode tangents of arguments flow through compiled code, and do not reach other calls."""
    program = s.compile(lambda x: x.sin() * x)
    program(s.randn(3))
    for _ in range(2):
        with torch.autograd.forward_ad.dual_level():
            dual = torch.autograd.forward_ad.make_dual(s.randn(3), s.randn(3))
            s.note("tangent", torch.autograd.forward_ad.unpack_dual(program(dual)).tangent)
    program(s.randn(3))
