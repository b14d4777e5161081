"""Do sorting, searching, scatter and index operations, and einsum give eager's results in compiled code?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

#: Where equal numbers leave no choice.
ORDERS: dict[str, Callable[[Tensor], Any]] = {
    "sort": lambda x: torch.sort(x, dim=0, stable=True),
    "argsort": lambda x: torch.argsort(x, dim=0, descending=True, stable=True),
    "largest": lambda x: (x.topk(len(x) // 2, 0).values, x.amax(0), x.amin(0)),
    "first": lambda x: (x.argmax(0), x.argmin(0), (x > 0).int().argmax(0)),
    "middle": lambda x: (x.median(0).values, x.kthvalue(1, 0).values, x.mode(0).values),
    "running": lambda x: (x.cummax(0).values, x.cummin(0).values, x.cumsum(0)),
    "search": lambda x: (
        torch.searchsorted(
            x.nan_to_num().sort(0).values.mT.contiguous(), x.mT.contiguous(), right=True
        ),
        torch.bucketize(x, x.new_tensor([-1.0, 0.0, 1.0])),
    ),
}


@scenario(
    ref="torch.where / in compiled code",
    axes={"asked": ("method", "function")},
    expect="""
    calls 1-4: compiles, equals eager
    call 5: reuses, equals eager
    """,
)
def condition_chooses(s: Subject) -> None:
    """The condition chooses in where, asked as x.where(condition, y) or torch.where, also between bools."""

    def program(x: Tensor, condition: Tensor, y: Tensor) -> Tensor:
        if s.axis("asked") == "method":
            return x.where(condition, y)
        return torch.where(condition, x, y)

    compiled, condition = s.compile(program), s.arange(6).reshape(2, 3) % 2 == 0
    masks = s.arange(6).reshape(2, 3) <= 1, s.arange(3) > 1
    compiled(masks[0], condition, ~masks[0])
    compiled(masks[0], ~condition, masks[1])
    compiled(s.randn(2, 3), condition, s.randn(2, 3))
    compiled(s.arange(3), condition, s.arange(3) - 3)
    compiled(~masks[0], condition, masks[0])


@scenario(
    ref="torch.sort / in compiled code",
    axes={
        "way": (
            "sort",
            "argsort",
            "largest",
            "first",
            "middle",
            "running",
            "search",
        )
    },
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    call 5: compiles, equals eager
    """,
)
def equal_numbers_are_ordered(s: Subject) -> None:
    """Sorting, topk, argmax, median and searchsorted give eager's results, with ties, NaN and infinity as well."""
    program = s.compile(ORDERS[s.axis("way")])
    for rows in 6, 7, 9, 8:
        x = (s.randn(rows, 3) * 1.5).round()
        x[1, 1] = float("nan")
        x[0, 2] = float("inf")
        program(x)
    program((s.randn(8, 2) * 2).to(torch.int16))


#: Ways to add at places that may come twice.
ADDITIONS: dict[str, Callable[[Tensor, Tensor, Tensor], Any]] = {
    "index_put": lambda x, i, y: x.index_put_((i,), y, accumulate=True),
    "index_add": lambda x, i, y: x.index_add_(0, i, y, alpha=2),
    "scatter_add": lambda x, i, y: x.scatter_add_(0, i.unsqueeze(1).expand_as(y), y),
    "put": lambda x, i, y: x.put_(i, y[:, 0], accumulate=True),
    "reduce": lambda x, i, y: x.index_reduce_(0, i, y, "amax", include_self=False),
    "mean": lambda x, i, y: x.scatter_reduce_(0, i.unsqueeze(1).expand_as(y), y, "mean"),
    "product": lambda x, i, y: x.scatter_reduce_(
        0, i.unsqueeze(1).expand_as(y), y, "prod", include_self=False
    ),
}


@scenario(
    ref="torch.Tensor.index_put_ / in compiled code",
    axes={
        "way": (
            "index_put",
            "index_add",
            "scatter_add",
            "put",
            "reduce",
            "mean",
            "product",
        )
    },
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, mutates argument 0, result is argument 0, equals eager
    call 2: compiles, mutates argument 0, result is argument 0, equals eager
    call 3: reuses, mutates argument 0, result is argument 0, equals eager
    call 4: compiles, result is argument 0, equals eager
    """,
)
def places_come_twice(s: Subject) -> None:
    """Where indices repeat, index_put, index_add, scatter_add and the like change their argument as in eager."""
    program = s.compile(ADDITIONS[s.axis("way")])
    for places in [0, 2, 0], [1, 1, 1, 3], [3, 2, 1, 0, 3], []:
        index = torch.tensor(places, dtype=torch.int64, device=s.device)
        program(s.randn(4, 2), index, s.randn(len(places), 2))


@scenario(
    ref="torch.Tensor.index_put_ / in compiled code",
    axes={"way": ("index_put", "scatter_add", "mean", "product")},
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    call 3: reuses, equals eager
    gradients: equals eager
    """,
)
def additions_have_gradients(s: Subject) -> None:
    """Where indices repeat, index_put, scatter_add and scatter_reduce have eager's gradients for both operands."""
    add = ADDITIONS[s.axis("way")]
    program = s.compile(lambda x, i, y: add(x * 2, i, y).square().sum())
    for places in [0, 2, 0], [1, 1, 1], [2, 1, 3]:
        x, y = s.rand(4, 2).requires_grad_(), s.rand(3, 2).requires_grad_()
        program(x, torch.tensor(places, device=s.device), y).backward()
        s.note("gradients", (x.grad, y.grad))


@scenario(
    ref="torch.Tensor.index_put_ / in compiled code",
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    calls 2-4: reuses, mutates argument 0, equals eager
    """,
)
def part_is_filled_where_it_lies(s: Subject) -> None:
    """In-place masked and indexed writes into views of an argument are written into it, and read from it."""

    def program(x: Tensor, mask: Tensor) -> Any:
        column, y = x[:, 1], x.t()
        column.masked_fill_(mask, -1)
        y[0].masked_scatter_(~mask, column * 2)
        x[1:].index_fill_(1, mask[:2].long(), 7)
        return x.sum(1), y.sum(0)

    compiled = s.compile(program)
    for rows, every in (4, 2), (4, 3), (4, 1), (4, 9):
        compiled(s.randn(rows, 3), s.arange(rows) % every == 0)


@scenario(
    ref="torch.einsum / in compiled code",
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: compiles, equals eager
    gradients: equals eager
    call 3: compiles, equals eager
    gradients: equals eager
    call 4: compiles, equals eager
    gradients: equals eager
    call 5: compiles, equals eager
    gradients: equals eager
    call 6: compiles, equals eager
    gradients: equals eager
    """,
)
def other_indices_are_contracted(s: Subject) -> None:
    """An einsum follows the equation of each call: indices repeated, left out, in any order, or an ellipsis."""
    program = s.compile(lambda equation, *operands: torch.einsum(equation, *operands) + 1)
    x, y = s.randn(3, 3).requires_grad_(), s.randn(3, 2, 3).requires_grad_()
    for equation, operands in (
        ("ij,jki->k", (x, y)),
        ("ij,ikj->k", (x, y)),
        ("ii->i", (x,)),
        ("i...j,ij", (y, x)),
        ("...,...->...", (x, x)),
        ("ij,ij,ikj->jk", (x, x, y)),
    ):
        program(equation, *operands).square().sum().backward()
        s.note("gradients", (x.grad, y.grad))


#: What is left of nothing.
NOTHING: dict[str, Callable[[Tensor], Any]] = {
    "sums": lambda x: (x.sum(0), x.prod(0), x.mean(), x.any(0), x.all(), x.logsumexp(0)),
    "parts": lambda x: (torch.cat([x, x]), torch.stack([x, x]), x.repeat(2, 1), x.tile(3)),
    "order": lambda x: (*x.sort(0), x.argsort(0), x.cumsum(0), x.flip(0), x.roll(1, 0)),
    "pairs": lambda x: (x @ x.mT, x.mT @ x, torch.cdist(x, x), torch.outer(x[:, 0], x[:, 1])),
    "places": lambda x: (x[x[:, 0].long().abs() % max(len(x), 1)], x[:, [1, 0]], x[:, None] + 1),
    "norms": lambda x: (x.softmax(0), x.softmax(1), x.norm(), x.std(1), x.var(0)),
}


@scenario(
    ref="torch.compiler: dynamic shapes / sizes of zero and one",
    axes={"kind": ("sums", "parts", "order", "pairs", "places", "norms")},
    needs=("dynamic_shapes",),
    expect="""
    calls 1-4: compiles, equals eager
    call 5: reuses, equals eager
    """,
)
def rows_run_out(s: Subject) -> None:
    """A program that was compiled for several numbers of rows gives eager's results for one row and for none."""
    program = s.compile(NOTHING[s.axis("kind")])
    for rows in 3, 4, 1, 0, 5:
        program(s.randn(rows, 3))
