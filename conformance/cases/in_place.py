"""Is a module after `module.compile()` the module that it was, and does it run compiled code?"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable


class Layer(nn.Module):
    """A module of one's own around layers of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x: Any) -> Any:
        """Through both, bent."""
        return self.norm(self.linear(x)).tanh()


def make(s: Subject, kind: str) -> Any:
    """A module of a kind."""
    made: nn.Module = Layer()
    if kind == "sequence":
        made = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    elif kind == "layer of torch":
        made = nn.Linear(3, 3)
    return s.place(made)


@scenario(
    ref="torch.compiler: where to apply torch.compile / in place",
    needs=("torch_compile",),
    axes={"kind": ("module", "sequence", "layer of torch")},
    expect={
        "kind=layer of torch": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        itself: equals eager
        gradients and buffers: equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: compiles, equals eager
        itself: equals eager
        gradients and buffers: equals eager
        """,
    },
)
def module_is_compiled_in_place(s: Subject) -> None:
    """After `module.compile()` a module runs compiled code, in train and eval mode, and its state_dict is the same."""
    module = make(s, s.axis("kind"))
    names = list(module.state_dict())
    program = s.compile(module, entry="in_place")
    for mode in True, True, False:
        module.train(mode)
        program(s.randn(4, 3)).sum().backward()
    s.note("itself", (type(module), names == list(module.state_dict())))
    s.note("gradients and buffers", ([p.grad for p in module.parameters()], list(module.buffers())))


def doubling(seen: list[Any]) -> Callable[..., Any]:
    """A hook that keeps what a module gives, and doubles it."""

    def hook(_: Any, __: Any, result: Any) -> Any:
        seen.append(result.sum())
        return result * 2

    return hook


@scenario(
    ref="torch.compiler: where to apply torch.compile / in place",
    needs=("torch_compile",),
    expect="""
    call 1: compiles 2 graphs, equals eager
    change: another hook is added
    call 2: compiles 2 graphs, equals eager
    change: it is removed
    call 3: compiles, equals eager
    seen: equals eager
    """,
)
def hooks_of_a_module_in_place(s: Subject) -> None:
    """Hooks of a module run once in each call after `module.compile()`, also hooks that are added later."""
    seen: list[Any] = []
    module = make(s, "module")
    module.register_forward_hook(doubling(seen))
    program = s.compile(module, entry="in_place")
    program(s.randn(4, 3))
    s.change("another hook is added")
    handle = module.register_forward_pre_hook(lambda _, args: (args[0] + 1,))
    program(s.randn(4, 3))
    s.change("it is removed")
    handle.remove()
    program(s.randn(4, 3))
    s.note("seen", seen)


@scenario(
    ref="torch.compiler: where to apply torch.compile / in place",
    needs=("torch_compile",),
    expect="""
    call 1 of first: compiles, equals eager
    call 2 of copy: runs uncompiled, equals eager
    change: the copy is compiled in place
    call 3 of copy: reuses, equals eager
    call 4 of first: reuses, equals eager
    """,
)
def copy_of_a_module_in_place(s: Subject) -> None:
    """A deep copy of a module after `module.compile()` runs uncompiled, with its own weights, until it is compiled."""
    module = make(s, "module")
    first = s.compile(module, name="first", entry="in_place")
    first(s.randn(4, 3))
    made = copy.deepcopy(module)
    with torch.no_grad():
        made.linear.weight.neg_()
    second = s.compile(made, name="copy", disable=True)
    x = s.randn(4, 3)
    second(x)
    s.change("the copy is compiled in place")
    s.compile(made, entry="in_place")
    second(x)
    first(x)


@scenario(
    ref="torch.compiler: where to apply torch.compile / regional compilation",
    needs=("torch_compile",),
    expect="""
    call 1: compiles 2 graphs, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    call 3: compiles 2 graphs, equals eager
    gradients: equals eager
    """,
)
def parts_are_compiled_in_place(s: Subject) -> None:
    """Submodules of one class, compiled by `module.compile()`, share graphs and compute with their own weights."""
    model = nn.Sequential(*(make(s, "module") for _ in range(3))).eval()
    for part in model:
        s.compile(part, entry="in_place")
    whole = s.compile(model, disable=True)
    for rows in 4, 4, 5:
        whole(s.randn(rows, 3)).square().sum().backward()
        s.note("gradients", [each.grad for each in model.parameters()])


@scenario(
    ref="torch.compiler: where to apply torch.compile / in place",
    needs=("torch_compile",),
    expect="""
    call 1 of program: compiles, equals eager
    call 2 of alone: compiles, equals eager
    gradients: equals eager
    call 3 of program: reuses, equals eager
    call 4 of alone: reuses, equals eager
    gradients: equals eager
    call 5 of program: compiles, equals eager
    call 6 of alone: compiles, equals eager
    gradients: equals eager
    """,
)
def in_place_within_a_program(s: Subject) -> None:
    """After `module.compile()` a module is part of a compiled program that calls it, and can be called alone."""
    module = make(s, "module")
    alone = s.compile(module, name="alone", entry="in_place")
    program = s.compile(lambda x: module(x * 2) + 1, name="program")
    for rows in 4, 4, 5:
        program(s.randn(rows, 3)).sum().backward()
        alone(s.randn(rows, 3)).sum().backward()
        s.note("gradients", [each.grad for each in module.parameters()])


@scenario(
    ref="torch.compiler: where to apply torch.compile / in place",
    needs=("torch_compile",),
    axes={"in_place": (True, False)},
    tiers={
        "outcome": "diverge: torch warns that a hook for all modules runs for the wrapper as well",
        "compiles": "may: a list that a hook makes longer may be compiled for at each length",
    },
    expect={
        "in_place=True": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        seen: equals eager
        """,
        "in_place=False": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        seen: differs from eager in length of seen and value of seen[3] and value of seen[4] and value of seen[5]
        """,
    },
)
def hook_of_all_modules(s: Subject) -> None:
    """A global forward hook runs once a call for a module after `module.compile()`, and once more for a wrapper."""
    seen: list[str] = []
    module = make(s, "module")
    entry = "in_place" if s.axis("in_place") else "compile"
    program = s.compile(module, entry=entry)
    with nn.modules.module.register_module_forward_hook(
        lambda module, _, __: seen.append(type(module).__name__)
    ):
        program(s.randn(4, 3))
        program(s.randn(4, 3))
    s.note("seen", seen)
