"""os.getenv gives the value of the first call for ever.

Scenario: ambient_state/environment_is_obeyed
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: os.getenv reads os.environ as a global of a module of the standard library, and Dynamo leaves out
    the guards on such globals (SkipGuardSource in get_globals_source_and_value,
    torch/_dynamo/symbolic_convert.py); os.environ[...] is right.
Upstream: https://github.com/pytorch/pytorch/pull/189027
"""

import os
import sys

import torch


def program(x):
    return x + 1 if os.getenv("DIRECTION") == "up" else x - 1


compiled = torch.compile(program, backend=sys.argv[1])
x = torch.zeros(1)
for direction in "up", "down":
    os.environ["DIRECTION"] = direction
    got, right = compiled(x), program(x)
    assert torch.equal(got, right), f"{direction}: got {got}, eager gives {right}"
