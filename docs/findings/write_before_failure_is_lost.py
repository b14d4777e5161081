"""A write to an argument is lost if an operation after it raises.

Scenario: mutation_limits/writes_before_a_failing_operation_stay
Kind: lost effect
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; aot_eager, inductor
Root: AOTAutograd computes with new tensors and copies the result into the argument at the end of the
    graph, which an operation that raises never reaches.
Upstream: akin to https://github.com/pytorch/pytorch/issues/85036
"""

import contextlib
import sys

import torch


def program(x, table, index):
    x.add_(1)
    return table.index_select(0, index) + x


compiled = torch.compile(program, backend=sys.argv[1])
x, table = torch.zeros(1), torch.ones(3)
compiled(x, table, torch.tensor([2]))
with contextlib.suppress(IndexError, RuntimeError):
    compiled(x, table, torch.tensor([9]))
assert x.item() == 2, f"written twice, the argument is {x.item()}"
