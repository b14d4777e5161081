"""Code that the cache holds for views of one tensor is found for arguments that share no memory, and
fails.

Scenario: aliasing/cached_graph_is_for_its_aliases
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; inductor
Shows: Error
Root: the key of the cache of AOTAutograd holds sizes and strides of the inputs, but neither their offsets
    nor which of them share memory; without the cache (TORCHINDUCTOR_AUTOGRAD_CACHE=0) the result is
    right.
Upstream: https://github.com/pytorch/pytorch/pull/184694
"""

import sys

import torch


def program(x, y):
    x.add_(1)
    return y + 1


compiled = torch.compile(program, backend=sys.argv[1])
base = torch.arange(6.0)
compiled(base[:4], base[2:])
torch.compiler.reset()
compiled(torch.zeros(4), torch.zeros(4))
