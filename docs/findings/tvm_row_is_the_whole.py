"""TVM: the first row of a tensor, and each other row, is the whole tensor.

Scenario: output_aliasing/argument_is_looked_at
Kind: wrong values
Seen: torch 2.13.0; relax_dynamo
Root: _getitem in tvm/relax/frontend/torch/base_fx_graph_translator.py, of TVM 0.27, gives a tensor back as it
    is where the index is a number: the sum of a row becomes that of all.
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend
from tvm.relax.frontend.torch import relax_dynamo

register_backend(relax_dynamo(), name="relax_dynamo")


def program(x):
    return x[0].sum()


x = torch.arange(6.0).reshape(2, 3)
got, right = torch.compile(program, backend=sys.argv[1])(x), program(x)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
