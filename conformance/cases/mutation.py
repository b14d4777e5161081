"""Do in-place writes into arguments, views, buffers and captured tensors reach the caller as in eager?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

#: Ways to write into a matrix in place.
WRITES: dict[str, Callable[[Tensor], object]] = {
    "arithmetic": lambda x: x.add_(1).mul_(2),
    "slice": lambda x: x[1:].add_(x[0] * 2),
    "item": lambda x: x.__setitem__(slice(1, None), x[:-1] * 2),
    "index": lambda x: x.index_add_(0, torch.zeros(3, dtype=torch.long, device=x.device), x * 2),
    "mask": lambda x: x.masked_fill_(x > 0, 0).sub_(1),
    "scatter": lambda x: x.scatter_(0, (x > 0).long(), x * 3),
    "out": lambda x: torch.mul(x, 2, out=x),
    "several": lambda x: torch._foreach_add_([x[0], x[1]], 1),
}


@scenario(
    ref="torch.compiler: fullgraph / mutation of arguments",
    axes={"write": ("arithmetic", "slice", "item", "index", "mask", "scatter", "out", "several")},
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    call 2: reuses, mutates argument 0, equals eager
    call 3: reuses, mutates argument 0, equals eager
    """,
)
def argument_is_written(s: Subject) -> None:
    """In whatever way a program mutates its argument, each call changes the caller's tensor once."""
    write = WRITES[s.axis("write")]

    def program(x: Tensor) -> Tensor:
        before = x.sum()
        write(x)
        return before + x.sum()

    compiled, x = s.compile(program), s.randn(3, 3)
    compiled(x)
    compiled(x)
    compiled(s.randn(3, 3))


#: Ways to look at a part of a matrix.
VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "row": lambda x: x[1],
    "every other": lambda x: x.reshape(-1)[::2],
    "transposed": lambda x: x.t()[:2],
    "diagonal": lambda x: x.diagonal(),
    "unbound": lambda x: x.unbind(1)[-1],
    "strided": lambda x: x.as_strided((2, 2), (1, 4), 1),
}


@scenario(
    ref="torch.compiler: fullgraph / mutation of arguments",
    axes={"view": ("row", "every other", "transposed", "diagonal", "unbound", "strided")},
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    call 2: reuses, mutates argument 0, equals eager
    """,
)
def view_is_written(s: Subject) -> None:
    """What is written into a view of an argument is read from the argument, inside of the program and outside."""
    look = VIEWS[s.axis("view")]

    def program(x: Tensor) -> Tensor:
        part = look(x)
        x.mul_(2)
        part.add_(10)
        return x + 1

    compiled = s.compile(program)
    for x in s.randn(4, 4), s.randn(4, 4):
        compiled(x)


@scenario(
    ref="torch.compiler: fullgraph / mutation of arguments",
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    all that it is a part of: equals eager
    call 2: reuses, mutates argument 0, equals eager
    all that it is a part of: equals eager
    call 3: compiles, mutates argument 0, equals eager
    all that it is a part of: equals eager
    call 4: compiles, mutates argument 0, equals eager
    all that it is a part of: equals eager
    call 5: compiles, mutates argument 0, equals eager
    all that it is a part of: equals eager
    """,
)
def argument_is_a_part(s: Subject) -> None:
    """Where the argument is a view of a larger tensor, only that part is mutated, whatever its offset and strides."""
    program, base = s.compile(lambda x: x.mul_(-1).sum()), s.randn(6, 6)
    for part in (
        base[:2, :2],
        base[3:5, 1:3],
        base.t()[:2, 4:],
        base[::2, ::3],
        base.view(-1)[4:8].view(2, 2),
    ):
        program(part)
        s.note("all that it is a part of", base)


@scenario(
    ref="torch.compiler: fullgraph / mutation of arguments",
    axes={"first": ("whole", "part")},
    expect="""
    call 1: compiles, mutates argument 0, mutates argument 1, equals eager
    call 2: reuses, mutates argument 0, mutates argument 1, equals eager
    """,
)
def whole_and_part_are_written(s: Subject) -> None:
    """A tensor and a view of it that are both passed and both mutated change in the order of the program."""
    whole_first = s.axis("first") == "whole"

    def program(whole: Tensor, part: Tensor) -> Tensor:
        first, second = (whole, part) if whole_first else (part, whole)
        first.add_(1)
        second.mul_(3)
        first.sub_(5)
        return whole.sum() + part.sum()

    compiled = s.compile(program)
    for whole in s.randn(4), s.randn(4):
        compiled(whole, whole[1:3])


@scenario(
    ref="torch.compiler: fullgraph / mutation of arguments",
    expect="""
    call 1: compiles, mutates argument 0, mutates argument 1, equals eager
    call 2: reuses, mutates argument 0, mutates argument 1, equals eager
    call 3: reuses, mutates argument 0, mutates argument 1, equals eager
    results that were kept: equals eager
    """,
)
def value_is_older_than_the_write(s: Subject) -> None:
    """What was computed before an in-place write keeps the old values; views have the new ones."""

    def program(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        old, copied, looking = x * y, x.clone(), x[1:]
        x.copy_(y)
        y.zero_()
        return old, copied + 1, looking + 1, x * y

    compiled = s.compile(program)
    kept = [compiled(s.randn(4), s.randn(4)) for _ in range(3)]
    s.note("results that were kept", kept)


@scenario(
    ref="torch.compiler: fullgraph / mutation of arguments",
    axes={"to": ("int64", "bool", "bfloat16", "float32")},
    expect="""
    calls 1-4: compiles, mutates argument 0, equals eager
    """,
)
def numbers_are_converted(s: Subject) -> None:
    """Values that copy_ writes into a tensor take its dtype and shape, whatever dtype they come with."""
    target = getattr(torch, s.axis("to"))
    program = s.compile(lambda x, y: x.copy_(y).logical_not().sum())
    for dtype in torch.float32, torch.float64, torch.int32, torch.bool:
        program(s.zeros(2, 3, dtype=target), (s.randn(3) * 300).to(dtype))


class Counting(nn.Module):
    """Counts its calls and sums what it was given, in buffers, and marks its argument."""

    calls: Tensor
    seen: Tensor
    idle: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("seen", torch.zeros(width), persistent=False)
        self.register_buffer("idle", torch.ones(width, dtype=torch.bool))

    def forward(self, x: Tensor) -> Tensor:
        """The sum over all calls, in units of their number."""
        self.calls.add_(1)
        self.idle.logical_and_(x > 0)
        self.seen += x
        x.neg_()
        return self.seen / self.calls


@scenario(
    ref="torch.compiler: modules / buffers",
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    call 2: reuses, mutates argument 0, equals eager
    change: the count is set in place, and another sum is registered
    call 3: reuses, mutates argument 0, equals eager
    buffers: equals eager
    the sum that was replaced: equals eager
    """,
)
def buffers_are_written(s: Subject) -> None:
    """A module mutates the buffers that it has when it is called, also after one was replaced."""
    module = s.place(Counting(3))
    program = s.compile(module)
    for _ in range(2):
        program(s.randn(3))
    s.change("the count is set in place, and another sum is registered")
    module.calls.fill_(10)
    old, module.seen = module.seen, s.ones(3)
    program(s.randn(3))
    s.note("buffers", dict(module.named_buffers()))
    s.note("the sum that was replaced", old)


@scenario(
    ref="torch.compiler: core concepts / side effects on captured tensors",
    expect="""
    call 1: compiles, equals eager
    change: another tensor is captured, then the first again
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    both tensors: equals eager
    """,
)
def captured_tensor_is_written(s: Subject) -> None:
    """A program that mutates a captured tensor mutates the one that is captured at the time of the call."""
    first, second = s.zeros(3), s.zeros(3)
    total = first

    def add_up(x: Tensor) -> Tensor:
        total.add_(x)
        return total * 2

    program = s.compile(add_up)
    program(s.randn(3))
    s.change("another tensor is captured, then the first again")
    total = second
    program(s.randn(3))
    total = first
    program(s.randn(3))
    s.note("both tensors", (first, second))


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic",
    needs=("symbolic_scalars", "dynamic_shapes"),
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    call 2: compiles, mutates argument 0, equals eager
    calls 3-6: reuses, mutates argument 0, equals eager
    """,
)
def store_is_filled_step_by_step(s: Subject) -> None:
    """A tensor that is filled row by row is written at the index of each call, without a graph for each index."""

    def append(store: Tensor, place: int, entry: Tensor) -> Tensor:
        store[place] = entry
        return store[: place + 1].sum(0)

    program, store = s.compile(append), s.zeros(8, 2)
    for place in range(6):
        program(store, place, s.randn(2))


@scenario(
    ref="torch.compiler: fullgraph / mutation of arguments",
    expect="""
    call 1: compiles, mutates argument 0, result is argument 0, equals eager
    call 2: compiles, mutates argument 0, result is argument 0, equals eager
    call 3: compiles no graphs, result is argument 0, equals eager
    call 4: runs uncompiled, mutates argument 0, result is argument 0, equals eager
    """,
)
def written_argument_is_returned(s: Subject) -> None:
    """A program that returns the argument that it has mutated returns the caller's tensor itself."""

    def program(x: Tensor, times: int) -> Tensor:
        for _ in range(times):
            x.mul_(2)
        return x

    compiled = s.compile(program)
    for times in 1, 2, 0, 3:
        compiled(s.randn(3), times)


@scenario(
    ref="torch.compiler: fullgraph / mutation of arguments",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, mutates argument 0['a'][0], mutates argument 0['b'][0], equals eager
    call 2: compiles, mutates argument 0['a'][0], mutates argument 0['a'][1], equals eager
    call 3: reuses, mutates argument 0['a'][0], mutates argument 0['a'][1], equals eager
    call 4: compiles, mutates argument 0['b'][0], mutates argument 0['a'][0], equals eager
    call 5: reuses, mutates argument 0['a'][0], mutates argument 0['b'][0], equals eager
    """,
)
def tensors_in_containers_are_written(s: Subject) -> None:
    """Tensors in lists and dicts are mutated as arguments are, whatever their number and under whatever keys."""

    def program(state: dict[str, list[Tensor]], x: Tensor) -> Tensor:
        for number, tensors in enumerate(state.values()):
            torch._foreach_mul_(tensors, number + 2)
            tensors[-1].add_(x)
        return x + sum(each.sum() for each in state["a"])

    compiled = s.compile(program)
    for keys, size in ("ab", 1), ("a", 2), ("a", 2), ("ba", 1), ("ab", 1):
        compiled({key: [s.randn(2) for _ in range(size)] for key in keys}, s.randn(2))
