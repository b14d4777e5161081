"""Thunder: the dtype of a tensor equals no dtype of torch's, and programs take the other branch.

Scenario: tensor_properties/branch_asks_for_the_dtype
Kind: wrong values
Seen: torch 2.12.1; thunder-jit
Root: while a program is traced, the dtype of a tensor is one of Thunder's own, and dtype.__eq__
    (thunder/core/dtypes.py, of Thunder 0.2.6) says False of whatever is not. So it is in no tuple and no dict of
    torch's dtypes either, and MultiheadAttention refuses a boolean mask for that.
Upstream: none found
"""

import thunder
import torch


def program(x):
    return x * 2 if x.dtype == torch.float32 else x


got, right = thunder.jit(program)(torch.ones(1)), torch.full((1,), 2.0)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
