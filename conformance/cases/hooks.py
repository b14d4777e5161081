"""Do hooks on modules and tensors run in compiled code as often, in the order and with the values of eager?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.modules import module as registry

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


def two_layers(s: Subject) -> Any:
    """Two linear layers of width 2."""
    return s.place(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))


@scenario(
    ref="torch.compiler: modules / hooks",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    """,
)
def forward_hooks_change_values(s: Subject) -> None:
    """Forward hooks and pre-hooks of a submodule change its arguments, keywords and result, in eager's order."""
    model, bilinear = two_layers(s), s.place(nn.Bilinear(2, 2, 2))
    model[0].register_forward_pre_hook(lambda _, args: (args[0] * 2,))
    model[0].register_forward_hook(lambda _, args, result: result + args[0])
    model[0].register_forward_hook(lambda _, __, result: result * 3)
    model[0].register_forward_hook(lambda _, __, result: result - 1, prepend=True)
    bilinear.register_forward_pre_hook(
        lambda _, args, kwargs: (args, {"input2": kwargs["input2"] + 1}), with_kwargs=True
    )
    program = s.compile(lambda x: bilinear(model(x), input2=x))
    for _ in range(2):
        x = s.randn(2).requires_grad_()
        program(x).sum().backward()


@scenario(
    ref="torch.compiler: modules / hooks",
    expect="""
    call 1: compiles, equals eager
    features and gradients: equals eager
    call 2: compiles, equals eager
    features and gradients: equals eager
    call 3: reuses, equals eager
    features and gradients: equals eager
    """,
)
def features_are_collected(s: Subject) -> None:
    """A tensor that a forward hook keeps is what that call has computed, and gradients flow through it."""
    model, features = two_layers(s), {}
    for name, part in model.named_children():
        part.register_forward_hook(lambda _, __, result, name=name: features.update({name: result}))
    program = s.compile(model)
    for _ in range(3):
        result = program(s.randn(2))
        (features["0"].sum() * 2 + result.sum()).backward()
        s.note("features and gradients", (dict(features), [p.grad for p in model.parameters()]))


def change_hooks(s: Subject) -> None:
    """Call a module, then with a hook on a part, in another size, then without it."""
    model = nn.Sequential(nn.Identity(), nn.ReLU())
    program = s.compile(model, dynamic=False)
    program(s.ones(2))
    s.change("a hook is added to a part")
    handle = model[0].register_forward_hook(lambda _, __, result: result * 5)
    program(s.ones(2))
    s.change("the argument has another size")
    program(s.ones(3))
    s.change("the hook is removed")
    handle.remove()
    program(s.ones(3))


@scenario(
    ref="torch.compiler: modules / hooks",
    needs=("torch_compile",),
    tiers={"outcome": "diverge: by default there are no guards on hooks"},
    expect="""
    call 1: compiles, equals eager
    change: a hook is added to a part
    call 2: reuses, differs from eager in value of result
    change: the argument has another size
    call 3: compiles, equals eager
    change: the hook is removed
    call 4: compiles, equals eager
    """,
)
def hooks_of_parts_are_not_guarded(s: Subject) -> None:
    """By default, a first hook that a submodule gets after compilation is not noticed until the next compilation."""
    change_hooks(s)


@scenario(
    ref="torch.compiler: modules / hooks",
    needs=("torch_compile", "dynamo_config"),
    expect="""
    call 1: compiles, equals eager
    change: a hook is added to a part
    call 2: compiles, equals eager
    change: the argument has another size
    call 3: compiles, equals eager
    change: the hook is removed
    call 4: compiles, equals eager
    """,
)
def hooks_of_parts_may_be_guarded(s: Subject) -> None:
    """With skip_nnmodule_hook_guards=False, a submodule's hook runs from being registered to being removed."""
    s.config(skip_nnmodule_hook_guards=False)
    change_hooks(s)


class Choosy(nn.Module):
    """Raises for what it does not accept."""

    def forward(self, x: Tensor, accepts: bool) -> Tensor:  # noqa: FBT001 - a flag of a program
        """Twice the argument."""
        if not accepts:
            raise ValueError("not accepted")
        return x * 2


@scenario(
    ref="torch.nn.Module.register_forward_hook / always called",
    expect="""
    call 1: compiles, equals eager
    calls: equals eager
    call 2: compiles no graphs, raises ValueError, equals eager
    calls: equals eager
    call 3: compiles no graphs, equals eager
    calls: equals eager
    """,
)
def hook_is_always_called(s: Subject) -> None:
    """A forward hook with always_call=True runs once also where its module raises, and the exception goes on."""
    part, seen = Choosy(), []
    part.register_forward_hook(lambda *_: seen.append("always"), always_call=True)
    part.register_forward_hook(lambda *_: seen.append("on success"))
    program = s.compile(lambda x, accepts: part(x, accepts) + 1)
    for accepts in True, False, True:
        s.attempt(program, s.randn(2), accepts)
        s.note("calls", list(seen))


@scenario(
    ref="torch.nn.Module.register_forward_hook / for all modules",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    other modules: equals eager
    """,
)
def hooks_of_all_modules_run(s: Subject) -> None:
    """A global forward hook runs for each submodule that a program calls, and for no module of the compiler."""
    model, others = two_layers(s), []

    def increase(part: nn.Module, _: object, result: Any) -> Any:
        if isinstance(part, nn.Linear):
            return result + 1
        others.append(type(part).__name__)
        return result

    with registry.register_module_forward_hook(increase):
        program = s.compile(lambda x: model[1](model[0](x)))
        for _ in range(2):
            program(s.randn(2))
    s.note("other modules", others)


@scenario(
    ref="torch.nn.Module.register_full_backward_hook / in compiled code",
    expect="""
    call 1: compiles 2 graphs, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    """,
)
def backward_hooks_of_modules_run(s: Subject) -> None:
    """Full backward hooks of a submodule run once in each backward pass, see its gradients, and replace them."""
    model, seen = two_layers(s), []
    model[1].register_full_backward_pre_hook(lambda _, outer: (outer[0] * 2,))
    model[0].register_full_backward_hook(lambda _, inner, __: (inner[0] * 3,))
    model[1].register_full_backward_hook(lambda _, inner, outer: seen.append((inner[0], outer[0])))
    program = s.compile(lambda x: model(x.sin()).exp())
    for _ in range(2):
        x = s.randn(2, 2).requires_grad_()
        program(x).sum().backward()
        s.note("gradients", (x.grad, list(seen), [each.grad for each in model.parameters()]))


@scenario(
    ref="torch.Tensor.register_hook / in compiled code",
    expect="""
    call 1: compiles, equals eager
    gradient: equals eager
    call 2: reuses, equals eager
    gradient: equals eager
    call 3: compiles, equals eager
    gradient: equals eager
    """,
)
def hook_on_an_intermediate_runs(s: Subject) -> None:
    """A hook that a program registers on an intermediate tensor replaces its gradient in the backward pass."""

    def program(x: Tensor, factor: float) -> Tensor:
        y = x.sin()
        y.register_hook(lambda gradient: gradient * factor)
        y.register_hook(lambda gradient: gradient + 1)
        return (y * y).sum()

    compiled = s.compile(program)
    for factor in 2.0, 2.0, 5.0:
        x = s.randn(3).requires_grad_()
        compiled(x, factor).backward()
        s.note("gradient", x.grad)


@scenario(
    ref="torch.Tensor.register_hook / in compiled code",
    expect="""
    change: there is no hook
    call 1: compiles, equals eager
    gradients: equals eager
    change: a leaf gets a hook
    call 2: reuses, equals eager
    gradients: equals eager
    change: a leaf gets a hook
    call 3: reuses, equals eager
    gradients: equals eager
    change: there is no hook
    call 4: reuses, equals eager
    gradients: equals eager
    """,
)
def hooks_on_leaves_come_and_go(s: Subject) -> None:
    """Tensor hooks on parameters and arguments run in the backward passes made while they are registered."""
    layer, x = s.place(nn.Linear(2, 2)), s.randn(2, 2).requires_grad_()
    program = s.compile(layer)
    handles: list[Any] = []
    for hooked in None, layer.weight, x, None:
        if hooked is None:
            s.change("there is no hook")
            [handle.remove() for handle in handles]
        else:
            s.change("a leaf gets a hook")
            handles.append(hooked.register_hook(lambda gradient: gradient * 10))
        program(x).sum().backward()
        s.note("gradients", (x.grad, layer.weight.grad, layer.bias.grad))


@scenario(
    ref="torch.Tensor.register_post_accumulate_grad_hook / in compiled code",
    expect="""
    call 1: compiles, equals eager
    parameters: equals eager
    call 2: reuses, equals eager
    parameters: equals eager
    call 3: reuses, equals eager
    parameters: equals eager
    """,
)
def gradients_are_used_as_they_come(s: Subject) -> None:
    """A post-accumulate-grad hook that steps its parameter runs once in each pass, with the whole gradient."""
    model = two_layers(s)

    def step(parameter: Any) -> None:
        with torch.no_grad():
            parameter.sub_(parameter.grad, alpha=0.1)
        parameter.grad = None

    for parameter in model.parameters():
        parameter.register_post_accumulate_grad_hook(step)
    program = s.compile(lambda x: model(x) + model[1](x))
    for _ in range(3):
        program(s.randn(2)).sum().backward()
        s.note("parameters", [(each, each.grad) for each in model.parameters()])


@scenario(
    ref="torch.autograd.graph.register_multi_grad_hook / on compiled results",
    expect="""
    call 1: compiles, equals eager
    gradients that the hook has seen: equals eager
    call 2: reuses, equals eager
    gradients that the hook has seen: equals eager
    call 3: reuses, equals eager
    gradients that the hook has seen: equals eager
    number of calls: equals eager
    """,
)
def hook_of_several_gradients_runs(s: Subject) -> None:
    """A multi-grad hook on arguments gets their gradients once in each pass, whichever results are used."""
    program = s.compile(lambda x, y: (x * y, (x + y).exp(), x.sin() - y))
    seen: list[Any] = []
    for used in (0, 1, 2), (1,), (0, 2):
        leaves = [s.randn(3).requires_grad_() for _ in range(2)]
        results = program(*leaves)
        torch.autograd.graph.register_multi_grad_hook(leaves, seen.append)
        sum(results[number].square().sum() for number in used).backward()
        s.note("gradients that the hook has seen", seen[-1])
    s.note("number of calls", len(seen))


@scenario(
    ref="torch.autograd.graph.saved_tensors_hooks / in compiled code",
    expect="""
    call 1: compiles, equals eager
    gradient: equals eager
    call 2: reuses, equals eager
    gradient: equals eager
    """,
)
def saved_tensors_are_packed(s: Subject) -> None:
    """Where a program enters saved_tensors_hooks, they change what that block saves for backward, and no more."""

    def program(x: Tensor) -> Tensor:
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t * 2, lambda t: t + 1):
            y = x * x
        return (y * y).sum()

    compiled = s.compile(program)
    for _ in range(2):
        x = s.randn(3).requires_grad_()
        compiled(x).backward()
        s.note("gradient", x.grad)
