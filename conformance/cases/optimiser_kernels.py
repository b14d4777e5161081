"""Do steps that are made at once, by one kernel or by many evaluations leave the parameters that eager leaves?"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor
    from torch.optim import Optimizer

#: Optimisers whose step can be one kernel, with settings under which every step depends on the steps before it.
FUSED: dict[str, Callable[[Any], Optimizer]] = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, fused=True),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.1, amsgrad=True, weight_decay=0.1, fused=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.1, maximize=True, fused=True),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.1, fused=True),
}


def take_steps(s: Subject, optimiser: Optimizer, leaves: list[Tensor]) -> None:
    """Take three steps, and note after each the parameters and what is remembered of them."""
    step, found = s.compile(optimiser.step), []
    for _ in range(3):
        for leaf in leaves:
            leaf.grad = s.randn(*leaf.shape, dtype=leaf.dtype)
        step()
        found.append(copy.deepcopy((leaves, list(optimiser.state.values()))))
    s.note("parameters and memory after each step", found)


@scenario(
    ref="torch.optim / compiled optimisers",
    axes={"rule": ("SGD", "Adam", "AdamW", "Adagrad")},
    expect="",
)
def one_kernel_steps(s: Subject) -> None:
    """A compiled step that is one kernel changes parameters, and what is remembered of them, as eager does."""
    leaves = [s.randn(3).requires_grad_(), s.randn(2, 2).requires_grad_()]
    take_steps(s, FUSED[s.axis("rule")](leaves), leaves)


@scenario(
    ref="torch.optim / compiled optimisers",
    axes={"rule": ("SGD", "Adam")},
    expect="",
)
def dtypes_are_stepped_together(s: Subject) -> None:
    """Parameters of several dtypes that are stepped at once each keep their dtype, and its precision."""
    dtypes = torch.float64, torch.float32, torch.float64, torch.bfloat16
    leaves = [s.randn(3, dtype=dtype).requires_grad_() for dtype in dtypes]
    rules: dict[str, Any] = {"SGD": torch.optim.SGD, "Adam": torch.optim.Adam}
    take_steps(s, rules[s.axis("rule")](leaves, lr=0.1, foreach=True), leaves)


@scenario(
    ref="torch.optim / torch.optim.LBFGS",
    tiers={"compiles": "may: which parts of a search are compiled is nobody's promise"},
    expect="",
)
def loss_is_evaluated_many_times(s: Subject) -> None:
    """A step that searches evaluates the loss as often as eager does, and ends where eager ends."""
    x, goal, evaluations = s.zeros(3).requires_grad_(), s.randn(3), [0]
    optimiser = torch.optim.LBFGS([x], lr=0.5, max_iter=4, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        evaluations[0] += 1
        optimiser.zero_grad()
        found = ((x - goal) ** 4).sum() + (x * goal).sin().sum()
        found.backward()  # type: ignore[no-untyped-call]
        return found

    step = s.compile(lambda: optimiser.step(loss))
    for _ in range(2):
        step()
        s.note("parameters and evaluations", (x.detach().clone(), evaluations[0]))
