"""Does a compiled module compute with the parameters that it has when it is called, and do these get the gradients?"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


class Scaled(nn.Module):
    """Multiplies by a parameter, and adds another where it has one."""

    shift: nn.Parameter | None

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.register_parameter("shift", None)

    def forward(self, x: Tensor) -> Tensor:
        """The product, shifted."""
        product = x * self.weight
        return product if self.shift is None else product + self.shift


def take_data(module: Scaled, other: Scaled) -> None:
    """Give a parameter the memory of another one."""
    module.weight.data = other.weight.data


def take_parameter(module: Scaled, other: Scaled) -> None:
    """Give a module the parameter of another one."""
    module.weight = other.weight


def load_parameter(module: Scaled, other: Scaled) -> None:
    """Give a module the parameter of another one, by its state."""
    module.load_state_dict(other.state_dict(), assign=True)


def take_shift(module: Scaled, other: Scaled) -> None:
    """Give a module one more parameter."""
    module.shift = other.weight


#: Ways in which another tensor comes into a module.
REPLACEMENTS: dict[str, Callable[[Scaled, Scaled], None]] = {
    "data": take_data,
    "parameter": take_parameter,
    "state": load_parameter,
    "nothing": take_shift,
}


@scenario(
    ref="torch.compiler: modules / parameters are inputs",
    axes={"replaced": ("data", "parameter", "state", "nothing")},
    expect={
        "replaced=data": """
        call 1: compiles, equals eager
        change: another tensor comes in
        call 2: reuses, equals eager
        gradients: equals eager
        """,
        "replaced=parameter": """
        call 1: compiles, equals eager
        change: another tensor comes in
        call 2: reuses, equals eager
        gradients: equals eager
        """,
        "replaced=state": """
        call 1: compiles, equals eager
        change: another tensor comes in
        call 2: reuses, equals eager
        gradients: equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        change: another tensor comes in
        call 2: compiles, equals eager
        gradients: equals eager
        """,
    },
)
def parameter_is_replaced(s: Subject) -> None:
    """A parameter replaced by assignment, by .data or by load_state_dict is used from then on, with its gradients."""
    module, other = s.place(Scaled()), s.place(Scaled())
    program, old = s.compile(module), module.weight
    program(s.randn(3)).sum().backward()
    s.change("another tensor comes in")
    REPLACEMENTS[s.axis("replaced")](module, other)
    program(s.randn(3)).sum().backward()
    s.note("gradients", [each.grad for each in (old, other.weight, *module.parameters())])


@scenario(
    ref="torch.compiler: modules / parameters are inputs",
    expect="""
    change: frozen layers are []
    call 1: compiles, equals eager
    gradients: equals eager
    change: frozen layers are [0]
    call 2: compiles, equals eager
    gradients: equals eager
    change: frozen layers are [1]
    call 3: compiles, equals eager
    gradients: equals eager
    change: frozen layers are [0, 1]
    call 4: compiles, equals eager
    gradients: equals eager
    change: frozen layers are []
    call 5: reuses, equals eager
    gradients: equals eager
    """,
)
def parameters_are_frozen(s: Subject) -> None:
    """Exactly those parameters get gradients that require them at the time of the call."""
    module = s.place(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
    program = s.compile(module)
    for frozen in (), (0,), (1,), (0, 1), ():
        s.change(f"frozen layers are {list(frozen)}")
        module.requires_grad_()
        for number in frozen:
            module[number].requires_grad_(requires_grad=False)
        y = program(s.randn(2, 2)).sum()
        if y.requires_grad:
            y.backward()
        s.note("gradients", [each.grad for each in module.parameters()])
        module.zero_grad()


@scenario(
    ref="torch.compiler: modules / parameters are inputs",
    expect="""
    change: the weights are apart
    call 1: compiles, equals eager
    gradients: equals eager
    change: the weights are shared
    call 2: reuses, equals eager
    gradients: equals eager
    change: the weights are apart
    call 3: reuses, equals eager
    gradients: equals eager
    """,
)
def weights_are_tied_and_untied(s: Subject) -> None:
    """A weight that two layers share gets both their gradients; one that they no longer share gets its own alone."""
    module = s.place(nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)))
    program, weight = s.compile(module), module[1].weight
    for what in "apart", "shared", "apart":
        s.change(f"the weights are {what}")
        module[1].weight = module[0].weight if what == "shared" else weight
        program(s.randn(2, 2)).sum().backward()
        s.note("gradients", [(each, each.grad) for each in (module[0].weight, weight)])


@scenario(
    ref="torch.compiler: modules / parameters are inputs",
    expect="""
    change: the module is converted
    call 1: compiles, equals eager
    change: the module is converted
    call 2: compiles, equals eager
    change: the module is converted
    call 3: compiles, equals eager
    change: the module is converted
    call 4: reuses, equals eager
    """,
)
def module_is_converted(s: Subject) -> None:
    """A module that is converted to another dtype computes in that, and one that is converted back as before."""
    module = s.place(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))).eval()
    program = s.compile(module)
    for dtype in torch.float32, torch.float64, torch.bfloat16, torch.float32:
        s.change("the module is converted")
        module.to(dtype)
        program(s.randn(4, 3, dtype=dtype))


@scenario(
    ref="torch.compiler: modules / copies",
    expect="""
    call 1: compiles, equals eager
    change: the module is copied, and the copy's weight is negated in place
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    weights and gradients: equals eager
    """,
)
def copies_are_apart(s: Subject) -> None:
    """A deep copy of a module has weights and gradients of its own, though both may share a graph."""
    module = s.place(Scaled())
    program = s.compile(lambda module, x: module(x))
    program(module, s.ones(3)).sum().backward()
    s.change("the module is copied, and the copy's weight is negated in place")
    other = copy.deepcopy(module)
    with torch.no_grad():
        other.weight.neg_()
    for each in other, module:
        program(each, s.ones(3)).sum().backward()
    s.note("weights and gradients", [(each.weight, each.weight.grad) for each in (module, other)])


@scenario(
    ref="torch.compiler: modules / parameters are inputs",
    expect="""
    call 1: compiles, equals eager
    change: a bias is frozen
    call 2: compiles, equals eager
    change: a layer is added
    call 3: compiles, equals eager
    change: a parameter is removed
    call 4: compiles, equals eager
    """,
)
def penalty_covers_all_parameters(s: Subject) -> None:
    """A program that iterates over named_parameters() gets those that the module has at the time of the call."""
    module: Any = s.place(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)))
    penalty = s.compile(
        lambda: sum(len(n) * p.abs().sum() for n, p in module.named_parameters() if p.requires_grad)
    )
    penalty()
    s.change("a bias is frozen")
    module[0].bias.requires_grad = False
    penalty()
    s.change("a layer is added")
    module.add_module("last", s.place(nn.Linear(1, 1)))
    penalty()
    s.change("a parameter is removed")
    module[1].bias = None
    penalty()


class Positive(nn.Module):
    """Makes parameters positive."""

    def forward(self, x: Tensor) -> Tensor:
        """The exponential."""
        return x.exp()


@scenario(
    ref="torch.nn.utils.parametrize / in compiled code",
    expect="""
    call 1: compiles, equals eager
    change: the weight is the exponential of a parameter
    call 2: compiles, equals eager
    change: that parameter is set to zero
    call 3: reuses, equals eager
    gradients: equals eager
    change: what is computed becomes the parameter
    call 4: reuses, equals eager
    """,
)
def weight_is_parametrized(s: Subject) -> None:
    """A parametrized weight is computed in each call, from being registered to being removed."""
    module: Any = s.place(nn.Linear(2, 2))
    program, x = s.compile(lambda module, x: module(x)), s.randn(2)
    program(module, x).sum().backward()
    s.change("the weight is the exponential of a parameter")
    parametrize.register_parametrization(module, "weight", Positive())
    program(module, x).sum().backward()
    s.change("that parameter is set to zero")
    with torch.no_grad():
        module.parametrizations.weight.original.zero_()
    program(module, x).sum().backward()
    s.note("gradients", [each.grad for each in module.parameters()])
    s.change("what is computed becomes the parameter")
    parametrize.remove_parametrizations(module, "weight")
    program(module, x)


@scenario(
    ref="torch.nn.LazyLinear / in compiled code",
    expect="""
    call 1 of first: compiles, changes random_state, resembles eager
    call 2 of first: reuses, resembles eager
    call 3 of second: compiles, changes random_state, resembles eager
    call 4 of second: reuses, resembles eager
    sizes: equals eager
    weights are the same: equals eager
    """,
)
def lazy_layers_are_initialised(s: Subject) -> None:
    """A LazyLinear layer gets its size, and weights that are drawn at random, in its first call."""
    layers: list[Any] = [nn.Sequential(nn.LazyLinear(2, device=s.device)) for _ in range(2)]
    for layer, name in zip(layers, ("first", "second"), strict=True):
        program = s.compile(layer, name=name, compare="metadata")
        for _ in range(2):
            program(s.randn(4, 3))
    s.note("sizes", [tuple(layer[0].weight.shape) for layer in layers])
    s.note("weights are the same", torch.equal(layers[0][0].weight, layers[1][0].weight))
