"""Do tensor subclasses, function modes and nested tensors act in compiled code as in eager?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import return_and_correct_aliasing

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable


class Unit(Tensor):
    """Overrides nothing."""


class Doubling(Tensor):
    """Overrides functions of torch: sums are doubled."""

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """What the function gives, twice that for sums."""
        result = super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[no-untyped-call]
        return result * 2 if func in (torch.sum, Tensor.sum) else result


@scenario(
    ref="torch.compiler: core concepts / subclasses of Tensor",
    expect="""
    change: the argument is of class Tensor
    call 1: compiles, equals eager
    change: the argument is of class Doubling
    call 2: compiles, equals eager
    change: the argument is of class Unit
    call 3: compiles, equals eager
    change: the argument is of class Doubling
    call 4: reuses, equals eager
    change: the argument is of class Tensor
    call 5: reuses, equals eager
    """,
)
def class_of_the_argument_decides(s: Subject) -> None:
    """The __torch_function__ of the argument's class decides in each call, and the result is of that class."""
    program = s.compile(lambda x: (x * 2).exp().sum())
    for kind in Tensor, Doubling, Unit, Doubling, Tensor:
        s.change(f"the argument is of class {kind.__name__}")
        program(s.randn(3).as_subclass(kind))


class Pair(Tensor):
    """Two tensors of one shape, which go through everything side by side."""

    a: Tensor
    b: Tensor

    def __new__(cls, a: Tensor, b: Tensor) -> Any:  # noqa: ARG004 - as __init__ takes it
        """One that looks like the first."""
        return Tensor._make_wrapper_subclass(  # noqa: SLF001 - has no public name
            cls,
            a.shape,
            strides=a.stride(),
            dtype=a.dtype,
            device=a.device,
            requires_grad=a.requires_grad,
        )

    def __init__(self, a: Tensor, b: Tensor) -> None:
        self.a, self.b = a, b

    def __repr__(self) -> str:  # type: ignore[override] # nobody asks for more
        return "a pair"

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        """The names of the parts."""
        return ["a", "b"], None

    @staticmethod
    def __tensor_unflatten__(parts: dict[str, Tensor], _: None, size: Any, stride: Any) -> Pair:
        """The pair of two parts."""
        return Pair(parts["a"], parts["b"])

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override] # as torch calls it
        """What an operation gives for the first parts, and for the second parts."""
        kwargs = kwargs or {}
        first, second = (
            func(
                *pytree.tree_map_only(Pair, part, args), **pytree.tree_map_only(Pair, part, kwargs)
            )
            for part in (lambda pair: pair.a, lambda pair: pair.b)
        )
        leaves, structure = pytree.tree_flatten(first)
        others = pytree.tree_leaves(second)
        pairs = [
            Pair(a, b) if isinstance(a, Tensor) else a for a, b in zip(leaves, others, strict=True)
        ]
        result = pytree.tree_unflatten(pairs, structure)
        return return_and_correct_aliasing(func, args, kwargs, result)


def pair(s: Subject, *size: int) -> Pair:
    """Random numbers, and others."""
    return Pair(s.randn(*size), s.randn(*size))


def parts(of: Tensor | None) -> Any:
    """The parts of a pair, or its class if it is none."""
    return (of.a, of.b) if isinstance(of, Pair) else type(of).__name__


@scenario(
    ref="torch.compiler: core concepts / subclasses of Tensor",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, equals eager
    parts: equals eager
    call 2: compiles, equals eager
    plain: equals eager
    call 3: compiles, equals eager
    parts: equals eager
    call 4: compiles, equals eager
    plain: equals eager
    call 5: reuses, equals eager
    parts: equals eager
    call 6: reuses, equals eager
    plain: equals eager
    """,
)
def both_parts_are_computed(s: Subject) -> None:
    """All inner tensors of a wrapper subclass are computed, at any size, with calls on plain tensors in between."""
    program = s.compile(lambda x: (x.sin() * 2 + x.flip(0)).cumsum(0))
    for size in 2, 3, 4:
        s.note("parts", parts(program(pair(s, size))))
        s.note("plain", program(s.randn(size)))


@scenario(
    ref="torch.compiler: core concepts / subclasses of Tensor",
    expect="""
    call 1: compiles, equals eager
    gradient: equals eager
    parameter: equals eager
    call 2: reuses, equals eager
    gradient: equals eager
    parameter: equals eager
    """,
)
def both_parts_have_gradients(s: Subject) -> None:
    """A parameter of a wrapper subclass gets a gradient of that subclass, for all its inner tensors."""
    weight: Any = nn.Parameter(pair(s, 3))
    program = s.compile(lambda x: (x * weight).sin())
    for _ in range(2):
        program(s.randn(3)).sum().backward()
        s.note("gradient", parts(weight.grad))
        with torch.no_grad():
            weight.sub_(weight.grad)
        s.note("parameter", (weight.a, weight.b))


@scenario(
    ref="torch.compiler: core concepts / subclasses of Tensor",
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    result: equals eager
    argument: equals eager
    call 2: reuses, mutates argument 0, equals eager
    result: equals eager
    argument: equals eager
    """,
)
def both_parts_are_written(s: Subject) -> None:
    """An in-place write into a wrapper subclass, or into a view of it, is a write into all its inner tensors."""

    def program(x: Tensor) -> Tensor:
        x.mul_(2)
        x[1:].add_(1)
        return x + 1

    compiled = s.compile(program)
    for _ in range(2):
        x = pair(s, 3)
        s.note("result", parts(compiled(x)))
        s.note("argument", parts(x))


@scenario(
    ref="torch.compiler: core concepts / subclasses of Tensor",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    """,
)
def pair_is_made_and_taken_apart(s: Subject) -> None:
    """A wrapper subclass that a program makes acts as one in it, and gives back its inner tensors as tensors."""

    def program(a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        both: Any = Pair(a, b * 2).exp() + 1
        return both.a - both.b, both.b

    compiled = s.compile(program)
    for _ in range(2):
        compiled(s.randn(3), s.randn(3))


class Shifting(TorchFunctionMode):
    """Adds to each sine."""

    def __init__(self, amount: float) -> None:
        super().__init__()
        self.amount = amount

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """What the function gives, more of it for sines."""
        result = func(*args, **(kwargs or {}))
        return result + self.amount if func is torch.sin else result


@scenario(
    ref="torch.compiler: core concepts / modes",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    """,
)
def mode_is_entered_inside(s: Subject) -> None:
    """A TorchFunctionMode that a program enters, nested or not, holds until it is left, with its present attributes."""
    outer, inner = Shifting(1.0), Shifting(10.0)

    def program(x: Tensor) -> Tensor:
        with outer:
            y = torch.sin(x)
            with inner:
                y = y + torch.sin(x) * 2
        return y + torch.sin(x)

    compiled = s.compile(program)
    for amount in 10.0, 20.0, 10.0:
        inner.amount = amount
        compiled(s.randn(3))


@scenario(
    ref="torch.nested / in compiled code",
    needs=("dynamic_shapes",),
    expect="""
    calls 1-3: compiles, equals eager
    """,
)
def rows_have_lengths_of_their_own(s: Subject) -> None:
    """A jagged nested tensor is computed row by row, whatever the number and lengths of its rows in the call."""

    def program(values: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.nested.nested_tensor_from_jagged(values, offsets)
        return (rows.sin() * 2).values(), rows.sum(1)

    compiled = s.compile(program)
    for ends in (0, 2, 5), (0, 1, 6), (0, 3, 4, 7):
        offsets = s.zeros(len(ends), dtype=torch.int64) + torch.tensor(ends, device=s.device)
        compiled(s.randn(ends[-1], 2), offsets)
