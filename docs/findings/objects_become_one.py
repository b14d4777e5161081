"""Code that was compiled for two objects also serves one object that is passed twice.

Scenario: identities/objects_become_one
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: that two objects of a user's class are not one is folded into the graph; guards on distinctness are
    made for tensors alone.
Upstream: https://github.com/pytorch/pytorch/issues/196173
"""

import sys

import torch


class Thing:
    pass


def program(x, a, b):
    return x + 1 if a is b else x - 1


compiled = torch.compile(program, backend=sys.argv[1])
x, one = torch.zeros(1), Thing()
compiled(x, Thing(), Thing())
got, right = compiled(x, one, one), program(x, one, one)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
