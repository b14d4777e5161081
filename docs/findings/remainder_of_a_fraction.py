"""The remainder of a fraction that varies is computed as that of a whole number.

Scenario: scalars/fractions_are_computed
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1; aot_eager, inductor
Root: by 1 it is 0, whatever the fraction. Fixed in 2.15.0.
Upstream: akin to https://github.com/pytorch/pytorch/pull/195040
"""

import sys

import torch


def program(x, number):
    return x * number, number % 1


compiled = torch.compile(program, backend=sys.argv[1])
for number in 1.5, 2.25:
    got, right = compiled(torch.ones(1), number)[1], number % 1
    assert got == right, f"{number}: got {got}, Python gives {right}"
