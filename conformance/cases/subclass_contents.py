"""Is what a tensor subclass holds beside its data obeyed, and do dispatch modes see what runs?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from harness.scenario import Subject, scenario


class Scaled(Tensor):
    """Numbers that stand for their multiples by a factor."""

    held: Tensor
    factor: float

    def __new__(cls, held: Tensor, factor: float) -> Any:  # noqa: ARG004 - as __init__ takes it
        """One that looks like what it holds."""
        return Tensor._make_wrapper_subclass(  # noqa: SLF001 - has no public name
            cls, held.shape, strides=held.stride(), dtype=held.dtype, device=held.device
        )

    def __init__(self, held: Tensor, factor: float) -> None:
        self.held, self.factor = held, factor

    def __repr__(self) -> str:  # type: ignore[override] # nobody asks for more
        return "scaled"

    def __tensor_flatten__(self) -> tuple[list[str], float]:
        """The name of what it holds, and its factor."""
        return ["held"], self.factor

    @staticmethod
    def __tensor_unflatten__(parts: dict[str, Tensor], factor: float, *_: Any) -> Scaled:
        """One of these parts."""
        return Scaled(parts["held"], factor)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override] # as torch calls it
        """What an operation gives for the multiples; a detached one stays what it is."""
        if func is torch.ops.aten.detach.default:
            return Scaled(args[0].held.detach(), args[0].factor)
        plain = pytree.tree_map_only(
            Scaled, lambda each: each.held * each.factor, (args, kwargs or {})
        )
        return func(*plain[0], **plain[1])


@scenario(
    ref="torch.compiler: core concepts / subclasses of Tensor",
    expect="""
    change: the factor is 2.0
    call 1: compiles, equals eager
    change: the factor is 3.0
    call 2: compiles, equals eager
    change: the factor is 2.0
    call 3: reuses, equals eager
    """,
)
def factor_of_the_call_counts(s: Subject) -> None:
    """Metadata of a tensor subclass, such as a scale, counts in each call anew, also if all data are as before."""
    program, held = s.compile(lambda x: x.sin() + x), s.randn(3)
    for factor in 2.0, 3.0, 2.0:
        s.change(f"the factor is {factor}")
        program(Scaled(held, factor))


@scenario(
    ref="torch.compiler: core concepts / subclasses of Tensor",
    expect="""
    change: the factors are [2.0, 3.0]
    call 1: compiles, equals eager
    change: the factors are [2.0, 5.0]
    call 2: compiles, equals eager
    change: the factors are [6.0]
    call 3: compiles, equals eager
    change: the factors are [2.0, 3.0]
    call 4: reuses, equals eager
    """,
)
def scaled_tensors_nest(s: Subject) -> None:
    """A tensor subclass that wraps another is computed through all levels, and told from one that wraps none."""
    program = s.compile(lambda x: x.cos() - x)
    for factors in (2.0, 3.0), (2.0, 5.0), (6.0,), (2.0, 3.0):
        s.change(f"the factors are {list(factors)}")
        x: Tensor = s.ones(3)
        for factor in factors:
            x = Scaled(x, factor)
        program(x)


class Listing(TorchDispatchMode):
    """Keeps the names of operations."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What the operation gives."""
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


@scenario(
    ref="torch.compiler: core concepts / modes",
    expect="""
    call 1: compiles, equals eager
    operations: equals eager
    call 2: reuses, equals eager
    """,
)
def dispatch_mode_lists_operations(s: Subject) -> None:
    """A TorchDispatchMode sees the operations of a program called in it; compiled code is reused afterwards."""
    program, x = s.compile(lambda x: x.sin() * 2), s.randn(3)
    program(x)
    with Listing() as listing:
        program.target(x)
    s.note("operations", listing.names)
    program(x)
