"""A whole number of more than 64 bits is refused by code that was compiled for every whole number.

Scenario: scalars/great_numbers
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; inductor
Shows: RuntimeError
Root: the wrapper that Inductor generates checks its symbolic numbers as 64-bit ones, in C++, and raises
    for a greater one; the guard asks only that it be a whole number.
Upstream: none found
"""

import sys

import torch


def program(x, n):
    return x + n % 7


compiled = torch.compile(program, backend=sys.argv[1])
for n in 2, 3, 2**63:
    program(torch.ones(1), n)
    compiled(torch.ones(1), n)
