"""Are backward passes captured, compiled and reused, with the gradients and hooks of eager?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


def train(model: nn.Module, x: Tensor) -> list[Tensor | None]:
    """One backward pass through the sum of a model's outputs: the gradients of its parameters."""
    model(x).sum().backward()
    return [parameter.grad for parameter in model.parameters()]


def two_layers() -> nn.Module:
    """Two linear layers of width 4, each followed by ReLU."""
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU())


@scenario(
    ref="torch.compiler: compiled autograd / one graph for the backward pass",
    seed=("test_basic", "test_cache_hit"),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def new_models_share_a_capture(s: Subject) -> None:
    """Backward passes of the same structure share one captured graph, even if the models are new ones."""
    backward = s.compile_backward(train)
    for _ in range(3):
        backward(s.place(two_layers()), s.randn(2, 4))
