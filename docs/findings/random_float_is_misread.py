"""A float of the module random is read from half of its bytes: the result is another number, often a
huge one.

Scenario: python_randomness/module_draws
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1; inductor
Root: Dynamo declares a drawn float as an input of single precision, and passes one of double precision
    (RandomValueSource makes it with torch._as_tensor_fullprec): the kernels of Inductor read the first
    half of its bytes. Fixed in 2.15.0.
Upstream: https://github.com/pytorch/pytorch/issues/198187
"""

import random
import sys

import torch


def program(x):
    return x * random.random() + random.uniform(2, 3)


x = torch.ones(3)
compiled = torch.compile(program, backend=sys.argv[1])
drawn = []
for run in program, compiled:
    random.seed(1)
    drawn.append(run(x))
right, got = drawn  # eager adds and multiplies what Python's generator gives
assert torch.allclose(got, right), f"got {got}, eager gives {right}"
