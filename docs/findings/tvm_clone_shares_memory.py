"""TVM: what is written to a copy is written to what it is a copy of.

Scenario: output_aliasing/copy_is_made_where_it_must
Kind: lost effect
Seen: torch 2.13.0; relax_dynamo
Root: clone is its argument in the table of from_fx (create_convert_map in tvm/relax/frontend/torch/fx_translator.py, of
    TVM 0.27), and an argument that is a result comes back as another tensor over the same memory.
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend
from tvm.relax.frontend.torch import relax_dynamo

register_backend(relax_dynamo(), name="relax_dynamo")

x = torch.zeros(3)
torch.compile(lambda x: x.clone(), backend=sys.argv[1])(x).add_(1)
assert not x.any(), f"got {x}, nobody has written to it"
