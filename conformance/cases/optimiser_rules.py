"""Do optimisers with further rules and options, compiled or around compiled code, step as in eager?"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor
    from torch.optim import Optimizer

    Make = Callable[[list[Tensor]], Optimizer]

#: Rules, with options that are another way to compute the same, or another direction.
RULES: dict[str, Make] = {
    "Muon": lambda p: torch.optim.Muon(p, lr=0.00005),
    "Adagrad": lambda p: torch.optim.Adagrad(
        p, lr=0.1, maximize=True, initial_accumulator_value=0.1, weight_decay=0.1
    ),
    "Adam": lambda p: Adam(p, lr=0.1, weight_decay=0.5, decoupled_weight_decay=True),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=0.1, foreach=True, maximize=True),
    "Adafactor": lambda p: torch.optim.Adafactor(p, lr=0.1, weight_decay=0.1),
    "fused SGD": lambda p: SGD(p, lr=0.1, momentum=0.9, fused=True),
    "fused AdamW": lambda p: AdamW(p, lr=0.1, amsgrad=True, fused=True),
}


def matrices(s: Subject, number: int = 2) -> list[Tensor]:
    """Matrices that need gradients."""
    return [s.randn(3, 2 + each).requires_grad_() for each in range(number)]


def differentiate(s: Subject, leaves: list[Tensor]) -> None:
    """Give each leaf a new gradient."""
    for leaf in leaves:
        leaf.grad = s.randn(*leaf.shape)


def memory(optimiser: Optimizer) -> list[Any]:
    """What an optimiser remembers of each parameter that it has stepped, as it is now."""
    return copy.deepcopy(list(optimiser.state.values()))


def step_matrices(s: Subject) -> None:
    """Take four steps of a rule, and note what they leave."""
    leaves, steps = matrices(s), []
    optimiser = RULES[s.axis("rule")](leaves)
    step = s.compile(optimiser.step)
    for _ in range(4):
        differentiate(s, leaves)
        step()
        steps.append((copy.deepcopy(leaves), memory(optimiser)))
    s.note("parameters and memory after each step", steps)


@scenario(
    ref="torch.optim / compiled optimisers",
    axes={"rule": ("Muon", "Adagrad", "Adam", "NAdam")},
    expect="""
    call 1: compiles, equals eager
    calls 2-4: reuses, equals eager
    parameters and memory after each step: equals eager
    """,
)
def matrices_are_stepped(s: Subject) -> None:
    """A compiled step of Muon, Adagrad, Adam or NAdam on matrices leaves eager's parameters and optimiser state."""
    step_matrices(s)


@scenario(
    ref="torch.optim / compiled optimisers",
    axes={"rule": ("Adafactor", "fused SGD", "fused AdamW")},
    tiers={"compiles": "may: how much of a step can be compiled that calls what cannot be, varies"},
    expect={
        "rule=fused SGD": """
        call 1: compiles no graphs, equals eager
        call 2: compiles no graphs, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        parameters and memory after each step: equals eager
        """,
        "otherwise": """
        call 1: compiles no graphs, equals eager
        calls 2-4: reuses, equals eager
        parameters and memory after each step: equals eager
        """,
    },
)
def step_runs_as_it_is(s: Subject) -> None:
    """An optimiser step that cannot be compiled as a whole (Adafactor, fused) leaves eager's parameters and state."""
    step_matrices(s)


#: Settings that nearly all rules have, each with a value that differs from what it was.
CHANGES = (
    ("weight_decay", 0.5),
    ("maximize", True),
    ("eps", 1.0),
    ("foreach", True),
    ("weight_decay", 0.1),
    ("maximize", False),
)


@scenario(
    ref="torch.optim / per-parameter options",
    tiers={"compiles": "may: which settings are compiled for, at each of their values"},
    axes={"rule": ("Adam", "RMSprop", "Adagrad")},
    expect="""
    change: weight_decay is set to 0.5
    call 1: compiles, equals eager
    parameters: equals eager
    change: maximize is set to True
    call 2: compiles, equals eager
    parameters: equals eager
    change: eps is set to 1.0
    call 3: compiles, equals eager
    parameters: equals eager
    change: foreach is set to True
    call 4: compiles, equals eager
    parameters: equals eager
    change: weight_decay is set to 0.1
    call 5: compiles, equals eager
    parameters: equals eager
    change: maximize is set to False
    call 6: compiles, equals eager
    parameters: equals eager
    """,
)
def options_are_changed(s: Subject) -> None:
    """Options of a parameter group that change between steps, numbers or bools, count from the next step on."""
    leaves = matrices(s)
    optimiser = getattr(torch.optim, s.axis("rule"))(leaves, lr=0.1)
    step, group = s.compile(optimiser.step), optimiser.param_groups[0]
    for name, value in CHANGES:
        s.change(f"{name} is set to {value}")
        group[name] = value
        differentiate(s, leaves)
        step()
        s.note("parameters", leaves)


@scenario(
    ref="torch.optim.LBFGS / in compiled code",
    axes={"search": ("", "strong_wolfe")},
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    loss: equals eager
    parameters: equals eager
    calls 4-6: reuses, equals eager
    loss: equals eager
    parameters: equals eager
    """,
)
def loss_is_evaluated_many_times(s: Subject) -> None:
    """Where LBFGS evaluates a compiled loss as often as it needs, it takes eager's steps."""
    x, target = s.zeros(3).requires_grad_(), s.randn(3)
    optimiser = torch.optim.LBFGS([x], max_iter=3, line_search_fn=s.axis("search") or None)
    scale = s.arange(3) + 1
    loss = s.compile(lambda x: ((x - target).square() * scale).sum())

    def closure() -> Any:
        optimiser.zero_grad()
        value = loss(x)
        value.backward()
        return value.detach()

    for _ in range(2):
        s.note("loss", optimiser.step(closure))
        s.note("parameters", x)


@scenario(
    ref="torch.optim.LBFGS / in compiled code",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    parameters: equals eager
    """,
)
def step_cannot_be_compiled(s: Subject) -> None:
    """A compiled program that calls LBFGS.step, which cannot be compiled, takes eager's step all the same."""
    layer = s.place(nn.Linear(3, 1))
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=2)
    x, y = s.randn(4, 3), s.randn(4, 1)

    def closure() -> Any:
        optimiser.zero_grad()
        loss = (layer(x) - y).square().mean()
        loss.backward()
        return loss

    program = s.compile(lambda: (optimiser.step(closure).detach() * 2, layer(x).detach() + 1))
    for _ in range(2):
        program()
    s.note("parameters", list(layer.parameters()))


@scenario(
    ref="torch.optim.SparseAdam / in compiled code",
    expect="""
    call 1: compiles, equals eager
    weights and gradient: equals eager
    call 2: reuses, equals eager
    weights and gradient: equals eager
    call 3: compiles, equals eager
    weights and gradient: equals eager
    """,
)
def rows_are_stepped(s: Subject) -> None:
    """With sparse gradients of a compiled Embedding, SparseAdam steps the rows that were looked up, and no others."""
    layer: Any = s.place(nn.Embedding(5, 2, sparse=True))
    optimiser = torch.optim.SparseAdam(layer.parameters(), lr=0.1)
    program = s.compile(lambda words: (layer(words) * 2).square().sum())
    for words in [0, 2, 0], [1, 1, 4], [2, 3]:
        program(torch.tensor(words, device=s.device)).backward()
        optimiser.step()
        s.note("weights and gradient", (layer.weight, layer.weight.grad.to_dense()))
        optimiser.zero_grad()


@scenario(
    ref="torch.optim / differentiable optimisers",
    tiers={"compiles": "may: an optimiser that a program makes may be compiled for in each call"},
    expect="""
    call 1: compiles 2 graphs, equals eager
    gradients: equals eager
    call 2: compiles 2 graphs, equals eager
    gradients: equals eager
    call 3: compiles 2 graphs, equals eager
    gradients: equals eager
    """,
)
def steps_are_differentiated(s: Subject) -> None:
    """Gradients flow through differentiable optimiser steps in a program, to the learning rate and the start."""

    def program(start: Tensor, rate: Tensor, target: Tensor) -> Any:
        x = start.clone()
        for _ in range(2):
            # Where foreach is the default, torch multiplies by the rate as a number, and eager raises.
            optimiser = SGD([x], lr=rate, differentiable=True, foreach=False)
            (x.grad,) = torch.autograd.grad((x - target).pow(4).sum(), x, create_graph=True)
            optimiser.step()
        return (x - target).square().sum()

    compiled = s.compile(program)
    for rate in 0.1, 0.1, 0.01:
        start, learned = s.randn(3).requires_grad_(), s.full((), rate).requires_grad_()
        compiled(start, learned, s.randn(3)).backward()
        s.note("gradients", (start.grad, learned.grad))
