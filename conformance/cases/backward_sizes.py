"""How many captures and compilations does a backward pass cost in compiled autograd when sizes vary?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def two_layers(s: Subject, width: int = 4, last: type[nn.Module] = nn.ReLU) -> nn.Module:
    """Two new linear layers of one width, followed by ReLU and by another activation."""
    layers = nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), last()
    return s.place(nn.Sequential(*layers))


def step(model: nn.Module, x: Tensor) -> None:
    """One forward and one backward pass."""
    model(x).sum().backward()


def training(
    s: Subject,
    model: nn.Module,
    lose: Callable[[Tensor, int], Tensor] = lambda y, _: y.sum(),
    **options: Any,
) -> Any:
    """Compiled forward passes for any size, each followed by a captured backward pass: the gradients, then cleared."""
    forward = s.compile(model, dynamic=True).target

    def run(x: Tensor, rows: int) -> list[Tensor | None]:
        lose(forward(x), rows).backward()
        found = [parameter.grad for parameter in model.parameters()]
        model.zero_grad()
        return found

    return s.compile_backward(run, **options)


@scenario(
    ref="torch.compiler: compiled autograd / sizes that vary",
    needs=("compiled_autograd", "dynamic_shapes"),
    axes={"dynamic": (True, None, False)},
    expect={
        "dynamic=True": """
        call 1: compiles, captures a backward, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        call 4: compiles, equals eager
        """,
        "dynamic=None": """
        call 1: compiles, captures a backward, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: compiles, equals eager
        """,
        "otherwise": """
        call 1: compiles, captures a backward, equals eager
        calls 2-4: compiles, equals eager
        """,
    },
)
def one_capture_serves_all_sizes(s: Subject) -> None:
    """One capture of a backward pass serves all sizes; how often it is compiled is as `dynamic` says."""
    backward = s.compile_backward(step, dynamic=s.axis("dynamic"))
    for rows in 2, 3, 7, 1:
        backward(two_layers(s), s.randn(rows, 4))


@scenario(
    ref="torch.compiler: compiled autograd / sizes that vary",
    needs=("compiled_autograd", "dynamic_shapes"),
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: compiles, captures a backward, equals eager
    call 3: reuses, equals eager
    call 4: compiles, equals eager
    """,
)
def sizes_are_captured_once_they_vary(s: Subject) -> None:
    """Where captures are static, a size that varies costs one more capture, which serves all further sizes."""
    backward = s.compile_backward(step, dynamic_capture=False)
    for rows in 2, 3, 7, 1:
        backward(two_layers(s), s.randn(rows, 4))


@scenario(
    ref="torch.compiler: compiled autograd / what a capture is good for",
    needs=("compiled_autograd", "dynamic_shapes"),
    axes={"dynamic_capture": (True, False)},
    expect={
        "dynamic_capture=True": """
        call 1: compiles, captures a backward, equals eager
        call 2: reuses, equals eager
        call 3: compiles, equals eager
        call 4: compiles, captures a backward, equals eager
        """,
        "otherwise": """
        call 1: compiles, captures a backward, equals eager
        call 2: reuses, equals eager
        call 3: compiles, captures a backward, equals eager
        call 4: compiles, captures a backward, equals eager
        """,
    },
)
def other_nodes_are_captured(s: Subject) -> None:
    """Another kind of node in the graph costs another capture; other sizes cost none if captures are dynamic."""
    backward = s.compile_backward(step, dynamic_capture=s.axis("dynamic_capture"))
    for width, last in (4, nn.ReLU), (4, nn.ReLU), (8, nn.ReLU), (4, nn.Sigmoid):
        backward(two_layers(s, width, last), s.randn(2, width))


@scenario(
    ref="torch.compiler: compiled autograd / sizes that vary in the forward pass",
    seed=("test_dynamic_shapes",),
    needs=("compiled_autograd", "dynamic_shapes"),
    axes={"dynamic_capture": (True, False)},
    expect={
        "dynamic_capture=True": """
        call 1: compiles 2 graphs, captures a backward, equals eager
        calls 2-9: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles 2 graphs, captures a backward, equals eager
        call 2: compiles, captures a backward, equals eager
        calls 3-9: reuses, equals eager
        """,
    },
)
def forward_for_any_size(s: Subject) -> None:
    """A forward pass compiled with dynamic=True does not cost a capture of its backward pass for each size."""
    backward = training(s, two_layers(s), dynamic_capture=s.axis("dynamic_capture"))
    for rows in range(10, 100, 10):
        backward(s.randn(rows, 4), rows)


@scenario(
    ref="torch.compiler: compiled autograd / sizes that vary between compiled passes",
    seed=("test_dynamic_shapes_eager_node",),
    needs=("compiled_autograd", "dynamic_shapes"),
    axes={"dynamic_capture": (True, False)},
    expect={
        "dynamic_capture=True": """
        call 1: compiles 2 graphs, captures a backward, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles 2 graphs, captures a backward, equals eager
        call 2: compiles, captures a backward, equals eager
        call 3: compiles, captures a backward, equals eager
        """,
    },
)
def eager_nodes_have_sizes(s: Subject) -> None:
    """Sizes saved by a view outside compiled code may vary; they cost no further capture if captures are dynamic."""
    backward = training(
        s,
        two_layers(s),
        lambda y, rows: y.view(rows, -1).sum(),
        dynamic_capture=s.axis("dynamic_capture"),
    )
    for rows, other in (10, 2), (20, 4), (30, 8):
        backward(s.randn(rows, 4), other)


@scenario(
    ref="torch.compiler: compiled autograd / sizes that vary in the forward pass",
    seed=("test_dynamic_shapes_from_forward",),
    needs=("compiled_autograd", "dynamic_shapes"),
    axes={"dynamic": (None, True)},
    expect="""
    call 1: compiles 2 graphs, captures a backward, equals eager
    change: the size varies
    calls 2-4: reuses, equals eager
    """,
)
def sizes_learnt_in_the_forward_pass(s: Subject) -> None:
    """Once a size has varied, neither the forward nor the backward pass is compiled again for further sizes."""
    model = s.place(nn.Sequential(nn.Linear(10, 50), nn.ReLU(), nn.Linear(50, 5)))
    forward = s.compile(lambda x, y: nn.functional.mse_loss(model(x), y)).target

    def run(x: Tensor, y: Tensor) -> list[Tensor | None]:
        model.zero_grad()
        forward(x, y).backward()
        return [parameter.grad for parameter in model.parameters()]

    backward = s.compile_backward(run, dynamic=s.axis("dynamic"))
    backward(s.randn(3, 10), s.randn(3, 5))
    s.change("the size varies")
    # Not told: it costs a capture if what compiled the forward pass made one node of it, else it may cost none.
    backward.target(s.randn(4, 10), s.randn(4, 5))
    for rows in 5, 6, 2:
        backward(s.randn(rows, 10), s.randn(rows, 5))


@scenario(
    ref="torch._dynamo.mark_dynamic / with a captured backward pass",
    seed=("test_dynamic_shapes_annotations",),
    needs=("compiled_autograd", "dynamic_shapes", "torch_compile"),
    expect="""
    call 1: compiles 2 graphs, captures a backward, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def marked_sizes_are_no_conflict(s: Subject) -> None:
    """A size that is marked dynamic for the forward pass causes no error in the captured backward pass."""
    forward = s.compile(lambda x: x.sin().sin()).target
    backward = s.compile_backward(
        lambda x: forward(x).sum().backward(), fullgraph=False, dynamic=None
    )
    for rows in 2, 4, 6:
        x = s.randn(rows, 3).requires_grad_()
        torch._dynamo.mark_dynamic(x, 0)  # noqa: SLF001 - has no public name
        backward(x)


@scenario(
    ref="torch._dynamo.config.compiled_autograd / dynamic",
    seed=("test_torch_compile_api_dynamic_shapes",),
    needs=("compiled_autograd", "dynamic_shapes", "dynamo_config"),
    axes={"dynamic": (True, None, False)},
    expect={
        "dynamic=True": """
        call 1: compiles, captures a backward, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        """,
        "otherwise": """
        calls 1-3: compiles, captures a backward, equals eager
        """,
    },
)
def dynamic_is_for_captures_as_well(s: Subject) -> None:
    """With config.compiled_autograd, dynamic=True makes one capture serve all sizes; else each size has its own."""
    s.config(compiled_autograd=True)
    model = two_layers(s)
    backward = s.compile(lambda _, loss: loss.backward(), dynamic=s.axis("dynamic"))
    for rows, other in (10, 2), (20, 4), (30, 8):
        backward(model, model(s.randn(rows, 4)).view(other, -1).sum())
        model.zero_grad()
