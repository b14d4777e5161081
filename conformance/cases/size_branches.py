"""Does a program that branches on sizes, or computes with them, follow the sizes of each call?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

#: What a program may ask of the two sizes of a matrix.
QUESTIONS: dict[str, Callable[[int, int], Any]] = {
    "bound": lambda n, _: n > 4,  # noqa: PLR2004
    "equality": lambda n, _: n == 5,  # noqa: PLR2004
    "remainder": lambda n, _: n % 3 == 0,
    "relation": lambda n, m: n < m,
    "product": lambda n, m: n * m >= 20,  # noqa: PLR2004
    "chain": lambda n, m: 3 < n <= m * 2 or n == 7,  # noqa: PLR2004
    "table": lambda n, _: {3: 10, 5: 20}.get(n, 30),
    "place": lambda n, _: [10, 20, 30][n % 3],
    "minimum": lambda n, m: min(n, m) * 2 + max(n, 4),
    "text": lambda n, m: len(f"{n * m}"),
}


@scenario(
    ref="torch.compiler: dynamic shapes / branches on sizes",
    needs=("dynamic_shapes",),
    axes={
        "question": (
            "bound",
            "equality",
            "remainder",
            "relation",
            "product",
            "chain",
            "table",
            "place",
            "minimum",
            "text",
        )
    },
    expect={
        "question=relation|minimum": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        calls 3-7: reuses, equals eager
        """,
        "question=table|text": """
        calls 1-6: compiles, equals eager
        call 7: reuses, equals eager
        """,
        "question=remainder": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: compiles, equals eager
        calls 5-7: reuses, equals eager
        """,
        "question=chain": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        calls 3-5: reuses, equals eager
        call 6: compiles, equals eager
        call 7: reuses, equals eager
        """,
        "question=place": """
        calls 1-4: compiles, equals eager
        calls 5-7: reuses, equals eager
        """,
        "otherwise": """
        calls 1-3: compiles, equals eager
        calls 4-7: reuses, equals eager
        """,
    },
)
def size_decides(s: Subject) -> None:
    """What a program decides, looks up or computes from sizes is right for the sizes of each call."""
    ask = QUESTIONS[s.axis("question")]
    program = s.compile(lambda x: x * (ask(x.size(0), x.size(1)) + 2))
    for size in 3, 4, 5, 6, 7, 9, 5:
        program(s.randn(size, 4))


@scenario(
    ref="torch.compiler: dynamic shapes / branches on sizes",
    needs=("dynamic_shapes",),
    expect="""
    calls 1-6: compiles, equals eager
    call 7: reuses, equals eager
    call 8: reuses, equals eager
    """,
)
def sizes_decide_one_after_the_other(s: Subject) -> None:
    """A program with several branches on sizes takes, in each call, the ones that the sizes of the call ask for."""

    def program(x: Tensor, y: Tensor) -> Tensor:
        if x.numel() == 0:
            return y.sum()
        if x.size(0) >= y.size(0):
            return x[: y.size(0)] + y if y.size(0) % 2 else x[-y.size(0) :] - y
        return x.mean() * y if x.size(0) + y.size(0) > 9 else x.sum() - y  # noqa: PLR2004

    compiled = s.compile(program)
    for sizes in (5, 3), (6, 4), (2, 6), (3, 8), (0, 3), (7, 5), (4, 5), (6, 6):
        compiled(*map(s.randn, sizes))


@scenario(
    ref="torch.compiler: dynamic shapes / equal sizes",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    calls 3-5: reuses, equals eager
    """,
)
def sizes_cease_to_be_equal(s: Subject) -> None:
    """Sizes that were equal in the first calls may differ in later ones, and be equal again."""
    program = s.compile(lambda x, y: (x[:, None] * y[None], x.size(0), y.size(0)))
    for sizes in (3, 3), (4, 4), (4, 5), (6, 5), (7, 7):
        program(*map(s.randn, sizes))


@scenario(
    ref="torch.compiler: dynamic shapes / zero-one specialization",
    needs=("dynamic_shapes",),
    expect="""
    calls 1-5: compiles, equals eager
    call 6: reuses, equals eager
    call 7: compiles, equals eager
    """,
)
def size_of_one_is_expanded(s: Subject) -> None:
    """A tensor of size 1 is broadcast to the size of the other in the calls in which it has that size."""
    program = s.compile(lambda x, y: x * 2 + y)
    for sizes in (3, 3), (4, 4), (5, 1), (1, 6), (1, 1), (7, 7), (0, 1):
        program(*map(s.randn, sizes))


#: Programs that need the sizes to compute with them.
USES: dict[str, Callable[[Tensor], Any]] = {
    "padding": lambda x: functional.pad(x, (0, 0, 0, -x.size(0) % 4)),
    "halves": lambda x: (x[: x.size(0) // 2] + 1, x[x.size(0) // 2 :] * 2),
    "rows": lambda x: sum(row * number for number, row in enumerate(x)),
    "positions": lambda x: x + torch.arange(x.size(0), device=x.device)[:, None],
    "triangle": lambda x: (x @ x.t()).masked_fill(x.new_ones(len(x), len(x)).tril() == 0, -1),
    "average": lambda x: x.sum() / x.numel() + x.size(0) ** 0.5,
    "flattened": lambda x: x.reshape(-1, 2).sum(1).view(x.size(0), -1) * 2,
    "windows": lambda x: x.unfold(0, 2, 1).sum(-1),
}


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic",
    needs=("dynamic_shapes",),
    axes={
        "use": (
            "padding",
            "halves",
            "rows",
            "positions",
            "triangle",
            "average",
            "flattened",
            "windows",
        )
    },
    expect={
        "use=rows": """
        calls 1-6: compiles, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        calls 3-6: reuses, equals eager
        """,
    },
)
def sizes_are_computed_with(s: Subject) -> None:
    """Padding, slices and reshapes that a program computes from its sizes are right at every size, odd or even."""
    program = s.compile(USES[s.axis("use")])
    for size in 4, 5, 7, 8, 9, 16:
        program(s.randn(size, 2))


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic",
    needs=("dynamic_shapes",),
    expect="""
    calls 1-4: compiles, equals eager
    call 5: reuses, equals eager
    call 6: reuses, equals eager
    """,
)
def sizes_vary_one_after_the_other(s: Subject) -> None:
    """Each dimension costs one more graph when it varies for the first time; then one graph serves all sizes."""
    program = s.compile(lambda x: (x.transpose(0, 2) * 2, x.sum((0, 1)), x.flatten()[::2] + 1))
    for sizes in (2, 3, 4), (5, 3, 4), (5, 6, 4), (5, 6, 7), (4, 2, 3), (8, 8, 8):
        program(s.randn(*sizes))


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles 2 graphs, equals eager
    call 2: compiles 2 graphs, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    """,
)
def sizes_vary_on_both_sides_of_a_break(s: Subject) -> None:
    """Once a size has varied, the graph after a graph break serves all sizes, as the one before it does."""

    def program(x: Tensor) -> Tensor:
        n = x.size(0)
        y = x.cumsum(0)
        torch._dynamo.graph_break()  # noqa: SLF001 - the way to ask for one
        return y[n // 2 :] * n + x[: n - n // 2]

    compiled = s.compile(program)
    for size in 3, 4, 5, 8:
        compiled(s.randn(size))
