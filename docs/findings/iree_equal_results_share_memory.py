"""IREE: two results that are computed alike are one, and a write to one is a write to the other.

Scenario: results/structure_is_returned
Kind: lost effect
Seen: torch 2.13.0; turbine_cpu
Root: what a graph computes twice is computed once, and comes out as one buffer for both results
    (iree-base-compiler 3.13.0).
Upstream: none found
"""

import sys

import torch

first, second = torch.compile(lambda x: (x + 1, x + 1), backend=sys.argv[1])(torch.zeros(3))
first.add_(100)
right = torch.ones(3)
assert torch.equal(second, right), f"got {second}, eager leaves it {right}"
