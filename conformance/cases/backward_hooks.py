"""Do hooks in a backward pass captured by compiled autograd act as in eager: each kind, in order?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Gradients = tuple[Tensor, ...]


def one_layer(s: Subject) -> nn.Sequential:
    """A new linear layer of width 4, followed by ReLU."""
    return s.place(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))


def convolutions(s: Subject, *, bias: bool = False) -> nn.Sequential:
    """Two convolutions, exact enough for sums whose order is free."""
    layers = (nn.Conv2d(4, 4, 3, bias=bias) for _ in range(2))
    return s.place(nn.Sequential(*layers)).to(torch.float64)


def image(s: Subject) -> Tensor:
    """What the convolutions take."""
    return s.randn(1, 4, 8, 8, dtype=torch.float64)


def training(s: Subject, model: nn.Module) -> Any:
    """Compiled forward passes, each followed by a captured backward pass: the gradients, then cleared."""
    forward = s.compile(model).target

    def step(x: Tensor) -> list[Tensor | None]:
        forward(x).sum().backward()
        found = [parameter.grad for parameter in model.parameters()]
        model.zero_grad()
        return found

    return s.compile_backward(step)


def accumulation(parameter: Tensor) -> torch.autograd.graph.Node:
    """The node that adds to a parameter's gradient; hooks stay on it as long as it is held."""
    return torch.autograd.graph.get_gradient_edge(parameter).node


def double(gradient: Tensor) -> Tensor:
    """Twice a gradient."""
    return gradient * 2


def increase(gradients: Gradients) -> Gradients:
    """What arrives at a node, plus one."""
    return (gradients[0] + 1,)


def bend(inner: Gradients, outer: Gradients) -> Gradients:
    """The sine of what a node passes on, plus what arrived at it."""
    return (inner[0].sin() + outer[0],)


def scale(leaf: Any, factor: float) -> Callable[..., None]:
    """A hook that multiplies the gradient of a leaf in place."""

    def hook(*_: object) -> None:
        leaf.grad.mul_(factor)

    return hook


def lower(leaf: Any, amount: float) -> Callable[..., None]:
    """A hook that subtracts from the gradient of a leaf in place."""

    def hook(*_: object) -> None:
        leaf.grad.sub_(amount)

    return hook


@scenario(
    ref="torch.Tensor.register_hook / in a captured backward pass",
    seed=("test_tensor_grad_hook1",),
    needs=("compiled_autograd",),
    axes={"hook": ("function", "lambda")},
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def tensor_hook(s: Subject) -> None:
    """In a captured backward pass a hook on a parameter replaces its gradient; new models cost no further capture."""

    def step(model: nn.Sequential, x: Tensor) -> None:
        fresh = s.axis("hook") == "lambda"
        weight = next(model.parameters())
        weight.register_hook((lambda gradient: gradient * 2) if fresh else double)
        model(x).sum().backward()

    backward = s.compile_backward(step)
    for _ in range(3):
        backward(one_layer(s), s.randn(2, 4))


@scenario(
    ref="torch.autograd.graph.Node.register_prehook / in a captured backward pass",
    seed=("test_tensor_grad_hook2",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def node_prehook(s: Subject) -> None:
    """In a captured backward pass, a pre-hook on a grad_fn replaces the gradients that arrive at it."""

    def step(model: nn.Module, x: Tensor) -> None:
        loss = model(x).sum()
        loss.grad_fn.register_prehook(increase)
        loss.backward()

    backward = s.compile_backward(step)
    for _ in range(3):
        backward(one_layer(s), s.randn(1, 4))


@scenario(
    ref="torch.autograd.graph.Node.register_hook / in a captured backward pass",
    seed=("test_tensor_grad_hook3",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def node_posthook(s: Subject) -> None:
    """In a captured backward pass, a post-hook on a grad_fn replaces the gradients that it passes on."""

    def step(model: nn.Module, x: Tensor) -> None:
        loss = model(x).sum()
        loss.grad_fn.register_hook(bend)
        loss.backward()

    backward = s.compile_backward(step)
    for _ in range(3):
        backward(one_layer(s), s.randn(1, 4))


@scenario(
    ref="torch.Tensor.register_hook / another hook",
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: compiles, equals eager
    call 3: compiles, captures a backward, equals eager
    call 4: reuses, equals eager
    """,
)
def another_hook_takes_effect(s: Subject) -> None:
    """If another hook, or none, is on a parameter in the next call, the captured backward pass obeys that."""

    def step(model: nn.Linear, x: Tensor, hook: Callable[[Tensor], Tensor] | None) -> None:
        if hook:
            model.weight.register_hook(hook)
        model(x).sum().backward()

    backward = s.compile_backward(step)
    for hook in double, lambda gradient: gradient * 3, None, double:
        backward(s.place(nn.Linear(4, 4)), s.randn(2, 4), hook)


@scenario(
    ref="torch.autograd / interior nodes",
    seed=("test_reorder_post_hook2",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: reuses, equals eager
    """,
)
def interior_posthooks(s: Subject) -> None:
    """A post-hook on an inner grad_fn may compute what it passes on from its grad inputs or its grad outputs."""

    def step(x: Any) -> None:
        y = x.sigmoid()
        z = y.tanh()
        y.grad_fn.register_hook(lambda inner, _: (inner[0] * 2,))
        z.grad_fn.register_hook(lambda _, outer: (outer[0] * 2,))
        z.sum().backward()

    backward = s.compile_backward(step)
    for _ in range(2):
        backward(s.randn(1, 4, 32, 32).requires_grad_())


@scenario(
    ref="torch.autograd.graph.Node.register_hook / one of several gradients",
    seed=("test_reorder_post_hook3",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: reuses, equals eager
    """,
)
def posthook_of_one_gradient(s: Subject) -> None:
    """A post-hook on a grad_fn may replace just one of the several gradients that it passes on."""

    def step(model: nn.Module, x: Tensor) -> None:
        y = model(x)
        y.grad_fn.register_hook(lambda inner, _: (inner[0], inner[1] * 2, inner[2]))
        y.sum().backward()

    backward = s.compile_backward(step)
    for _ in range(2):
        backward(s.place(nn.Conv2d(4, 4, 3, bias=False)).to(torch.float64), image(s))


@scenario(
    ref="torch.compiler: compiled autograd / gradients are accumulated",
    seed=("test_reorder_acc_grad",),
    needs=("compiled_autograd",),
    axes={"compiled": (True, False)},
    expect={
        "compiled=True": """
        call 1: compiles 3 graphs, captures 2 backwards, equals eager
        call 2: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles 2 graphs, captures 2 backwards, equals eager
        call 2: reuses, equals eager
        """,
    },
)
def gradients_are_accumulated(s: Subject) -> None:
    """A second backward pass through a retained graph adds to the gradients, in a capture of its own."""
    model = convolutions(s, bias=True)
    forward = s.compile(model).target if s.axis("compiled") else model

    def step(x: Tensor) -> list[Tensor | None]:
        loss = forward(x).sum()
        loss.backward(retain_graph=True)
        once = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        loss.backward()
        return [*once, *(p.grad for p in model.parameters())]

    backward = s.compile_backward(step)
    for _ in range(2):
        backward(image(s))
        model.zero_grad()


@scenario(
    ref="torch.autograd / post-hooks of accumulation",
    seed=("test_reorder_post_hook1",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles 2 graphs, captures a backward, equals eager
    call 2: reuses, equals eager
    """,
)
def accumulation_posthook(s: Subject) -> None:
    """A post-hook on a parameter's AccumulateGrad node sees the accumulated gradient and may replace it."""
    model = s.place(nn.Sequential(*(nn.Linear(16, 16, bias=False) for _ in range(2))))
    nodes = []
    for parameter in model.parameters():

        def divide(*_: Gradients, parameter: Any = parameter) -> None:
            parameter.grad = parameter.grad / 4

        nodes.append(accumulation(parameter))
        nodes[-1].register_hook(divide)
    step = training(s, model)
    for _ in range(2):
        step(s.randn(8, 16))


@scenario(
    ref="torch.autograd / order of hooks on a leaf",
    seed=("test_reorder_all_bwd_hooks",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles 2 graphs, captures a backward, equals eager
    call 2: reuses, equals eager
    """,
)
def hooks_of_all_kinds(s: Subject) -> None:
    """A parameter's tensor hook, pre-hook, post-accumulate hook and post-hook all run, in eager's order."""
    model, nodes = convolutions(s), []
    for parameter in model.parameters():
        nodes.append(accumulation(parameter))
        parameter.register_hook(lambda gradient: gradient - 2)
        parameter.register_post_accumulate_grad_hook(lower(parameter, -3))
        nodes[-1].register_prehook(lambda gradients: (gradients[0] / 5,))
        nodes[-1].register_hook(scale(parameter, 0.5))
    step = training(s, model)
    for _ in range(2):
        step(image(s))


@scenario(
    ref="torch.autograd / order of hooks on a leaf",
    seed=("test_reorder_multi_post_hooks",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles 2 graphs, captures a backward, equals eager
    call 2: reuses, equals eager
    """,
)
def accumulation_posthooks_in_order(s: Subject) -> None:
    """Several post-hooks on a parameter's AccumulateGrad node run in the order of their registration."""
    model, nodes = convolutions(s), []
    for parameter, factor, less in zip(model.parameters(), (0.5, 0.3), (0.3, 0.5), strict=True):
        nodes.append(accumulation(parameter))
        nodes[-1].register_hook(scale(parameter, factor))
        nodes[-1].register_hook(lower(parameter, less))
    step = training(s, model)
    for _ in range(2):
        step(image(s))


@scenario(
    ref="torch.autograd / order of hooks on a leaf",
    seed=("test_reorder_multi_pre_hooks",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles 2 graphs, captures a backward, equals eager
    call 2: reuses, equals eager
    """,
)
def accumulation_prehooks_in_order(s: Subject) -> None:
    """Several pre-hooks on a parameter's AccumulateGrad node run in the order of their registration."""
    model, nodes = convolutions(s), []
    for parameter in model.parameters():
        nodes.append(accumulation(parameter))
        nodes[-1].register_prehook(lambda gradients: (gradients[0] / 5,))
        nodes[-1].register_prehook(lambda gradients: (gradients[0] - 0.3,))
    step = training(s, model)
    for _ in range(2):
        step(image(s))


@scenario(
    ref="torch.Tensor.register_hook / several hooks",
    seed=("test_reorder_multi_tensor_pre_hooks",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles 2 graphs, captures a backward, equals eager
    call 2: reuses, equals eager
    """,
)
def tensor_hooks_in_order(s: Subject) -> None:
    """Several tensor hooks on a parameter run in the order of their registration."""
    model = convolutions(s)
    for parameter in model.parameters():
        parameter.register_hook(lambda gradient: gradient - 2)
        parameter.register_hook(lambda gradient: gradient * 0.5)
    step = training(s, model)
    for _ in range(2):
        step(image(s))


def break_graph(gradient: Tensor) -> Tensor:
    """Twice a gradient, with a break of the captured graph before."""
    torch._dynamo.graph_break()  # noqa: SLF001 - has no public name
    return gradient * 2


@scenario(
    ref="torch.compiler: compiled autograd / breaks of the captured graph",
    needs=("compiled_autograd", "fullgraph"),
    axes={"fullgraph": (True, False)},
    expect={
        "fullgraph=True": """
        call 1: captures a backward, raises torch._dynamo.exc.Unsupported while tracing
        call 2: raises torch._dynamo.exc.Unsupported while tracing
        """,
        "otherwise": """
        call 1: compiles 3 graphs, captures a backward, equals eager
        call 2: reuses, equals eager
        """,
    },
)
def hooks_may_break_the_graph(s: Subject) -> None:
    """A graph break in a hook splits the captured backward pass, or raises with fullgraph=True."""

    def step(x: Tensor) -> None:
        x.register_hook(break_graph)
        x.sin().sum().backward()

    backward = s.compile_backward(step, fullgraph=s.axis("fullgraph"))
    for _ in range(2):
        s.attempt(backward, s.randn(3).requires_grad_())
