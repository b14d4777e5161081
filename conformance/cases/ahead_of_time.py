"""Does a program that was compiled ahead of time give eager's results, here and in other processes?"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.checkpoint import checkpoint

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

#: What `add_small` adds; a program reads it as a global of its module.
SMALL = torch.tensor(1e-3)


def add(x: Tensor, y: Tensor) -> Tensor:
    """The sum of two tensors."""
    return x + y


@scenario(
    ref="torch.compiler: ahead-of-time compilation / round trip",
    seed=("test_aot_compile_basic_fn_inductor",),
    needs=("ahead_of_time", "fullgraph"),
    axes={"interpreter": (False, True)},
    expect={
        "interpreter=True": """
        compile ahead of time: compiles, succeeds
        call 1: reuses, equals eager
        save: succeeds
        change: a fresh interpreter goes on
        load: succeeds
        call 2: reuses, equals eager
        """,
        "otherwise": """
        compile ahead of time: compiles, succeeds
        call 1: reuses, equals eager
        save: succeeds
        change: a fresh process goes on
        load: succeeds
        call 2: reuses, equals eager
        """,
    },
)
def function_round_trip(s: Subject) -> None:
    """A function that was compiled ahead of time and saved runs in another process without being compiled again."""
    ready = s.ahead(add, (s.randn(3, 4), s.randn(3, 4)))
    ready(s.randn(3, 4), s.randn(3, 4))
    ready.save(s.path("add"))
    s.elsewhere(add_loaded, s.path("add"), interpreter=s.axis("interpreter"))


def add_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and call it with two tensors."""
    loaded = s.load(path)
    loaded(s.randn(3, 4), s.randn(3, 4))


class Linear(torch.nn.Module):
    """Holds one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        return self.linear(x)  # type: ignore[no-any-return]


@scenario(
    ref="torch.compiler: ahead-of-time compilation / modules",
    seed=("test_aot_compile_basic_forward",),
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    call 2: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 3: reuses, equals eager
    """,
)
def module_round_trip(s: Subject) -> None:
    """Code compiled ahead of time from a module takes an instance as its first argument and uses its weights."""
    module = s.place(Linear())
    ready = s.ahead(module, (s.randn(3, 3),))
    ready(module, s.randn(3, 3))
    ready(s.place(Linear()), s.randn(3, 3))
    ready.save(s.path("linear"))
    s.elsewhere(apply_loaded, s.path("linear"))


def apply_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and call it with an instance that has just been made."""
    loaded = s.load(path)
    loaded(s.place(Linear()), s.randn(3, 3))


def call_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and call it with a tensor."""
    loaded = s.load(path)
    loaded(s.randn(3, 4))


class RepeatsFirstHalf(torch.nn.Module):
    """Has no parameters."""

    def forward(self, x: Tensor) -> Tensor:
        """Each element of the first half of the last dimension, twice."""
        first, _ = x.chunk(2, dim=-1)
        return first.repeat_interleave(2, dim=-1)


@scenario(
    ref="torch.compiler: ahead-of-time compilation / round trip",
    seed=("test_aot_compile_repeat_interleave",),
    needs=("ahead_of_time", "fullgraph", "dynamic_shapes"),
    axes={"dynamic": (None, True)},
    expect={
        "dynamic=True": """
        compile ahead of time: compiles, succeeds
        call 1: reuses, equals eager
        save: succeeds
        change: a fresh process goes on
        load: succeeds
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        """,
        "otherwise": """
        compile ahead of time: compiles, succeeds
        call 1: reuses, equals eager
        save: succeeds
        change: a fresh process goes on
        load: succeeds
        call 2: reuses, equals eager
        """,
    },
)
def repeat_interleave_round_trip(s: Subject) -> None:
    """A program that calls repeat_interleave runs in another process once saved, at other sizes if dynamic."""
    module = RepeatsFirstHalf()
    ready = s.ahead(module, (s.randn(2, 4),), dynamic=s.axis("dynamic"))
    ready(module, s.randn(2, 4))
    ready.save(s.path("repeat"))
    s.elsewhere(repeat_loaded, s.path("repeat"), (2, 6) if s.axis("dynamic") else (2,))


def repeat_loaded(s: Subject, path: str, rows: Sequence[int]) -> None:
    """Load what was saved, and call it with tensors of so many rows."""
    loaded = s.load(path)
    for number in rows:
        loaded(RepeatsFirstHalf(), s.randn(number, 4))


@scenario(
    ref="torch.compiler: ahead-of-time compilation / closures",
    seed=("test_aot_compile_with_closure_save_and_load",),
    needs=("ahead_of_time", "fullgraph"),
    axes={"captured": ("number", "tensor")},
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 2: reuses, equals eager
    """,
)
def captured_value_round_trip(s: Subject) -> None:
    """A number or tensor in a function's closure is saved and loaded with the function."""
    captured = 2 if s.axis("captured") == "number" else s.randn(4)

    def add_captured(x: Tensor) -> Tensor:
        return x + captured

    ready = s.ahead(add_captured, (s.randn(3, 4),))
    ready(s.randn(3, 4))
    ready.save(s.path("add"))
    s.elsewhere(call_loaded, s.path("add"))


class AddsOne:
    """The last class in the order of resolution."""

    def forward(self, x: Tensor) -> Tensor:
        """The argument plus one."""
        return x + 1


class Passes:
    """A mixin, which passes on."""

    def forward(self, x: Tensor) -> Tensor:
        """What the next class gives."""
        return super().forward(x)  # type: ignore[misc, no-any-return]


class Inherits(Passes, AddsOne):
    """Passes on to both."""

    def forward(self, x: Tensor) -> Tensor:
        """What the next class gives."""
        return super().forward(x)


@scenario(
    ref="torch.compiler: ahead-of-time compilation / methods",
    seed=("test_aot_compile_with_super_call",),
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 2: reuses, equals eager
    """,
)
def method_with_super_round_trip(s: Subject) -> None:
    """A method that calls super() calls the same methods once it was compiled ahead of time, saved and loaded."""
    instance = Inherits()
    ready = s.ahead(instance.forward, (s.randn(3, 4),))
    ready(instance, s.randn(3, 4))
    ready.save(s.path("method"))
    s.elsewhere(pass_loaded, s.path("method"))


def pass_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and call it with an instance that has just been made."""
    loaded = s.load(path)
    loaded(Inherits(), s.randn(3, 4))


def add_small(x: Tensor) -> Tensor:
    """The argument plus a global of this module."""
    return x + SMALL


@scenario(
    ref="torch.compiler: ahead-of-time compilation / globals",
    seed=("test_aot_compile_with_global_tensor",),
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 2: reuses, equals eager
    """,
)
def global_tensor_round_trip(s: Subject) -> None:
    """A tensor that a function reads as a global of its module is saved with it."""
    ready = s.ahead(add_small, (s.randn(3, 4),))
    ready(s.randn(3, 4))
    ready.save(s.path("add"))
    s.elsewhere(call_loaded, s.path("add"))


def twice(x: Tensor, times: float = 2) -> Tensor:
    """The argument, by default twice."""
    return x * times


@scenario(
    ref="torch.compiler: ahead-of-time compilation / signatures",
    seed=("test_aot_compile_with_default_args",),
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    call 2: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 3: reuses, equals eager
    """,
)
def default_argument_round_trip(s: Subject) -> None:
    """An argument that is not passed takes its default value, also after saving and loading."""
    ready = s.ahead(twice, (s.randn(3, 4),))
    ready(s.randn(3, 4))
    ready(s.randn(3, 4), times=2)
    ready.save(s.path("twice"))
    s.elsewhere(call_loaded, s.path("twice"))


def demand_rows(program: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A decorator that demands more than one row of each argument."""

    def run(*args: Tensor) -> Tensor:
        assert all(len(each) > 1 for each in args)
        return program(*args)

    return run


def demand_rows_and_tell(program: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same, with the name and the signature of what is decorated."""
    return functools.wraps(program)(demand_rows(program))


@scenario(
    ref="torch.compiler: ahead-of-time compilation / decorated functions",
    seed=("test_decorated_function_aot", "test_decorated_function_with_functools_wrap_aot"),
    needs=("ahead_of_time", "fullgraph"),
    axes={"wraps": (False, True)},
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 2: reuses, equals eager
    """,
)
def decorated_function_round_trip(s: Subject) -> None:
    """A decorated function is compiled ahead of time with its decorator, with functools.wraps or without."""
    decorated = (demand_rows_and_tell if s.axis("wraps") else demand_rows)(add)
    ready = s.ahead(decorated, (s.randn(3, 4), s.randn(3, 4)))
    ready(s.randn(3, 4), s.randn(3, 4))
    ready.save(s.path("add"))
    s.elsewhere(add_loaded, s.path("add"))


def mix(inputs: tuple[dict[str, Tensor], Tensor], *, scales: list[float]) -> dict[str, Any]:
    """A nest made of a nest."""
    named, third = inputs
    return {"sum": named["a"] + third, "scaled": [named["b"] * scale for scale in scales]}


@scenario(
    ref="torch.compiler: ahead-of-time compilation / nested inputs",
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def nested_inputs_round_trip(s: Subject) -> None:
    """Nested dicts, tuples and lists can be passed and returned, also loaded, and with dict keys in another order."""
    example = {"a": s.randn(3), "b": s.randn(4)}, s.randn(3)
    ready = s.ahead(mix, (example,), {"scales": [2.0, 3.0]})
    ready(({"a": s.randn(3), "b": s.randn(4)}, s.randn(3)), scales=[2.0, 3.0])
    ready.save(s.path("mix"))
    s.elsewhere(mix_loaded, s.path("mix"))


def mix_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and call it with a nest whose keys have another order."""
    loaded = s.load(path)
    loaded(({"a": s.randn(3), "b": s.randn(4)}, s.randn(3)), scales=[2.0, 3.0])
    loaded(({"b": s.randn(4), "a": s.randn(3)}, s.randn(3)), scales=[2.0, 3.0])


def weigh(x: Tensor, y: Tensor) -> Tensor:
    """Something with intermediate results."""
    return (x * 2 + y * 3).sin()


def weigh_again(x: Tensor, y: Tensor) -> Tensor:
    """The same; a backward pass computes the intermediate results anew."""
    return checkpoint(weigh, x, y, use_reentrant=False)  # type: ignore[no-any-return]


@scenario(
    ref="torch.compiler: ahead-of-time compilation / activation checkpointing",
    seed=("test_aot_compile_with_checkpoint",),
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 1: reuses, equals eager
    gradients: equals eager
    """,
)
def checkpoint_round_trip(s: Subject) -> None:
    """A function that uses activation checkpointing has eager's gradients after it was saved and loaded."""
    x, y = s.randn(3, 4).requires_grad_(), s.randn(3, 4).requires_grad_()
    ready = s.ahead(weigh_again, (x, y))
    ready.save(s.path("weigh"))
    s.elsewhere(weigh_loaded, s.path("weigh"))


def weigh_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and differentiate it."""
    loaded = s.load(path)
    x, y = s.randn(3, 4).requires_grad_(), s.randn(3, 4).requires_grad_()
    loaded(x, y).square().sum().backward()
    s.note("gradients", [x.grad, y.grad])
