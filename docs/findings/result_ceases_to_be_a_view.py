"""Code that was compiled for a written argument and a view of it reads that argument where the other is
no view.

Scenario: argument_aliasing/result_is_passed_with_its_argument
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; aot_eager, inductor
Root: where a written input shares memory with another, AOTAutograd compiles for their common base and
    regenerates the views from it, without a guard on this layout; here the sizes fit, so that nothing
    fails.
Upstream: https://github.com/pytorch/pytorch/issues/139789
"""

import sys

import torch


def program(x, y):
    x.add_(1)
    return y * 10


compiled = torch.compile(program, backend=sys.argv[1])
x = torch.zeros(4)
compiled(x, x.view(2, 2))
got, right = compiled(torch.zeros(4), torch.full((2, 2), 5.0)), torch.full((2, 2), 50.0)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
