"""torch.set_default_dtype in a program does not set the dtype, neither for the program nor afterwards.

Scenario: ambient_state/default_dtype_persists
Kind: lost effect
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; aot_eager, inductor
Root: Dynamo captures the call as a node of the graph and runs it neither while it traces nor afterwards;
    AOTAutograd traces tensors only and drops the node.
Upstream: none found
"""

import sys

import torch


def program(x):
    torch.set_default_dtype(torch.float64)
    return x + torch.full((3,), 0.1)


compiled = torch.compile(program, backend=sys.argv[1])
x = torch.zeros(3)
for call in 1, 2:
    torch.set_default_dtype(torch.float32)
    compiled(x)
got = torch.get_default_dtype()
assert got is torch.float64, f"the default is {got} after call {call}"
