"""TVM: a write to an argument is lost.

Scenario: aliasing/arguments_come_to_share_storage
Kind: lost effect
Seen: torch 2.13.0; relax_dynamo
Root: relax_dynamo runs the dead code elimination of torch.fx on the captured graph, for which a method
    call without users has no effect, and where from_fx translates an operation in place, it never writes
    to the argument (TVM 0.27).
Upstream: none found
"""

import torch
from tvm.relax.frontend.torch import relax_dynamo


def program(x):
    x.add_(1)
    return x * 2


compiled = torch.compile(program, backend=relax_dynamo())
x = torch.zeros(3)
got = compiled(x)
assert x.tolist() == [1, 1, 1], f"the argument is {x}, the result {got}"
