"""A picture that would have no size after it is resized is no error in compiled code.

Scenario: layers/picture_of_no_size_is_refused
Kind: error
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; aot_eager, inductor
Root: the decompositions that AOTAutograd computes interpolate by (torch/_decomp/decompositions.py) compute the size
    and do not ask, as the kernels of eager do, whether it is greater than zero.
Upstream: none found
"""

import sys

import torch


def program(x):
    return torch.nn.functional.interpolate(x, scale_factor=0.25)


compiled = torch.compile(program, backend=sys.argv[1])
try:
    program(torch.ones(1, 1, 2, 4))
except RuntimeError:
    try:
        got = compiled(torch.ones(1, 1, 2, 4))
    except RuntimeError:
        got = None
    assert got is None, f"got {tuple(got.shape)}, where eager raises"
