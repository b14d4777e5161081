"""Two complex numbers of which one part is no number are taken for one.

Scenario: constants/constant_is_passed
Kind: wrong values
Seen: torch 2.12.1, 2.13.0; eager, aot_eager, inductor
Root: the guard on such a number asks only that the other be none in any part: complex(5, nan) and
    complex(7, nan) are one.
Upstream: https://github.com/pytorch/pytorch/pull/192604
"""

import math
import sys

import torch


def program(x, z):
    return x + z.real


compiled = torch.compile(program, backend=sys.argv[1])
x = torch.zeros(1)
for real in 5, 7:
    got = compiled(x, complex(real, math.nan))
    assert got.item() == real, f"got {got}, the real part is {real}"
