"""Code that was compiled for an argument that is also a global serves every other argument as if it were
that global.

Scenario: aliasing/global_is_passed
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: Dynamo guards the identity of two inputs only where both are local or both are global
    (make_dupe_guard in torch/_dynamo/guards.py says that this case is missed).
Upstream: none found
"""

import sys

import torch

ADDED = torch.full((1,), 10.0)


def program(x):
    x.add_(ADDED)
    return x + 0


compiled = torch.compile(program, backend=sys.argv[1])
compiled(ADDED)
got, right = compiled(torch.ones(1)), program(torch.ones(1))
assert torch.equal(got, right), f"got {got}, eager gives {right}"
