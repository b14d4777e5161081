"""os.environ.get with a default gives the default for ever where the variable was not set at first.

Scenario: bindings/variable_of_the_environment_appears
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: the methods of os.environ look up their variable and catch the KeyError, for which Dynamo has no guard that a key
    is missing (missing_key_appears.py).
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
