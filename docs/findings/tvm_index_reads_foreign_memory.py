"""TVM: an index that counts from the end, or lies beyond it, reads memory outside of the tensor.

Scenario: numerics/indices_of_every_dtype, refusals/index_out_of_range_fails
Kind: wrong values
Seen: torch 2.13.0; relax_dynamo
Root: _getitem in tvm/relax/frontend/torch/base_fx_graph_translator.py, of TVM 0.27, makes relax.op.take of an
    index that is a tensor, whose mode "fast" leaves it to the user that no index is below 0 or too great:
    the last row, asked for as -1, is what stands in memory before the first.
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend
from tvm.relax.frontend.torch import relax_dynamo

register_backend(relax_dynamo(), name="relax_dynamo")


def program(x, i):
    return x[i]


x, last = torch.arange(6.0).reshape(2, 3), torch.tensor([-1])
got, right = torch.compile(program, backend=sys.argv[1])(x, last), program(x, last)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
