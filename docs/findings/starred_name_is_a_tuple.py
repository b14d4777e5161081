"""`first, *rest = values` makes a tuple of the rest.

Scenario: language/construct_means_the_same
Kind: wrong kind
Seen: torch 2.12.1; eager, aot_eager, inductor
Root: UNPACK_EX in torch/_dynamo/symbolic_convert.py; fixed in 2.13.
Upstream: none found
"""

import sys

import torch


def program(x):
    _, *rest = x, x + 1, x + 2
    return rest


rest = torch.compile(program, backend=sys.argv[1])(torch.zeros(1))
assert isinstance(rest, list), f"got a {type(rest)}"
