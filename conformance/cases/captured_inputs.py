"""How are the inputs of a captured backward pass passed and freed, and is a capture that fails contained?"""

from __future__ import annotations

import dis
import re
import weakref
from types import CodeType
from typing import TYPE_CHECKING, Any, Self

import torch
from torch._dynamo import compiled_autograd
from torch._dynamo.convert_frame import register_bytecode_hook
from torch._dynamo.utils import set_locals_to_steal

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from harness.scenario import Graph


def first_inputs(graphs: Sequence[Graph]) -> str:
    """What each graph takes first."""
    lists = (re.search(r"def forward\(self, \w+ ?: list\b", graph.text) for graph in graphs)
    return ", ".join("a list" if each else "a tensor" for each in lists)


@scenario(
    ref="torch.compiler: compiled autograd / inputs are one list",
    seed=("test_dynamo_boxed",),
    needs=("compiled_autograd", "graph_text"),
    expect="""
    call 1: compiles 2 graphs, captures a backward, equals eager
    forward and captured graph take (may) = a tensor, a list
    """,
)
def inputs_are_one_list(s: Subject) -> None:
    """A captured backward pass takes its inputs as one list, so that they can be freed one by one."""
    forward = s.compile(lambda a, b, c: (a @ b @ c).sum()).target
    backward = s.compile_backward(lambda a, b, c: forward(a, b, c).backward())
    backward(*(s.randn(size, size + 1).requires_grad_() for size in (1, 2, 3)))
    s.tell("forward and captured graph take", first_inputs(s.graphs()), tier="may")


class Wrapped(torch.Tensor):
    """A tensor around another one, which no compiler can look into."""

    inside: Tensor

    def __new__(cls, inside: Tensor) -> Self:
        """Around a tensor."""
        made = torch.Tensor._make_wrapper_subclass(  # noqa: SLF001 - has no public name
            cls, inside.shape, dtype=inside.dtype, device=inside.device
        )
        made.inside = inside
        return made

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, function: Any, _: Any, args: Any = (), kwargs: Any = None
    ) -> Wrapped:
        """Around what the function makes of what is inside."""
        inside = [each.inside if isinstance(each, cls) else each for each in args]
        return cls(function(*inside, **(kwargs or {})))


class Stealing(torch.nn.Module):
    """Adds the tensors of a list, which it may empty."""

    def forward(self, inputs: list[Tensor]) -> tuple[Tensor]:
        """The first tensor plus one, plus the second."""
        return (inputs[0] + 1 + inputs[1],)


@scenario(
    ref="torch.compiler: compiled autograd / inputs are freed early",
    seed=("test_inputs_aliasing_bytecode_stack_restore",),
    needs=("compiled_autograd",),
    axes={"wrapped": (False, True)},
    expect={
        "wrapped=False": """
        call: compiles, succeeds
        result = [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, ...]
        inputs left (should) = 0
        the first input is freed (should) = True
        """,
        "otherwise": """
        call: compiles 2 graphs, succeeds
        result = [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, ...]
        inputs left (should) = 0
        the first input is freed (should) = True
        """,
    },
)
def inputs_may_be_stolen(s: Subject) -> None:
    """A graph module marked to steal its list of inputs empties that list, so that the tensors are freed."""
    adder = torch.fx.symbolic_trace(Stealing())
    set_locals_to_steal(adder, ["inputs"])
    program = s.compile(adder).target
    inputs = [s.ones(1000), Wrapped(s.ones(1)) if s.axis("wrapped") else s.ones(1)]
    first = weakref.ref(inputs[0])
    result = s.act("call", lambda: program(inputs))
    s.tell("result", getattr(result[0], "inside", result[0]) if result else None)
    s.tell("inputs left", len(inputs), tier="should")
    s.tell("the first input is freed", first() is None, tier="should")


@scenario(
    ref="torch.compiler: compiled autograd / inputs are freed early",
    seed=("test_inputs_aliasing_bytecode_attr_mutations",),
    needs=("compiled_autograd",),
    expect="""
    capture by hand: succeeds
    run what was captured: compiles, succeeds
    gradient = [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, ...]
    gradient is assigned to (may) = inputs_ref_0
    """,
)
def stolen_parameters_get_their_gradient(s: Subject) -> None:
    """A parameter in a stolen list of inputs is kept alive until its .grad has been assigned."""
    parameter, active, codes = s.ones(100), s.full((100,), 2), list[CodeType]()
    run = s.act("capture by hand", lambda: capture(s, [parameter, active]))
    hook = register_bytecode_hook(lambda _, new_code: codes.append(new_code))
    s.act("run what was captured", lambda: run([parameter, active]))
    hook.remove()
    s.tell("gradient", parameter.grad)
    s.tell("gradient is assigned to", ", ".join(map(owner, codes)), tier="may")


def capture(s: Subject, inputs: list[Tensor]) -> Callable[[list[Tensor]], object]:
    """Capture, step by step, the accumulation of twice the second input as gradient of the first."""
    compiler = compiled_autograd.AutogradCompilerInstance(lambda graph: s.compile(graph).target)
    _, (parameter, active), *_ = compiler.begin_capture(inputs, [], [], [[], [], []], False, False)  # noqa: FBT003 - takes no keywords
    accumulate, gradient = torch.ops.inductor.accumulate_grad_.default, active * 2
    # Since torch 2.13 the gradient that is there comes before the new one.
    before = [None] * (len(accumulate._schema.arguments) - 2)  # noqa: SLF001 - has no public name
    accumulate(parameter, *before, gradient)
    run, compiled = compiler.end_capture(gradient)
    return lambda given: run(compiled, given, (), (), (), ())


def owner(code: CodeType) -> str:
    """The local whose attribute `grad` code assigns."""
    before = ""
    for each in dis.get_instructions(code):
        if each.opname == "STORE_ATTR" and each.argval == "grad":
            return before
        before = str(each.argval)
    return ""


@scenario(
    ref="torch.compiler: compiled autograd / a capture that fails",
    needs=("compiled_autograd",),
    expect="""
    begin a capture and give it up: succeeds
    a new tensor is = Tensor
    """,
)
def abandoned_capture_is_contained(s: Subject) -> None:
    """A capture of a backward pass that was begun and abandoned does not change what new tensors are."""
    s.act("begin a capture and give it up", lambda: abandon(s.ones(2)))
    s.tell("a new tensor is", type(torch.ones(2)).__name__)


def abandon(x: Tensor) -> None:
    """Begin a capture, and never end it."""
    compiler = compiled_autograd.AutogradCompilerInstance(lambda graph: graph)
    compiler.begin_capture([x], [], [], [[], [], []], False, False)  # noqa: FBT003 - takes no keywords


@scenario(
    ref="torch.autograd / a graph is gone after its backward pass",
    needs=("compiled_autograd",),
    expect="""
    call 1: runs uncompiled, raises RuntimeError, equals eager
    call 2: compiles, captures a backward, equals eager
    """,
)
def failed_backward_is_contained(s: Subject) -> None:
    """A backward pass that fails in eager raises the same when captured, and the next one is captured all the same."""
    x = s.randn(3).requires_grad_()
    loss = x.sin().sum()
    loss.backward()
    backward = s.compile_backward(lambda _, loss: loss.backward())
    s.attempt(backward, x, loss)
    backward(x, x.sin().sum())


def double(gradient: Tensor) -> Tensor:
    """Twice a gradient."""
    return gradient * 2


def refuse(_: Tensor) -> None:
    """A hook that raises."""
    raise ValueError("the hook does not like this gradient")


@scenario(
    ref="torch.Tensor.register_hook / exceptions",
    needs=("compiled_autograd",),
    expect="""
    call 1: compiles, captures a backward, raises ValueError, equals eager
    call 2: compiles 2 graphs, equals eager
    """,
)
def exceptions_of_hooks_arrive(s: Subject) -> None:
    """What a hook raises comes out of the captured backward pass, and the next backward pass works."""

    def step(x: Tensor, hook: Callable[[Tensor], Tensor | None]) -> None:
        y = x.sin()
        y.register_hook(hook)
        y.sum().backward()

    backward = s.compile_backward(step, fullgraph=False)
    s.attempt(backward, s.randn(3).requires_grad_(), refuse)
    backward(s.randn(3).requires_grad_(), double)
