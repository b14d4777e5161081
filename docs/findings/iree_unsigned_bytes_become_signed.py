"""IREE: results of dtype uint8 come out as int8, and 252 as -4.

Scenario: numerics/whole_numbers_in_tensors
Kind: wrong values
Seen: torch 2.13.0; turbine_cpu
Root: IREE's types have no sign, and the dtypes of results are inferred from them
    (_INFERRED_ELEMENT_TYPE_TO_DTYPE in iree/turbine/runtime/launch.py, iree-turbine 3.9.0).
Upstream: none found
"""

import sys

import torch

compiled = torch.compile(lambda x: torch.maximum(x, x.flip(0)), backend=sys.argv[1])
got = compiled(torch.tensor([250, 252], dtype=torch.uint8))
right = torch.tensor([252, 252], dtype=torch.uint8)
assert got.dtype is right.dtype, f"got {got}, eager gives {right}"
assert torch.equal(got, right), f"got {got}, eager gives {right}"
