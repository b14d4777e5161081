"""`got = yield from generator` gives None, and not what the generator returns.

Scenario: language/construct_means_the_same
Kind: wrong values
Seen: torch 2.12.1, 2.13.0; eager, aot_eager, inductor
Root: SEND in torch/_dynamo/symbolic_convert.py gives the value that was sent, None, where the generator
    has ended, and not the value of its StopIteration (Python 3.11). Torch 2.12 refuses such a program: an
    internal error says that a ConstantVariable cannot be made. Fixed in 2.14.
Upstream: https://github.com/pytorch/pytorch/pull/185769
"""

import sys

import torch


def inner(x):
    yield x
    return 3


def outer(x):
    got = yield from inner(x)
    yield x + (100 if got is None else got)


compiled = torch.compile(lambda x: list(outer(x)), backend=sys.argv[1])
got = compiled(torch.zeros(1))[1].item()
assert got == 3, f"got {got}, the generator returns 3"
