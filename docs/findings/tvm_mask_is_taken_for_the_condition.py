"""TVM: mask.where(condition, other) takes the mask for the condition.

Scenario: selections/condition_chooses
Kind: wrong values
Seen: torch 2.13.0; relax_dynamo
Root: the table of from_fx in tvm/relax/frontend/torch/fx_translator.py, of TVM 0.27, has the method where
    translated as the function (_where), whose condition comes first: of a mask that gives other values; a
    tensor of any other dtype is refused, as it is no condition.
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend
from tvm.relax.frontend.torch import relax_dynamo

register_backend(relax_dynamo(), name="relax_dynamo")


def program(mask, condition, other):
    return mask.where(condition, other)


mask, condition, other = map(torch.tensor, ([True, False], [False, False], [True, True]))
compiled = torch.compile(program, backend=sys.argv[1])
got, right = (f(mask, condition, other).tolist() for f in (compiled, program))
assert got == right, f"got {got}, eager gives {right}"
