"""A number plus 0 stays as it is: -0.0 + 0 is -0.0 where eager gives 0.0, and what is divided by it changes its sign.

Scenario: numerics/numbers_at_the_edge
Kind: wrong values
Seen: torch 2.14.1, 2.15.0; inductor
Root: since 2.14, remove_no_ops (torch/_inductor/fx_passes/joint_graph.py) replaces the addition of the number 0 by its
    operand; that is right for the subtraction of 0, and not for its addition.
Upstream: none found
"""

import sys

import torch


def program(x):
    return 1 / (x + 0)


x = torch.tensor([-0.0])
got, right = torch.compile(program, backend=sys.argv[1])(x), program(x)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
