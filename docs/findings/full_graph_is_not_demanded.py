"""torch.compile(fullgraph=True) runs a program in pieces where it was compiled before without fullgraph.

Scenario: fullgraph/refusal_is_the_wrappers_own
Kind: error
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: compiled code is kept by code object and guarded by backend, not by fullgraph: what another wrapper
    has compiled in pieces is found before the strict wrapper would compile and refuse.
Upstream: akin to https://github.com/pytorch/pytorch/issues/114059
"""

import sys

import torch
from torch._dynamo.exc import Unsupported


def program(x):
    y = x + 1
    torch._dynamo.graph_break()
    return y * 2


x = torch.ones(1)
torch.compile(program, backend=sys.argv[1])(x)
try:
    got = torch.compile(program, backend=sys.argv[1], fullgraph=True)(x)
except Unsupported:
    got = None
assert got is None, f"got {got}, where a graph break must be refused"
