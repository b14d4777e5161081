"""A write of a part of a tensor into itself, which eager refuses, is computed.

Kind: error
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; aot_eager, inductor
Root: AOTAutograd computes index_put_ as index_put of a new tensor, which does not ask whether what is
    written overlaps with what it is written to.
Upstream: none found
"""

import sys

import torch


def program(x, i):
    return x.index_put_((i,), x[:2], accumulate=True)


x, i = torch.arange(4.0), torch.tensor([1, 2])
compiled = torch.compile(program, backend=sys.argv[1])
try:
    program(x.clone(), i)
except RuntimeError:
    try:
        got = compiled(x, i)
    except RuntimeError:
        got = None
    assert got is None, f"got {got}, where eager raises"
