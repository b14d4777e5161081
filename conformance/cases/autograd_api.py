"""When does compiled autograd capture a backward pass: flag, contexts, nesting and reset?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch._dynamo import compiled_autograd

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

#: Sets what captures backward passes and whether sizes vary; what both were.
exchange_compiler: Any = torch._C._dynamo.compiled_autograd.set_autograd_compiler  # noqa: SLF001 - has no public name


def sigmoid_layer(s: Subject) -> nn.Sequential:
    """A new linear layer of width 4, followed by a sigmoid."""
    return s.place(nn.Sequential(nn.Linear(4, 4), nn.Sigmoid()))


def step(model: nn.Module, x: Tensor) -> None:
    """One forward and one backward pass."""
    model(x).sum().backward()


def train(model: nn.Module, inputs: Sequence[Tensor]) -> list[list[Tensor | None]]:
    """The gradients after each of several passes, which start without any."""
    found = []
    for x in inputs:
        model(x).sum().backward()
        found.append([parameter.grad for parameter in model.parameters()])
        model.zero_grad()
    return found


def flagged(s: Subject, program: Callable[..., Any], **options: Any) -> Any:
    """The program, compiled while the flag for captured backward passes is set."""
    s.config(compiled_autograd=True)
    compiled = s.compile(program, **options)
    s.config(compiled_autograd=False)
    return compiled


@scenario(
    ref="torch._dynamo.config.compiled_autograd / when a wrapper is made",
    seed=("test_compile_api",),
    needs=("compiled_autograd", "dynamo_config", "torch_compile"),
    axes={"entry": ("compile", "optimize")},
    expect="""
    call 1: compiles 3 graphs, captures 2 backwards, equals eager
    call 2: reuses, equals eager
    """,
)
def flag_lasts_for_a_wrapper(s: Subject) -> None:
    """What is compiled while config.compiled_autograd is on captures backward passes, also once that is off again."""
    program = flagged(s, train, entry=s.axis("entry"))
    model = sigmoid_layer(s)
    for _ in range(2):
        program(model, [s.randn(size, 4) for size in (2, 3, 4)])


@scenario(
    ref="torch._dynamo.compiled_autograd / disabled for a while",
    seed=("test_compile_api_disable",),
    needs=("compiled_autograd", "dynamo_config", "torch_compile"),
    axes={"entry": ("compile", "optimize")},
    tiers={"captures": "must: the context promises that nothing is captured"},
    expect="""
    call 1: compiles, equals eager
    change: capturing is no longer disabled
    call 2: compiles, captures a backward, equals eager
    """,
)
def disabling_wins(s: Subject) -> None:
    """While compiled autograd is disabled, no backward pass is captured, even in code compiled with its flag on."""
    program = flagged(s, step, entry=s.axis("entry"))
    model = sigmoid_layer(s)
    with compiled_autograd._disable():  # noqa: SLF001 - has no public name
        program(model, s.randn(3, 4))
    model.zero_grad()
    s.change("capturing is no longer disabled")
    program(model, s.randn(3, 4))


@scenario(
    ref="torch._dynamo.config.compiled_autograd / backward passes outside",
    seed=("test_optimize_assert",),
    needs=("compiled_autograd", "dynamo_config", "torch_compile", "fullgraph"),
    axes={"entry": ("compile", "optimize_assert")},
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    captures (should) = 0
    """,
)
def backward_outside_is_not_captured(s: Subject) -> None:
    """With config.compiled_autograd on, a backward pass that runs outside the compiled function is not captured."""
    whole = {"fullgraph": True} if s.axis("entry") == "compile" else {}
    program = flagged(s, lambda model, x: model(x).sum(), entry=s.axis("entry"), **whole)
    model = sigmoid_layer(s)
    program(model, s.randn(1, 4)).backward()
    s.note("gradients", [parameter.grad for parameter in model.parameters()])
    s.tell("captures", captures(), tier="should")


def captures() -> int:
    """How many backward passes this process has captured."""
    return torch._dynamo.utils.counters["compiled_autograd"]["captures"]  # noqa: SLF001 - has no public name


@scenario(
    ref="torch._dynamo.config.compiled_autograd / when a wrapper is made",
    seed=("test_multiple_torch_compile",),
    needs=("compiled_autograd", "dynamo_config"),
    expect="""
    call 1 of before: compiles, equals eager
    call 2 of between: compiles 2 graphs, captures a backward, equals eager
    call 3 of after: reuses, equals eager
    call 4 of between: compiles, captures a backward, equals eager
    """,
)
def flag_belongs_to_one_wrapper(s: Subject) -> None:
    """Only what is compiled while config.compiled_autograd is on captures, not what is compiled before or after."""
    model, other = sigmoid_layer(s), s.place(nn.Linear(4, 4))
    s.compile(step, name="before")(model, s.randn(1, 4))
    program = flagged(s, step, name="between")
    program(other, s.randn(1, 4))
    s.compile(step, name="after")(model, s.randn(1, 4))
    program(other, s.randn(1, 4))


@scenario(
    ref="torch.compiler: compiled autograd / accumulation of gradients",
    needs=("compiled_autograd", "dynamo_config"),
    expect="""
    call 1: compiles 2 graphs, captures a backward, equals eager
    call 2: reuses, equals eager
    call 3: compiles, captures a backward, equals eager
    call 4: reuses, equals eager
    """,
)
def cleared_gradients_reuse_the_capture(s: Subject) -> None:
    """With cleared gradients the first capture is reused; where .grad exists, one more capture is made, once."""
    program = flagged(s, step)
    model = s.place(nn.Linear(4, 4))
    program(model, s.randn(1, 4))
    model.zero_grad()
    for _ in range(3):
        program(model, s.randn(1, 4))


@scenario(
    ref="torch.compiler.disable / with a captured backward pass",
    seed=("test_torch_compile_graph_break",),
    needs=("compiled_autograd", "dynamo_config"),
    expect="""
    call 1: compiles, captures a backward, equals eager
    """,
)
def disabled_programs_are_captured(s: Subject) -> None:
    """Even under torch.compiler.disable, a function has its backward pass captured by compiled autograd."""
    untouched = torch.compiler.disable(step)
    program = flagged(s, lambda model, x: untouched(model, x))  # noqa: PLW0108 - what disables is peeled off otherwise
    program(sigmoid_layer(s), s.randn(1, 4))


@scenario(
    ref="torch.compiler.disable / with a captured backward pass",
    seed=("test_torch_compile_graph_break2",),
    needs=("compiled_autograd", "dynamo_config"),
    expect="""
    call 1: compiles 2 graphs, captures a backward, equals eager
    """,
)
def disabled_helpers_are_captured(s: Subject) -> None:
    """A backward pass is captured even if a helper under torch.compiler.disable calls backward()."""
    backward = torch.compiler.disable(lambda loss: loss.backward())
    program = flagged(s, lambda model, x: backward(model(x).sum()))
    program(sigmoid_layer(s), s.randn(1, 4))


@scenario(
    ref="torch._dynamo.config.compiled_autograd / backward passes alone",
    seed=("test_torch_compile_only_backward_call",),
    needs=("compiled_autograd", "dynamo_config"),
    expect="""
    call 1: compiles, captures a backward, equals eager
    """,
)
def backward_alone_is_captured(s: Subject) -> None:
    """A compiled function that only calls backward() has that captured, though the forward pass ran outside of it."""
    model = sigmoid_layer(s)
    loss = model(s.randn(1, 4)).sum()
    flagged(s, lambda _: loss.backward())(model)


class Aside(torch.autograd.Function):
    """The identity, whose backward pass makes another one by the way."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004 - torch's interface
        """The argument."""
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004 - torch's interface
        """The gradient, after a backward pass that has nothing to do with it."""
        x = torch.ones(20, 20, device=gradient.device, requires_grad=True)
        (x @ x).sum().backward()
        return gradient


@scenario(
    ref="torch.autograd / backward passes inside of backward passes",
    seed=("test_no_nested_compiled_autograd",),
    needs=("compiled_autograd", "dynamo_config"),
    expect="""
    call 1: compiles 3 graphs, captures a backward, equals eager
    """,
)
def inner_backward_is_not_captured(s: Subject) -> None:
    """A backward pass that is run inside another one's backward is not captured on its own: there is one capture."""
    x = s.randn(10, 10).requires_grad_()
    loss = Aside.apply(x).sum()  # type: ignore[no-untyped-call]
    flagged(s, lambda _: loss.backward(create_graph=True))(x)


@scenario(
    ref="torch._dynamo.compiled_autograd / nested contexts",
    seed=("test_nested_context_manager",),
    needs=("compiled_autograd",),
    expect="""
    leave the inner context first: succeeds
    capturing is enabled = False
    leave the outer context first: raises AssertionError while running
    """,
)
def contexts_nest(s: Subject) -> None:
    """Contexts that enable compiled autograd must be left in reverse order; another order raises an error."""
    s.act("leave the inner context first", lambda: leave(outer_first=False))
    s.tell("capturing is enabled", compiled_autograd.compiled_autograd_enabled)
    s.attempt(s.act, "leave the outer context first", lambda: leave(outer_first=True))


def leave(*, outer_first: bool) -> None:
    """Enter two contexts that capture, and leave them in one order or the other."""
    outer, inner = (compiled_autograd._enable(torch.compile) for _ in range(2))  # noqa: SLF001 - has no public name
    outer.__enter__()
    inner.__enter__()
    for context in (outer, inner) if outer_first else (inner, outer):
        context.__exit__(None, None, None)


@scenario(
    ref="torch._dynamo.compiled_autograd / reset",
    seed=("test_reset",),
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles, captures a backward, equals eager
    call 2: reuses, equals eager
    forget what was captured: succeeds
    call 3: compiles, captures a backward, equals eager
    reset
    call 4: compiles, captures a backward, equals eager
    """,
)
def reset_drops_captures(s: Subject) -> None:
    """After a reset of compiled autograd, or of everything, the next backward pass is captured anew."""
    backward = s.compile_backward(step)
    for _ in range(2):
        backward(s.place(nn.Linear(4, 4)), s.randn(2, 4))
    s.act("forget what was captured", compiled_autograd.reset)
    backward(s.place(nn.Linear(4, 4)), s.randn(2, 4))
    s.reset()
    backward(s.place(nn.Linear(4, 4)), s.randn(2, 4))


@scenario(
    ref="torch._dynamo.compiled_autograd / reset",
    seed=("test_reset",),
    needs=("compiled_autograd",),
    expect="""
    leave traces: succeeds
    forget what was captured: succeeds
    enabled = False
    compiler and whether sizes vary = (None, False)
    next capture = 0
    """,
)
def reset_restores_a_fresh_state(s: Subject) -> None:
    """After a reset, compiled autograd is disabled, holds no compiler, is not dynamic, and counts from zero."""
    s.act("leave traces", leave_traces)
    s.act("forget what was captured", compiled_autograd.reset)
    s.tell("enabled", compiled_autograd.compiled_autograd_enabled)
    s.tell("compiler and whether sizes vary", exchange_compiler(None, False))  # noqa: FBT003 - takes no keywords
    s.tell("next capture", next(compiled_autograd.COMPILE_COUNTER))


def leave_traces() -> None:
    """Set what a capture sets, and what it counts."""
    compiled_autograd.compiled_autograd_enabled = True
    exchange_compiler(compiled_autograd.AutogradCompilerInstance, True)  # noqa: FBT003 - takes no keywords
    compiled_autograd.COMPILE_COUNTER = None  # type: ignore[assignment]


class Squared(torch.autograd.Function):
    """The identity, whose backward pass squares the gradient with an operator."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004 - torch's interface
        """The argument."""
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # noqa: ARG004 - torch's interface
        """The square of the gradient."""
        return torch.ops.touchstone.square(gradient)


@scenario(
    ref="torch.compiler: compiled autograd / compiled code inside of operators",
    seed=("test_nested_compile",),
    axes={"captured": (False, True)},
    needs=("compiled_autograd", "dynamo_config"),
    expect={
        "captured=True": """
        call 1: compiles 2 graphs, captures a backward, equals eager
        """,
        "otherwise": """
        call 1: compiles 2 graphs, equals eager
        """,
    },
)
def operators_may_be_compiled(s: Subject) -> None:
    """A backward pass, captured or not, may call a custom operator whose implementation is itself compiled."""
    square = s.compile(lambda x: x**2).target
    forward = Squared.apply if s.axis("captured") else s.compile(Squared.apply).target
    untouched = torch.compiler.disable(lambda x: forward(x).sum().backward())
    s.config(compiled_autograd=s.axis("captured"))
    program = s.compile(lambda x: untouched(x))  # noqa: PLW0108 - what disables is peeled off otherwise
    with torch.library._scoped_library("touchstone", "FRAGMENT") as library:  # noqa: SLF001 - has no public name
        library.define("square(Tensor x) -> Tensor")
        library.impl("square", square, "CompositeExplicitAutograd")
        program(s.arange(2).requires_grad_())


@scenario(
    ref="torch._dynamo.config.compiled_autograd_kwargs_override / fullgraph",
    needs=("compiled_autograd", "dynamo_config", "fullgraph"),
    axes={"whole": (False, True)},
    expect={
        "whole=False": """
        call 1: compiles 4 graphs, captures a backward, equals eager
        """,
        "otherwise": """
        call 1: captures a backward, raises torch._dynamo.exc.Unsupported while tracing
        """,
    },
)
def captured_graphs_may_have_to_be_whole(s: Subject) -> None:
    """A captured backward pass may have graph breaks unless compiled_autograd_kwargs_override sets fullgraph."""

    def hooked(x: Tensor) -> None:
        x.register_hook(break_graph)
        x.sin().sum().backward()

    override = {"fullgraph": True} if s.axis("whole") else {}
    s.config(compiled_autograd_kwargs_override=override)
    s.attempt(flagged(s, hooked), s.randn(3).requires_grad_())


def break_graph(gradient: Tensor) -> Tensor:
    """Twice a gradient, with a break of the captured graph before."""
    torch._dynamo.graph_break()  # noqa: SLF001 - has no public name
    return gradient * 2
