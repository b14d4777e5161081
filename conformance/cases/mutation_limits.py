"""What becomes of in-place writes at their limits: new shape or storage, refusals, graph breaks, exceptions?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

#: Ways to change what a tensor looks like in place, without writing numbers.
RESHAPES: dict[str, Callable[[Tensor], object]] = {
    "t_": lambda x: x.t_(),
    "transpose_": lambda x: x.transpose_(0, 1),
    "unsqueeze_": lambda x: x.unsqueeze_(0),
    "t_ and add_": lambda x: x.t_().add_(1),
}


@scenario(
    ref="torch.compiler: fullgraph / mutation of arguments",
    axes={"how": ("t_", "transpose_", "unsqueeze_", "t_ and add_")},
    expect={
        "how=t_ and add_": """
        call 1: compiles 2 graphs, mutates argument 0, equals eager
        call 2: compiles 2 graphs, mutates argument 0, equals eager
        """,
        "otherwise": """
        call 1: compiles, mutates argument 0, equals eager
        call 2: compiles, mutates argument 0, equals eager
        """,
    },
)
def shape_is_changed_in_place(s: Subject) -> None:
    """A tensor that t_, transpose_ or unsqueeze_ changes has its new shape for the caller, and in the next call."""
    reshape = RESHAPES[s.axis("how")]

    def program(x: Tensor) -> Tensor:
        reshape(x)
        return x * 2

    compiled, x = s.compile(program), s.randn(1, 3)
    compiled(x)
    compiled(x)


#: Ways to give a tensor other memory.
SWAPS: dict[str, Callable[[Tensor, Tensor], object]] = {
    "set_": lambda x, y: x.set_(y),  # type: ignore[call-overload] # one that has no stub
    "data": lambda x, y: setattr(x, "data", y),
    "resize_": lambda x, y: x.resize_(y.shape).fill_(1),
    "out": lambda x, y: torch.mul(y, 2, out=x),
}


@scenario(
    ref="torch.compiler: fullgraph / mutation of arguments",
    axes={"how": ("set_", "data", "resize_", "out")},
    expect={
        "how=resize_": """
        call 1: compiles 2 graphs, mutates argument 0, equals eager
        both tensors once the second was written: equals eager
        call 2: compiles 3 graphs, mutates argument 0, equals eager
        both tensors once the second was written: equals eager
        call 3: reuses, mutates argument 0, equals eager
        both tensors once the second was written: equals eager
        """,
        "how=out": """
        call 1: compiles, mutates argument 0, equals eager
        both tensors once the second was written: equals eager
        call 2: compiles, mutates argument 0, equals eager
        both tensors once the second was written: equals eager
        call 3: compiles, mutates argument 0, equals eager
        both tensors once the second was written: equals eager
        """,
        "otherwise": """
        call 1: compiles, mutates argument 0, equals eager
        both tensors once the second was written: equals eager
        call 2: compiles, mutates argument 0, equals eager
        both tensors once the second was written: equals eager
        call 3: reuses, mutates argument 0, equals eager
        both tensors once the second was written: equals eager
        """,
    },
)
def memory_is_swapped(s: Subject) -> None:
    """A tensor that gets other storage by set_, .data, resize_ or out= has it for the caller, shared as in eager."""
    swap = SWAPS[s.axis("how")]

    def program(x: Tensor, y: Tensor) -> Tensor:
        swap(x, y)
        return x + 1

    compiled = s.compile(program)
    for size in 3, 5, 2:
        x, y = s.randn(3), s.randn(size)
        s.attempt(compiled, x, y)
        y.add_(1)
        s.note("both tensors once the second was written", (x, y))


@scenario(
    ref="torch.compiler: fullgraph / mutation of arguments",
    needs=("torch_compile",),
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    call 2: raises torch._dynamo.exc.TorchRuntimeError while tracing
    call 3: compiles, mutates argument 0, equals eager
    call 4: reuses, mutates argument 0, equals eager
    the leaf: equals eager
    """,
)
def leaf_is_written(s: Subject) -> None:
    """A leaf that requires grad may be mutated under no_grad; where gradients are recorded, that raises."""
    program, x = s.compile(lambda x: x.mul_(2).sum()), s.randn(3)
    for needs_grad, records in (True, False), (True, True), (False, True), (True, False):
        with torch.set_grad_enabled(records):
            s.attempt(program, x.requires_grad_(needs_grad))
    s.note("the leaf", x)


@scenario(
    ref="torch.compiler: fullgraph / mutation of arguments",
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    call 2: compiles, raises RuntimeError, equals eager
    call 3: reuses, mutates argument 0, equals eager
    """,
)
def expanded_argument_is_not_written(s: Subject) -> None:
    """An expanded tensor, whose elements share memory, cannot be mutated, also by code compiled for another."""
    program = s.compile(lambda x: x.add_(1).sum())
    for x in s.randn(3, 2), s.randn(1, 2).expand(3, 2), s.randn(3, 2):
        s.attempt(program, x)


@scenario(
    ref="torch.compiler: graph breaks",
    expect="""
    call 1: compiles 2 graphs, mutates argument 0, equals eager
    call 2: reuses, mutates argument 0, equals eager
    call 3: compiles 2 graphs, mutates argument 0, equals eager
    """,
)
def writes_on_both_sides_of_a_break(s: Subject) -> None:
    """In-place writes around a graph break happen once each, in order, also into a view taken before the break."""

    def program(x: Tensor) -> Tensor:
        part = x[1:]
        x.add_(1)
        torch._dynamo.graph_break()  # noqa: SLF001 - the documented name
        part.mul_(3)
        x[0] = part.sum()
        return x * 2

    compiled = s.compile(program)
    for size in 3, 3, 4:
        compiled(s.randn(size))


@scenario(
    ref="torch.compiler: core concepts / exceptions",
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    call 2: runs uncompiled, mutates argument 0, raises ValueError, equals eager
    call 3: runs uncompiled, mutates argument 0, equals eager
    call 4: runs uncompiled, mutates argument 0, raises ValueError, equals eager
    call 5: runs uncompiled, mutates argument 0, equals eager
    """,
)
def writes_before_an_exception_stay(s: Subject) -> None:
    """What was written in place before an exception stays written, once, and nothing after it is."""

    def program(x: Tensor, limit: float) -> Tensor:
        x.add_(1)
        if limit < 0:
            raise ValueError("the limit is negative")
        return x.clamp_(max=limit).sum()

    compiled, x = s.compile(program), s.zeros(3)
    for limit in 5.0, -1.0, 0.5, -1.0, 5.0:
        s.attempt(compiled, x, limit)


@scenario(
    ref="torch.compiler: core concepts / exceptions",
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    call 2: reuses, mutates argument 0, raises torch._C._LinAlgError, equals eager
    call 3: reuses, mutates argument 0, equals eager
    """,
)
def writes_before_a_failing_operation_stay(s: Subject) -> None:
    """What was written in place before an operation that fails stays written, and the exception is eager's."""

    def program(x: Tensor, matrix: Tensor) -> Tensor:
        x.add_(1)
        x.mul_(torch.linalg.cholesky(matrix).sum())
        return x * 2

    compiled, x = s.compile(program), s.ones(3)
    for scale in 1, -1, 4:
        s.attempt(compiled, x, torch.diag(s.full((3,), scale)))
