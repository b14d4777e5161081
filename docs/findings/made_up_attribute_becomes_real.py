"""An attribute that an object gains, and which its __getattr__ made up before, is not seen.

Scenario: objects/attribute_is_made_up
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: where Dynamo calls __getattr__ because an object has no such attribute (step 6 of its lookup in
    torch/_dynamo/variables/user_defined.py), it guards what __getattr__ reads, but not that the attribute
    is still missing.
Upstream: none found
"""

import sys

import torch


class Lazy:
    def __getattr__(self, name):
        return 1


def program(x, each):
    return x + each.step


compiled = torch.compile(program, backend=sys.argv[1])
x, each = torch.zeros(1), Lazy()
compiled(x, each)
each.step = 7
got, right = compiled(x, each), program(x, each)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
