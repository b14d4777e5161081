"""A number that varies cannot be raised to the power of a tensor of whole numbers.

Scenario: scalars/number_has_no_dtype
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; inductor
Shows: InductorError
Root: for whole numbers pow is lowered to the operator for tensors alone, which is given the symbolic
    number as its base.
Upstream: none found
"""

import sys

import torch

compiled = torch.compile(lambda x, n: n**x, backend=sys.argv[1])
for n in 2, 3, 4:
    compiled(torch.arange(3), n)
