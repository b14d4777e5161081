"""Does a program whose values and sizes depend on data follow the data of each call?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

#: Ways to make Python values of tensors.
READINGS: dict[str, Callable[[Tensor], Any]] = {
    "fraction": lambda x: x.mean().item(),
    "whole number": lambda x: x.argmax().item(),
    "truth": lambda x: bool((x > 0).all()),
    "converted": lambda x: (int(x[0]), float(x[1])),
    "list": lambda x: x.long().tolist(),
    "text": lambda x: f"{x.sum().item():.1f}",
    "members": lambda x: 1 in x,
}


@scenario(
    ref="torch.compiler: graph breaks / data-dependent operations",
    axes={"way": ("fraction", "whole number", "truth", "converted", "list", "text", "members")},
    needs=("dynamic_shapes",),
    expect={
        "way=list": """
        call 1: compiles 3 graphs, equals eager
        calls 2-4: reuses, equals eager
        """,
        "way=list|members": """
        call 1: compiles 2 graphs, equals eager
        calls 2-4: reuses, equals eager
        """,
        "way=converted": """
        call 1: compiles 4 graphs, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles 3 graphs, equals eager
        calls 2-4: reuses, equals eager
        """,
    },
)
def value_is_read(s: Subject) -> None:
    """A Python value that is read from a tensor, by item(), bool(), tolist() or the like, is that of the call."""
    read = READINGS[s.axis("way")]

    def program(x: Tensor) -> tuple[Tensor, Any]:
        value = read(x * 2)
        return x + 1, value

    compiled, x = s.compile(program), s.arange(4)
    for tensor in x, x.flip(0), x + 0.25, -x:
        compiled(tensor)


@scenario(
    ref="torch.compiler: graph breaks / data-dependent operations",
    needs=("dynamo_config", "fullgraph", "dynamic_shapes"),
    axes={"way": ("fraction", "whole number", "list")},
    expect="""
    call 1: compiles, equals eager
    calls 2-5: reuses, equals eager
    """,
)
def value_is_captured(s: Subject) -> None:
    """With capture_scalar_outputs, one full graph computes with whatever value item() or tolist() reads."""
    s.config(capture_scalar_outputs=True)
    read = READINGS[s.axis("way")]

    def program(x: Tensor) -> tuple[Tensor, Any]:
        value = read(x * 2)
        number = value[1] if isinstance(value, list) else value
        return x * number, value

    compiled, x = s.compile(program, fullgraph=True), s.arange(4)
    for tensor in x, x.flip(0), x + 0.25, x * 0, -x:
        compiled(tensor)


@scenario(
    ref="torch.compiler: graph breaks / data-dependent operations",
    expect="""
    call 1: compiles 2 graphs, equals eager
    call 2: compiles 2 graphs, equals eager
    call 3: reuses, equals eager
    call 4: compiles, equals eager
    calls 5-7: reuses, equals eager
    """,
)
def value_decides(s: Subject) -> None:
    """A branch on a tensor's value is taken by the value of the call; each branch is compiled once."""

    def program(x: Tensor) -> Tensor:
        y = x * 2
        if y.sum() > 0:
            return y + 10
        return y - 10 if (y == 0).any() else y * 100

    compiled = s.compile(program)
    for fill in 1.0, -1.0, 2.0, 0.0, -2.0, 0.0, 3.0:
        compiled(s.full((3,), fill))


@scenario(
    ref="torch.compiler: graph breaks / data-dependent operations",
    expect="""
    call 1: compiles, equals eager
    calls 2-5: reuses, equals eager
    """,
)
def place_is_in_a_tensor(s: Subject) -> None:
    """Indexing, index_select and index_add use the index that the tensor of the call holds, in one graph."""

    def program(x: Tensor, place: Tensor) -> tuple[Tensor, ...]:
        return x.index_select(0, place) * 2, x[place] - 1, x.index_add(0, place, x[:1] + 5)

    compiled, x = s.compile(program), s.randn(4)
    for place in 0, 3, 1, 2, 0:
        compiled(x, s.full((1,), place, dtype=torch.int64))


#: Operations that give as many numbers as the data ask for.
SELECTIONS: dict[str, Callable[[Tensor], Any]] = {
    "mask": lambda x: x[x > 0] * 2,
    "masked select": lambda x: torch.masked_select(x, x > 0) + 1,
    "places": lambda x: (x > 0).nonzero() * 2,
    "where": lambda x: torch.where(x > 0)[0] + 1,
    "different": lambda x: torch.unique(x.clamp(min=0)) * 2,
    "repeated": lambda x: torch.repeat_interleave(x, (x > 0).long()) * 2,
}


@scenario(
    ref="torch.compiler: graph breaks / data-dependent operations",
    needs=("dynamo_config", "fullgraph", "dynamic_shapes"),
    axes={"way": ("mask", "masked select", "places", "where", "different", "repeated")},
    expect="""
    call 1: compiles, equals eager
    calls 2-4: reuses, equals eager
    """,
)
def numbers_are_selected(s: Subject) -> None:
    """With capture_dynamic_output_shape_ops, one full graph selects as many elements as the data say, or none."""
    s.config(capture_dynamic_output_shape_ops=True)
    program = s.compile(SELECTIONS[s.axis("way")], fullgraph=True)
    for numbers in (1, -1, 2, -2), (-1, -2, -3, -4), (-1, -1, 3, -1), (1, 2, 3, 4):
        program(torch.stack([s.full((), number) for number in numbers]))


@scenario(
    ref="torch.compiler: graph breaks / data-dependent operations",
    axes={"way": ("mask", "places", "different", "repeated")},
    needs=("dynamic_shapes",),
    expect={
        "way=different": """
        call 1: compiles 4 graphs, equals eager
        call 2: compiles 2 graphs, equals eager
        call 3: compiles 2 graphs, equals eager
        call 4: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles 4 graphs, equals eager
        calls 2-4: compiles 2 graphs, equals eager
        """,
    },
)
def selected_numbers_are_used(s: Subject) -> None:
    """Results computed from elements that data select are eager's, also where the graph breaks at the selection."""
    select = SELECTIONS[s.axis("way")]

    def program(x: Tensor) -> tuple[Tensor, int, Tensor]:
        found = select(x - 0.5)
        return found.sum() + 1, found.size(0), torch.cat([found, found]).float() * x.max()

    compiled = s.compile(program)
    for numbers in (1, -1, 2, -2), (-1, -2, -3, -4), (-1, -1, 3, -1), (1, 2, 3, 4):
        compiled(torch.stack([s.full((), number) for number in numbers]))


#: What can be made of a number that is read from a tensor, as a size.
MADE: dict[str, Callable[[Tensor, int], Any]] = {
    "new": lambda x, n: x.new_ones(n, 2).sum(0),
    "numbers": lambda x, n: torch.arange(n, device=x.device) * 2,
    "start": lambda x, n: x[:n].sum() + x[n:].prod(),
    "narrowed": lambda x, n: x.narrow(0, 0, n) * 2,
    "parts": lambda x, n: [part.sum() for part in x.split([n, x.size(0) - n])],
    "expanded": lambda x, n: x[:1].expand(n) + 1,
}


@scenario(
    ref="torch.compiler: dynamic shapes / backed and unbacked sizes",
    needs=("dynamo_config", "fullgraph", "dynamic_shapes"),
    axes={"way": ("new", "numbers", "start", "narrowed", "parts", "expanded")},
    expect={
        "way=new|start|parts": """
        call 1: compiles, equals eager
        calls 2-6: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        call 4: compiles, equals eager
        call 5: compiles, equals eager
        call 6: reuses, equals eager
        """,
    },
)
def size_is_in_a_tensor(s: Subject) -> None:
    """In a full graph, a size that is read from a tensor may have any value that torch._check allows for it."""
    s.config(capture_scalar_outputs=True)
    make = MADE[s.axis("way")]

    def program(x: Tensor, size: Tensor) -> Any:
        n = int(size.item())
        torch._check(n >= 0)  # noqa: SLF001 - public but for its name
        torch._check(n <= x.size(0))  # noqa: SLF001 - public but for its name
        return make(x, n)

    compiled, x = s.compile(program, fullgraph=True), s.randn(6)
    for size in 3, 2, 5, 1, 0, 6:
        compiled(x, s.full((), size, dtype=torch.int64))


@scenario(
    ref="torch.compiler: dynamic shapes / backed and unbacked sizes",
    needs=("dynamo_config", "fullgraph", "dynamic_shapes"),
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: reuses, raises RuntimeError, equals eager
    call 4: reuses, equals eager
    """,
)
def broken_check_raises(s: Subject) -> None:
    """A torch._check that the data break raises its message in that call, and in no other."""
    s.config(capture_scalar_outputs=True)

    def program(x: Tensor) -> Tensor:
        n = int(x.max().item())
        torch._check(n < 5, lambda: "too great")  # noqa: SLF001, PLR2004 - the program's own
        return x * 1.5 * n

    compiled = s.compile(program, fullgraph=True)
    for fill in 3, 4, 7, 2:
        s.attempt(compiled, s.full((2,), fill, dtype=torch.int64))


@scenario(
    ref="torch.compiler: graph breaks / data-dependent operations",
    needs=("torch_compile", "fullgraph"),
    expect="""
    call 1: raises torch._dynamo.exc.Unsupported while tracing
    call 2: raises torch._dynamo.exc.Unsupported while tracing
    """,
)
def undecidable_branch_is_refused(s: Subject) -> None:
    """With fullgraph=True, a branch on a tensor's value is refused as an error of the user, at every call."""
    program = s.compile(lambda x: x + 1 if x.sum() > 0 else x - 1, fullgraph=True)
    for fill in 1.0, -1.0:
        s.attempt(program, s.full((2,), fill))
