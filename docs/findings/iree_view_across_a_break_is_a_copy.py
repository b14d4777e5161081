"""IREE: what is written to a view after a graph break does not reach the tensor that it is a view of.

Scenario: graph_breaks/memory_is_shared_across_a_break
Kind: lost effect
Seen: torch 2.13.0; turbine_cpu
Root: each result of a graph comes out in a buffer of its own (_export_torch_tensor in
    iree/turbine/runtime/launch.py, iree-turbine 3.9.0), also where one is a view of another.
Upstream: none found
"""

import sys

import torch


def program(x):
    whole = x * 2
    part = whole[1:]
    torch._dynamo.graph_break()
    part.mul_(10)
    return whole


x = torch.ones(3)
got, right = torch.compile(program, backend=sys.argv[1])(x), program(x)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
