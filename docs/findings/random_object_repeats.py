"""A random.Random that a program draws from gives the numbers of the first call for ever.

Scenario: python_randomness/generator_draws
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1; eager, aot_eager, inductor
Root: RandomVariable (torch/_dynamo/variables/misc.py) draws from a copy of the generator that it makes
    when it traces, and sets the generator to the state of that copy in every call: nothing guards the
    state. Fixed in 2.15.0.
Upstream: https://github.com/pytorch/pytorch/issues/145445
"""

import random
import sys

import torch


def program(x, generator):
    return x + generator.randint(1, 1_000_000)


x = torch.zeros((), dtype=torch.int64)
compiled = torch.compile(program, backend=sys.argv[1])
drawn = []
for run in program, compiled:
    generator = random.Random(3)
    drawn.append([run(x, generator).item() for _ in range(3)])
right, got = drawn
assert got == right, f"got {got}, eager gives {right}"
