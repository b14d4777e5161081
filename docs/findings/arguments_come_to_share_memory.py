"""Code that was compiled for arguments that share no memory also serves views of one tensor, of which
one is written.

Scenario: aliasing/arguments_come_to_share_storage
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; aot_eager
Root: AOTAutograd compiles for inputs that share no memory if the first call had such, and guards that
    only among inputs of one storage whose sizes are dynamic: the graph computes y + 1 from the y of
    before the write. (Inductor's kernel reads it afterwards, by chance.)
Upstream: https://github.com/pytorch/pytorch/issues/139789
"""

import sys

import torch


def program(x, y):
    x.add_(1)
    return y + 1


compiled = torch.compile(program, backend=sys.argv[1])
compiled(torch.zeros(4), torch.zeros(4))
base, other = torch.arange(6.0), torch.arange(6.0)
got, right = compiled(base[:4], base[2:]), program(other[:4], other[2:])
assert torch.equal(got, right), f"got {got}, eager gives {right}"
