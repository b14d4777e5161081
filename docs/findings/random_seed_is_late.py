"""random.seed in a program does not set the numbers that the program then draws.

Scenario: python_randomness/module_draws
Kind: wrong values
Seen: torch 2.14.1; eager, aot_eager, inductor
Root: torch 2.14 traces random.seed as a method of a RandomVariable: it seeds a copy of the generator,
    while numbers are drawn from the generator itself, before the seed is written back to it. Fixed in
    2.15.0.
Upstream: https://github.com/pytorch/pytorch/issues/197101
"""

import random
import sys

import torch


def program(x):
    random.seed(5)
    return x + random.randint(1, 1_000_000)


x = torch.zeros((), dtype=torch.int64)
compiled = torch.compile(program, backend=sys.argv[1])
right, got = program(x).item(), compiled(x).item()
assert got == right, f"got {got}, Python's generator gives {right} after this seed"
