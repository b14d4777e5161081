"""The result of compiled code has no tangent in forward-mode differentiation.

Scenario: transforms/tangents_flow_through
Kind: wrong gradients
Seen: torch 2.12.1, 2.13.0; inductor
Root: nothing guards that an argument carries a tangent, and Inductor's kernels read the memory of the
    arguments alone. Fixed in 2.14. The derivative of the square at 3 is 6.
Upstream: https://github.com/pytorch/pytorch/issues/187284
"""

import sys

import torch
from torch.autograd import forward_ad

compiled = torch.compile(lambda x: x * x, backend=sys.argv[1])
with forward_ad.dual_level():
    x = forward_ad.make_dual(torch.tensor(3.0), torch.tensor(1.0))
    got = forward_ad.unpack_dual(compiled(x)).tangent
assert got is not None, "the result has no tangent, eager gives 6"
assert got.item() == 6, f"got {got}, eager gives 6"
