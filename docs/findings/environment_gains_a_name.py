"""os.environ.get with a default gives the default for ever where the variable was not set at first.

Scenario: bindings/variable_of_the_environment_appears
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: as with os.getenv, what the methods of os.environ read is not guarded.
Upstream: https://github.com/pytorch/pytorch/pull/189027
"""

import os
import sys

import torch


def program(x):
    return x + 1 if os.environ.get("DIRECTION", "up") == "up" else x - 1


compiled = torch.compile(program, backend=sys.argv[1])
x = torch.zeros(1)
compiled(x)
os.environ["DIRECTION"] = "down"
got, right = compiled(x), program(x)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
