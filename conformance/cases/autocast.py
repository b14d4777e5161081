"""Is the state of autocast part of what a graph is compiled for?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


@scenario(
    ref="torch.compiler: core concepts / guards on global state",
    seed=("test_ambient_autocast_recompile",),
    needs=("autocast", "fullgraph"),
    tells=("ops",),
    expect="""
    calls 1-3: compiles, 1 op, equals eager
    calls 4-6: reuses, equals eager
    change: autocast is entered but not enabled, then enabled without its cache
    call 7: reuses, equals eager
    call 8: compiles, 1 op, equals eager
    """,
)
def ambient_dtype(s: Subject) -> None:
    """Results have the dtype that the autocast state of the call gives, at one graph a state."""
    weight = s.randn(10, 10)
    product = s.compile(lambda x: torch.mm(x, weight), fullgraph=True)
    for _ in range(2):
        product(s.randn(1, 10))
        for dtype in torch.float16, torch.bfloat16:
            with torch.autocast(s.device, dtype=dtype):
                product(s.randn(1, 10))
    s.change("autocast is entered but not enabled, then enabled without its cache")
    with torch.autocast(s.device, dtype=torch.bfloat16, enabled=False):
        product(s.randn(1, 10))
    with torch.autocast(s.device, dtype=torch.bfloat16, cache_enabled=False):
        product(s.randn(1, 10))


@scenario(
    ref="torch.compiler: core concepts / guards on global state",
    seed=("test_autocast_constant_fold",),
    needs=("autocast", "fullgraph"),
    tells=("ops",),
    expect="""
    call 1: compiles, 2 ops, equals eager
    call 2: compiles, 2 ops, equals eager
    call 3: reuses, equals eager
    call 4: compiles, 2 ops, equals eager
    call 5: reuses, equals eager
    """,
)
def folded_query(s: Subject) -> None:
    """A branch on torch.get_autocast_dtype() is taken by the autocast dtype of each call."""
    weight, device = s.randn(10, 10), s.device

    def shift_and_multiply(x: Tensor) -> Tensor:
        half = torch.get_autocast_dtype(device) is torch.float16
        return torch.mm(x + 1 if half else x - 1, weight)

    program = s.compile(shift_and_multiply, fullgraph=True)
    for dtype in torch.float16, torch.bfloat16, torch.float16, None, torch.bfloat16:
        with torch.autocast(s.device, dtype=dtype, enabled=dtype is not None):
            program(s.randn(1, 10))
