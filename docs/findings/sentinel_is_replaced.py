"""Code that was compiled for a sentinel also serves other objects of its class.

Scenario: identities/sentinel_is_replaced
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: that an argument is the captured object is folded into the graph, and of both objects the type alone
    is guarded.
Upstream: https://github.com/pytorch/pytorch/issues/196173
"""

import sys

import torch


class Missing:
    pass


MISSING = Missing()


def program(x, given):
    return x + 1 if given is MISSING else x - 1


compiled = torch.compile(program, backend=sys.argv[1])
x, other = torch.zeros(1), Missing()
compiled(x, MISSING)
got, right = compiled(x, other), program(x, other)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
