"""An infinite tensor times zero is zero, where IEEE 754 has no number.

Scenario: numerics/numbers_at_the_edge
Kind: wrong values
Seen: torch 2.12.1, 2.13.0; inductor
Root: UniformValueConstantFolder in torch/_inductor/fx_passes/joint_graph.py folds the product with 0 to
    0. Fixed in 2.14.
Upstream: https://github.com/pytorch/pytorch/pull/187580
"""

import math
import sys

import torch

compiled = torch.compile(lambda x: x * 0, backend=sys.argv[1])
got = compiled(torch.full((3,), math.inf))
assert got.isnan().all(), f"got {got}"
