"""Whatever is given to torch.compile, and however compiled things are put together, is it the program that it was?"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def scale(x: Tensor, factor: float = 2.0, *, shift: float = 1.0) -> Tensor:
    """Scales and shifts."""
    return x * factor + shift


class Scaler:
    """Has a method of every kind."""

    factor = 3.0

    def __init__(self, shift: float) -> None:
        self.shift = shift

    def method(self, x: Tensor) -> Tensor:
        """Uses the instance."""
        return x * self.factor + self.shift

    @classmethod
    def of_class(cls, x: Tensor) -> Tensor:
        """Uses the class."""
        return x * cls.factor

    @staticmethod
    def static(x: Tensor) -> Tensor:
        """Uses neither."""
        return x * 5

    def __call__(self, x: Tensor) -> Tensor:
        """Uses the method."""
        return self.method(x) - 1


class Finer(Scaler):
    """Has another factor."""

    factor = 0.5


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs) * 10

    return run


#: Things that can be called with a tensor.
CALLABLES: dict[str, Callable[[], Any]] = {
    "function": lambda: scale,
    "method": lambda: Finer(1.0).method,
    "class method": lambda: Finer.of_class,
    "static method": lambda: Finer.static,
    "instance": lambda: Scaler(2.0),
    "partial": lambda: functools.partial(scale, shift=7.0),
    "decorated": lambda: logged(scale),
    "function of torch": lambda: torch.sin,
    "method of torch": lambda: torch.Tensor.exp,
}


@scenario(
    ref="torch.compile: model",
    axes={
        "what": (
            "function",
            "method",
            "class method",
            "static method",
            "instance",
            "partial",
            "decorated",
            "function of torch",
            "method of torch",
        )
    },
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: compiles, equals eager
    """,
)
def callable_is_compiled(s: Subject) -> None:
    """A function, method, partial, callable object or function of torch can be compiled, and is called as before."""
    program = s.compile(CALLABLES[s.axis("what")]())
    for size in 2, 2, 3:
        program(s.randn(size))


@scenario(
    ref="torch.compile: model",
    expect="""
    call 1 of Scaler: compiles, equals eager
    call 2 of Finer: compiles, equals eager
    call 3 of Scaler: compiles, equals eager
    call 4 of Finer: reuses, equals eager
    call 5 of Scaler: reuses, equals eager
    call 6 of Finer: reuses, equals eager
    """,
)
def methods_of_two_instances(s: Subject) -> None:
    """The compiled methods of two instances compute with their own instance each, also once it has changed."""
    first, second = Scaler(1.0), Finer(2.0)
    programs = [s.compile(each.method, name=type(each).__name__) for each in (first, second)]
    for shift in 1.5, 2.5, 1.5:
        first.shift = shift
        for program in programs:
            program(s.randn(2))


@scenario(
    ref="torch.compile: model",
    expect="""
    call 1: compiles, equals eager
    name and documentation: equals eager
    """,
)
def function_keeps_its_face(s: Subject) -> None:
    """A compiled function has the __name__, __qualname__, __doc__ and __module__ that it had."""
    program: Any = s.compile(scale)
    program(s.randn(2), 3.0)
    face = program.__name__, program.__qualname__, program.__doc__, program.__module__
    s.note("name and documentation", face)


@scenario(
    ref="torch.compile: model",
    expect="""
    call 1: compiles, equals eager
    calls 2-5: reuses, equals eager
    call 6: compiles, equals eager
    """,
)
def arguments_are_bound(s: Subject) -> None:
    """Arguments reach the program in any way that Python passes them, at one graph for equal values."""
    program, x = s.compile(scale, dynamic=False), s.randn(2)
    program(x)
    program(x, 2.0)
    program(x, factor=2.0)
    program(shift=1.0, x=x)
    program(*(x, 2.0), **dict.fromkeys(["shift"], 1.0))
    program(x, shift=3.0)


@scenario(
    ref="torch.compile: nested",
    expect="""
    call 1 of outer: compiles, equals eager
    called alone: equals eager
    call 2 of outer: reuses, equals eager
    called alone: equals eager
    call 3 of outer: compiles, equals eager
    called alone: equals eager
    """,
)
def compiled_calls_compiled(s: Subject) -> None:
    """A compiled function that a compiled program calls becomes a part of it, and can be called alone as well."""
    inner = torch.compile(scale, backend=lambda graph, _: functools.partial(graph.forward))
    outer = s.compile(lambda x, factor: inner(x.sin(), factor) + inner(x), name="outer")
    for size, factor in (2, 2.0), (2, 2.0), (3, 0.5):
        outer(s.randn(size), factor)
        s.note("called alone", inner(s.randn(size), factor))


class Layer(nn.Module):
    """A layer with a buffer and an attribute."""

    weight: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.register_buffer("weight", torch.ones(width))
        self.power = 1

    def forward(self, x: Tensor) -> Tensor:
        """Uses all of it."""
        return (self.linear(x) * self.weight) ** self.power  # type: ignore[no-any-return]

    def describe(self) -> str:
        """Another method."""
        return f"power {self.power}"


@scenario(
    ref="torch.compile: model",
    expect="""
    call 1: compiles, equals eager
    change: the power and the buffer are set on the wrapper
    call 2: compiles, equals eager
    the module: equals eager
    parameters: equals eager
    """,
)
def module_is_behind_its_wrapper(s: Subject) -> None:
    """Attributes, methods, buffers and mode of a compiled module are those of the module itself."""
    layer = s.place(Layer(3))
    program = s.compile(layer)
    program(s.randn(2, 3))
    s.change("the power and the buffer are set on the wrapper")
    wrapper: Any = program if program.power == 1 else None
    wrapper.train(mode=False)
    wrapper.weight.mul_(3)
    layer.power = 2
    program(s.randn(2, 3))
    s.note("the module", (layer.training, wrapper.power, wrapper.describe(), layer.weight))
    s.note(
        "parameters", [each.removeprefix("_orig_mod.") for each, _ in wrapper.named_parameters()]
    )


@scenario(
    ref="torch.compiler: where to apply torch.compile / in place",
    needs=("torch_compile",),
    expect="""
    call 1: compiles 2 graphs, equals eager
    call 2: compiles, equals eager
    call 3: compiles 2 graphs, equals eager
    seen: equals eager
    """,
)
def hooks_of_a_compiled_module(s: Subject) -> None:
    """Forward hooks and pre-hooks that a module has when it is compiled run in each call, and see what eager's see."""
    seen: list[Any] = []

    def look(_: Any, args: Any, result: Tensor) -> Tensor:
        seen.append(args[0].sum())
        return result + 1

    layer = s.place(Layer(2))
    layer.register_forward_pre_hook(lambda _, args: (args[0] * 2,))
    layer.linear.register_forward_hook(look)
    program = s.compile(layer)
    for size in 1, 1, 2:
        program(s.randn(size, 2))
    s.note("seen", seen)


@scenario(
    ref="torch.compiler: where to apply torch.compile / regional compilation",
    expect="""
    call 1 of layer 0: compiles, equals eager
    call 2 of layer 1: compiles, equals eager
    call 3 of layer 2: reuses, equals eager
    call 4 of layer 0: reuses, equals eager
    call 5 of layer 1: reuses, equals eager
    call 6 of layer 2: reuses, equals eager
    gradients: equals eager
    """,
)
def layers_are_compiled_alone(s: Subject) -> None:
    """Layers of one class that are compiled one by one share graphs, keep their own weights, and train together."""
    layers = [s.place(Layer(3)) for _ in range(3)]
    programs = [s.compile(each, name=f"layer {number}") for number, each in enumerate(layers)]
    for _ in range(2):
        x = s.randn(2, 3)
        for program in programs:
            x = program(x).sin()
        x.sum().backward()
    s.note("gradients", [each.linear.weight.grad for each in layers])


@scenario(
    ref="torch.compiler.nested_compile_region",
    needs=("torch_compile",),
    tells=("ops",),
    expect="""
    call 1: compiles, 7 ops, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    call 3: compiles, 7 ops, equals eager
    gradients: equals eager
    """,
)
def region_is_repeated(s: Subject) -> None:
    """A nested_compile_region that is used for several layers computes with each layer's weights and gradients."""
    layers = [s.place(nn.Linear(3, 3)) for _ in range(3)]
    region: Any = torch.compiler.nested_compile_region(lambda x, weight: (x @ weight).sin() + x)

    def program(x: Tensor) -> Tensor:
        for layer in layers:
            x = region(x, layer.weight)
        return x.sum()

    compiled = s.compile(program)
    for size in 2, 2, 4:
        x = s.randn(size, 3).requires_grad_()
        compiled(x).backward()
        s.note("gradients", (x.grad, [each.weight.grad for each in layers]))


@scenario(
    ref="torch.compile: disable",
    needs=("torch_compile",),
    expect="""
    call 1: runs uncompiled, equals eager
    call 2: runs uncompiled, equals eager
    """,
)
def compiling_is_disabled(s: Subject) -> None:
    """A program that is compiled with `disable=True` runs as it is."""
    program = s.compile(scale, disable=True)
    for size in 2, 3:
        program(s.randn(size))


@scenario(
    ref="torch.compile: model",
    tiers={"compiles": "may: which of a generator's pieces can be compiled varies"},
    expect="""
    call 1: runs uncompiled, resembles eager
    values: equals eager
    call 2: runs uncompiled, resembles eager
    values: equals eager
    call 3: runs uncompiled, resembles eager
    values: equals eager
    """,
)
def program_makes_a_generator(s: Subject) -> None:
    """A compiled generator function yields its values one by one, and runs nothing before the first is asked for."""
    log: list[str] = []

    def program(x: Tensor, times: int) -> Any:
        log.append("begins")
        for number in range(times):
            sent = yield x * number
            log.append(f"was sent {sent}")
        return math.pi

    compiled = s.compile(program, compare="metadata")
    for times in 2, 2, 1:
        values = compiled(s.randn(2), times)
        log.append("made")
        s.note("values", (next(values), list(values), list(log)))
