"""random.shuffle gives the order of the first call for ever.

Scenario: python_randomness/module_draws
Kind: wrong values
Seen: torch 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: since torch 2.14 random.shuffle is traced (torch/_dynamo/variables/builder.py takes it for a method
    of a RandomVariable): the order is drawn from a copy of the generator when it is traced, and every
    call gives it again.
Upstream: https://github.com/pytorch/pytorch/issues/197085
"""

import random
import sys

import torch


def program(x):
    order = list(range(20))
    random.shuffle(order)
    return x[order]


x = torch.arange(20)
compiled = torch.compile(program, backend=sys.argv[1])
drawn = []
for run in program, compiled:
    random.seed(3)
    drawn.append([run(x).tolist()[:4] for _ in range(2)])
right, got = drawn
assert got == right, f"got orders that begin with {got}, eager gives {right}"
