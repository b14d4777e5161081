"""A fraction 0.0 is taken for the -0.0 of the first call, and -0.0 for 0.0.

Scenario: scalars/special_numbers
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1; eager, aot_eager, inductor
Root: a fraction that is passed for the first time is folded into the graph, and the guard on it compares
    by ==, for which both are one. Fixed in 2.15.0.
Upstream: https://github.com/pytorch/pytorch/pull/192604
"""

import math
import sys

import torch


def program(x, number):
    return x + math.copysign(1.0, number)


compiled = torch.compile(program, backend=sys.argv[1])
x = torch.zeros(1)
for number in 0.0, -0.0:
    got, right = compiled(x, number), program(x, number)
    assert torch.equal(got, right), f"{number}: got {got}, eager gives {right}"
