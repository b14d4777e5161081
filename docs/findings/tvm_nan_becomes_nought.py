"""TVM: relu makes 0 of what is not a number.

Scenario: numerics/numbers_at_the_edge
Kind: wrong values
Seen: torch 2.13.0; relax_dynamo
Root: relu in tvm/topi/nn/elemwise.py, of TVM 0.27, is the maximum of a number and 0, which gives the second where
    the first cannot be compared: a calculation that failed goes on as if nothing had happened.
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend
from tvm.relax.frontend.torch import relax_dynamo

register_backend(relax_dynamo(), name="relax_dynamo")

got = torch.compile(lambda x: x.relu(), backend=sys.argv[1])(torch.tensor([torch.nan]))
assert got.isnan().all(), f"got {got}, eager gives nan"
