"""Code that was compiled for views of one tensor, of which one is written, is also given arguments that
share no memory, and fails.

Scenario: aliasing/arguments_cease_to_share_storage
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; aot_eager, inductor
Shows: Error
Root: where a mutated input shares memory with another, AOTAutograd compiles for their common base and
    regenerates the views from it, without a guard on this layout: with inputs that share nothing, the
    views do not fit the first one.
Upstream: https://github.com/pytorch/pytorch/issues/139789
"""

import sys

import torch


def program(x, y):
    x.add_(1)
    return y + 1


compiled = torch.compile(program, backend=sys.argv[1])
base = torch.arange(6.0)
compiled(base[:4], base[2:])
compiled(torch.zeros(4), torch.zeros(4))
