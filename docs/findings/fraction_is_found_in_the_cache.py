"""A fraction that varies keeps the value of an earlier call, whose code is found in the cache.

Scenario: scalars/fractions_are_computed
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1; inductor
Root: a fraction that has varied is an input of the graph as a tensor; where only some uses of it can be,
    the pass that makes it one (torch/fx/passes/_tensorify_python_scalars.py) folds the value of the time
    into the others, under a guard that the caches of AOTAutograd and Inductor drop. Fixed in 2.15.0.
Upstream: https://github.com/pytorch/pytorch/pull/195040
"""

import sys

import torch


def program(x, number):
    return x * number, number + 1


compiled = torch.compile(program, backend=sys.argv[1])
for number in 1.5, 2.5, 3.5, 4.5:
    got, right = compiled(torch.ones(1), number)[1], number + 1
    assert got == right, f"{number}: got {got}, Python gives {right}"
