"""An assignment of a tensor of another size to `data` is compiled into code that refuses the argument.

Scenario: mutation_limits/memory_is_swapped
Kind: refused
Seen: torch 2.12.1, 2.13.0; inductor
Root: before torch 2.14 the assignment is traced as set_, which gives the fake argument the size of the
    other tensor; Inductor takes its check of the argument's size from there, and the real argument still
    has its own.
Upstream: akin to https://github.com/pytorch/pytorch/issues/191337
"""

import sys

import torch


def program(x, y):
    x.data = y
    return x + 1


compiled = torch.compile(program, backend=sys.argv[1])
compiled(torch.zeros(3), torch.zeros(5))
