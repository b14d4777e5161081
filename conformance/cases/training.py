"""Do whole training steps leave the parameters that eager leaves: losses, clipping, hooks, averages, scaling?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import SGD
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def leaves_of(s: Subject, *sizes: int) -> list[Tensor]:
    """Vectors that need gradients, of the given sizes."""
    return [s.randn(size).requires_grad_() for size in sizes]


def differentiate(s: Subject, leaves: list[Tensor], factor: float = 1.0) -> None:
    """Give each leaf a new gradient."""
    for leaf in leaves:
        leaf.grad = s.randn(*leaf.shape) * factor


def take(s: Subject, step: Callable[[], object], leaves: list[Tensor]) -> None:
    """Take one step with new gradients, and note the parameters."""
    differentiate(s, leaves)
    step()
    s.note("parameters", leaves)


@scenario(
    ref="torch.nn.utils.clip_grad_norm_ / in compiled code",
    expect="""
    call 1: compiles 2 graphs, equals eager
    parameters and gradients: equals eager
    call 2: reuses, equals eager
    parameters and gradients: equals eager
    call 3: reuses, equals eager
    parameters and gradients: equals eager
    """,
)
def gradients_are_clipped(s: Subject) -> None:
    """Gradients are clipped in the steps in which they are too large; the norm returned is that before clipping."""
    leaves = leaves_of(s, 3, 3)
    optimiser = SGD(leaves, lr=1.0)

    def step() -> Tensor:
        length = nn.utils.clip_grad_norm_(leaves, 1.0)
        nn.utils.clip_grad_value_(leaves, 0.5)
        optimiser.step()
        return length

    program = s.compile(step)
    for factor in 10, 0.01, 10:
        differentiate(s, leaves, factor)
        program()
        s.note("parameters and gradients", [(leaf, leaf.grad) for leaf in leaves])


@scenario(
    ref="torch.optim.Optimizer.step / closures",
    expect="""
    call 1: compiles 2 graphs, equals eager
    parameters: equals eager
    call 2: reuses, equals eager
    parameters: equals eager
    call 3: reuses, equals eager
    parameters: equals eager
    """,
)
def loss_is_evaluated_in_the_step(s: Subject) -> None:
    """An optimiser step with a closure returns the closure's loss, and uses the gradients that it has left."""
    leaves, target = leaves_of(s, 3), s.randn(3)
    optimiser = SGD(leaves, lr=0.1)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = (leaves[0] - target).square().sum()
        loss.backward()
        return loss

    step = s.compile(lambda: optimiser.step(closure))
    for _ in range(3):
        take(s, step, leaves)


def add_to(total: Tensor, parameter: Tensor) -> None:
    """What a hook does after a step."""
    total.add_(parameter.detach())


def halve(gradient: Any) -> None:
    """What a hook does before a step."""
    gradient.mul_(0.5)


@scenario(
    ref="torch.optim.Optimizer.register_step_pre_hook / in compiled code",
    expect="""
    change: a hook after each step adds up the parameters
    call 1: compiles 2 graphs, equals eager
    parameters: equals eager
    change: one before each step halves the gradients
    call 2: compiles, equals eager
    parameters: equals eager
    change: the first is removed
    call 3: compiles no graphs, equals eager
    parameters: equals eager
    sum of parameters: equals eager
    """,
)
def hooks_of_steps_run(s: Subject) -> None:
    """An optimiser's step hooks, before and after, run once in each step, from being registered to being removed."""
    leaves, total = leaves_of(s, 3), s.zeros(3)
    optimiser = SGD(leaves, lr=0.1)
    step = s.compile(optimiser.step)
    s.change("a hook after each step adds up the parameters")
    after = optimiser.register_step_post_hook(lambda *_: add_to(total, leaves[0]))
    take(s, step, leaves)
    s.change("one before each step halves the gradients")
    optimiser.register_step_pre_hook(lambda *_: halve(leaves[0].grad))
    take(s, step, leaves)
    s.change("the first is removed")
    after.remove()
    take(s, step, leaves)
    s.note("sum of parameters", total)


@scenario(
    ref="torch.compiler: where to apply torch.compile / whole training steps",
    expect="""
    call 1: compiles 3 graphs, equals eager
    call 2: compiles, equals eager
    calls 3-12: reuses, equals eager
    parameters: equals eager
    """,
)
def training_follows_eager(s: Subject) -> None:
    """A whole training step that is compiled, graph breaks included, has eager's losses over many steps."""
    model = s.place(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)))
    optimiser = SGD(model.parameters(), lr=0.05, momentum=0.5)

    def step(x: Tensor, y: Tensor) -> Tensor:
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimiser.step()
        return loss.detach()

    program = s.compile(step)
    for _ in range(12):
        x = s.randn(8, 3)
        program(x, x.sum(1, keepdim=True))
    s.note("parameters", list(model.parameters()))


@scenario(
    ref="torch.optim / weight averaging",
    expect="""
    call 1: runs uncompiled, equals eager
    averages: equals eager
    call 2: compiles, equals eager
    averages: equals eager
    call 3: reuses, equals eager
    averages: equals eager
    call 4: reuses, equals eager
    averages: equals eager
    """,
)
def weights_are_averaged(s: Subject) -> None:
    """A compiled update of an AveragedModel copies the weights at first, and then averages them as in eager."""
    model = s.place(nn.Linear(2, 2))
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    update = s.compile(average.update_parameters)
    for _ in range(4):
        with torch.no_grad():
            model.weight.add_(s.randn(2, 2))
        update(model)
        s.note("averages", average.state_dict())


@scenario(
    ref="torch.amp.GradScaler / in compiled code",
    expect="""
    call 1: compiles, equals eager
    parameters and scale: equals eager
    call 2: reuses, equals eager
    parameters and scale: equals eager
    call 3: reuses, equals eager
    parameters and scale: equals eager
    """,
)
def overflowing_step_is_skipped(s: Subject) -> None:
    """With GradScaler, a step whose gradients overflow changes no parameter, and lowers the scale."""
    leaves = leaves_of(s, 3)
    optimiser, scaler = SGD(leaves, lr=0.1), torch.amp.GradScaler(s.device, init_scale=4.0)

    def step() -> None:
        scaler.step(optimiser)
        scaler.update()

    program = s.compile(step)
    for factor in 1, float("inf"), 1:
        leaves[0].grad = scaler.scale(s.randn(3)) * factor
        program()
        s.note("parameters and scale", (leaves, scaler.get_scale()))
