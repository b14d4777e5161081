"""clamp of whole numbers by a fraction that varies gives whole numbers: the bound is cut off.

Scenario: scalars/number_has_no_dtype
Kind: wrong values
Seen: torch 2.15.0; inductor
Root: since torch 2.15 Inductor lowers such a clamp in the dtype of the tensor; with a fraction that is
    folded in it promotes as eager does.
Upstream: akin to https://github.com/pytorch/pytorch/issues/151744
"""

import sys

import torch

compiled = torch.compile(lambda x, bound: x.clamp(min=bound), backend=sys.argv[1])
for bound in 1.5, 2.5:
    got = compiled(torch.arange(4), bound)
    assert got[0].item() == bound, f"got {got}, the bound is {bound}"
