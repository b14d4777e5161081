"""Does compiled autograd capture a backward pass as one graph and reuse it, with eager's gradients?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
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


@scenario(
    ref="torch.compiler: compiled autograd / forward and backward together",
    seed=("test_torch_compile",),
    needs=("compiled_autograd", "fullgraph"),
    expect="""
    call 1: compiles 2 graphs, captures a backward, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def compiled_forward(s: Subject) -> None:
    """The backward pass of a compiled model is captured once, and the capture is reused in all further steps."""
    model = s.place(nn.Sequential(nn.Linear(4, 4), nn.Sigmoid()))
    forward = s.compile(model, fullgraph=True).target

    def step(x: Tensor) -> list[Tensor | None]:
        forward(x).sum().backward()
        found = [parameter.grad for parameter in model.parameters()]
        model.zero_grad()
        return found

    backward = s.compile_backward(step)
    for _ in range(3):
        backward(s.randn(1, 4))


@scenario(
    ref="torch.compiler: compiled autograd / accumulation of gradients",
    seed=("test_accumulate_without_zero",),
    needs=("compiled_autograd", "dynamic_shapes"),
    expect="""
    call 1: compiles 2 graphs, captures a backward, equals eager
    call 2: compiles, captures a backward, equals eager
    calls 3-10: reuses, equals eager
    """,
)
def accumulation_is_another_graph(s: Subject) -> None:
    """Adding to gradients that exist takes one more capture than making them, and no more however often it is done."""
    model = s.place(two_layers())
    forward = s.compile(model, dynamic=True).target

    def step(x: Tensor) -> list[Tensor]:
        forward(x).sum().backward()
        return [p.grad.clone() for p in model.parameters() if p.grad is not None]

    backward = s.compile_backward(step)
    for _ in range(10):
        backward(s.randn(10, 4))


@scenario(
    ref="torch.compiler: compiled autograd / leaves that are used several times",
    seed=("test_implicit_add",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def uses_of_a_leaf_are_summed(s: Subject) -> None:
    """In a captured backward pass, the gradient of a leaf that is used several times is the sum over its uses."""

    def step(x: Tensor, y: Tensor) -> Tensor:
        y.grad = None
        result = torch.sigmoid(x * y + y.sin() + y.cos())
        result.sum().backward()
        return result

    backward = s.compile_backward(step)
    y = s.randn(1, 4).requires_grad_()
    for _ in range(3):
        backward(s.randn(1, 4), y)


class Unreachable(torch.autograd.Function):
    """The identity, whose backward pass must not be run."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004 - torch's interface
        """The argument."""
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004 - torch's interface
        """Nobody asks for this."""
        raise RuntimeError("this backward pass must not be run")


def unreachable(x: Tensor) -> Any:
    """The argument, with a backward pass that must not be run."""
    return Unreachable.apply(x)  # type: ignore[no-untyped-call]


def mix(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """A number that depends on three tensors."""
    return torch.sigmoid(x * z + y.sin() + y.cos()).sum()


@scenario(
    ref="torch.autograd.grad / gradients are returned, not accumulated",
    seed=("test_output_nodes_all_leaves",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def gradients_are_returned(s: Subject) -> None:
    """In a captured backward pass, `torch.autograd.grad` returns the gradients and leaves .grad alone."""
    gradients = s.compile_backward(lambda x, y, z: torch.autograd.grad(mix(x, y, z), [y, z]))
    y, z = s.randn(1, 4).requires_grad_(), s.randn(1, 4).requires_grad_()
    for _ in range(3):
        gradients(s.randn(1, 4), y, z)


@scenario(
    ref="torch.autograd.grad / only what is asked for",
    seed=("test_output_nodes_some_leaves",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def gradients_of_some_leaves(s: Subject) -> None:
    """In a captured pass, `torch.autograd.grad` runs nothing that does not lead to the leaves it is asked for."""
    gradients = s.compile_backward(
        lambda x, y, z: torch.autograd.grad(mix(x, unreachable(y), z), [z])
    )
    y, z = s.randn(1, 4).requires_grad_(), s.randn(1, 4).requires_grad_()
    for _ in range(3):
        gradients(s.randn(1, 4), y, z)


@scenario(
    ref="torch.Tensor.backward / all leaves",
    seed=("test_no_output_nodes_all_leaves",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def backward_fills_all_leaves(s: Subject) -> None:
    """A captured `Tensor.backward` returns nothing and leaves a gradient in every leaf."""
    backward = s.compile_backward(lambda x, y, z: mix(x, y, z).backward())
    y, z = s.randn(1, 4).requires_grad_(), s.randn(1, 4).requires_grad_()
    for _ in range(3):
        backward(s.randn(1, 4), y, z)
        y.grad = z.grad = None


@scenario(
    ref="torch.Tensor.backward / inputs",
    seed=("test_no_output_nodes_some_leaves",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def backward_fills_some_leaves(s: Subject) -> None:
    """A captured `Tensor.backward(inputs=...)` fills .grad of these alone, and runs nothing that leads elsewhere."""

    def step(x: Tensor, y: Tensor, z: Tensor, other: Tensor) -> None:
        torch.sigmoid(x * y * z * unreachable(other)).sum().backward(inputs=[y, z])

    backward = s.compile_backward(step)
    y, z, other = (s.randn(1, 4).requires_grad_() for _ in range(3))
    for _ in range(3):
        backward(s.randn(1, 4), y, z, other)
        y.grad = z.grad = None


@scenario(
    ref="torch.Tensor.backward / inputs",
    seed=("test_no_output_nodes_different_leaves_will_recompile",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: compiles, captures a backward, equals eager
    call 3: reuses, equals eager
    """,
)
def other_leaves_need_another_capture(s: Subject) -> None:
    """A backward pass captured for one leaf in `inputs` is not used for another leaf of the same program."""
    backward = s.compile_backward(lambda x, y, z, leaf: (x * y * z).sum().backward(inputs=[leaf]))
    x, y, z = (s.randn(5).requires_grad_() for _ in range(3))
    for leaf in x, y, x:
        backward(x, y, z, leaf)
        x.grad = y.grad = None


@torch.library.custom_op("touchstone::sine", mutates_args=(), schema="(Tensor x) -> Tensor")
def sine(x: Tensor) -> Tensor:
    """The sine, as an operator of its own."""
    return x.sin()


def _keep(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:  # noqa: ARG001 - torch's interface
    ctx.save_for_backward(*inputs)


def _differentiate(ctx: Any, gradient: Tensor) -> Any:
    (x,) = ctx.saved_tensors
    return gradient * x.cos()


sine.register_autograd(_differentiate, setup_context=_keep)


@scenario(
    ref="torch.library.register_autograd / in a captured backward pass",
    seed=("test_graph_break_custom_op",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: reuses, equals eager
    """,
)
def operators_bring_their_formula(s: Subject) -> None:
    """The backward of a custom operator that was registered from Python is part of the captured graph."""
    backward = s.compile_backward(lambda x: sine(x.clone()).sum().backward())
    for _ in range(2):
        backward(s.randn(3).requires_grad_())
