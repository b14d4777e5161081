"""Is an int argument, which a graph may hold as a symbol, a number of Python wherever the program uses it?"""

# ruff: noqa: PLR0124, PLR2004 - odd ways to use a number are the subject

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

#: Uses of a number, next to one in a computation.
USES: dict[str, Callable[[Tensor, Any], Any]] = {
    "membership": lambda x, n: (-x * n, 2 in (n, 7), n in [2, 7], 3 not in (n, 9), n in {4, 6}),
    "order": lambda x, n: (-x * n, sorted([3, n, 1]), max(n, 3), min(2, n)),
    "flag": lambda x, n: (-x * n, sorted([1, 2], reverse=n > 2)),
    "format": lambda x, n: (-x * n, f"{n:+}"),
    "percent": lambda x, n: (-x * n, "%d" % n),  # noqa: UP031 - one of the ways
    "text": lambda x, n: (-x * n, str(n), f"<{n}>", n * "ab"),
    "key": lambda x, n: (-x * n, {2: 5}.get(n), {n: 1}, [5, 6, 7, 8, 9][n], (n, 1) == (2, 1)),
    "truth": lambda x, n: (-x * n, bool(n - 2), n - 3 or "zero", not n, n is n),
    "kind": lambda x, n: (-x * n, type(n).__name__, isinstance(n, int), hash(n), n.bit_length()),
}


@scenario(
    ref="torch.compiler: dynamic shapes / numbers",
    axes={
        "use": ("membership", "order", "flag", "format", "percent", "text", "key", "truth", "kind")
    },
    needs=("symbolic_scalars",),
    tiers={"compiles": "may: which uses of a number bind a graph to its value varies"},
    expect={
        "use=order|format|text": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        calls 3-6: reuses, equals eager
        """,
        "use=percent": """
        call 1: compiles, equals eager
        calls 2-6: runs uncompiled, equals eager
        """,
        "use=truth": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: compiles, equals eager
        call 5: reuses, equals eager
        call 6: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: compiles, equals eager
        call 5: compiles, equals eager
        call 6: reuses, equals eager
        """,
    },
)
def number_is_itself(s: Subject) -> None:
    """An int argument that varies acts as in eager in sorting, formatting, membership, keys and truth tests."""
    program = s.compile(USES[s.axis("use")])
    for number in 1, 3, 1, 2, 4, 2:
        program(s.randn(2), number)
