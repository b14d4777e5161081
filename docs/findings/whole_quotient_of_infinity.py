"""The whole quotient of infinity is infinity, where Python and eager give no number.

Scenario: numerics/numbers_at_the_edge
Kind: wrong values
Seen: torch 2.12.1, 2.13.0; inductor
Root: Inductor computes the floor of the quotient, where eager and Python subtract the remainder first.
    Fixed in 2.14.
Upstream: none found
"""

import math
import sys

import torch

compiled = torch.compile(lambda x: x // 2.0, backend=sys.argv[1])
got, right = compiled(torch.full((3,), math.inf)), math.inf // 2.0
assert got.isnan().all(), f"got {got}, Python gives {right}"
