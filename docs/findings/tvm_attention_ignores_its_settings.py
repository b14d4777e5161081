"""TVM: attention ignores its scale, and takes the wrong heads where heads share keys and values.

Kind: wrong values
Seen: torch 2.13.0; relax_dynamo
Root: _scaled_dot_product_attention in tvm/relax/frontend/torch/base_fx_graph_translator.py, of TVM 0.27, looks at
    the mask, at dropout and at is_causal alone. It drops scale, and enable_gqa as well: the kernel (_te_attention in
    relax/transform/legalize_ops/nn.py) takes the few heads of keys one after the other, and begins again, where torch
    repeats each of them. (attention/settings_of_attention_change is about both; its trial ends before, for lack of
    gradients.)
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend
from torch.nn.functional import scaled_dot_product_attention
from tvm.relax.frontend.torch import relax_dynamo

register_backend(relax_dynamo(), name="relax_dynamo")

torch.manual_seed(0)
query, few = torch.randn(1, 4, 3, 8), torch.randn(1, 2, 3, 8)
program = torch.compile(scaled_dot_product_attention, backend=sys.argv[1])
for key, settings in (query, {"scale": 2.0}), (few, {"enable_gqa": True}):
    got = program(query, key, key, **settings)
    right = scaled_dot_product_attention(query, key, key, **settings)
    far = (got - right).abs().max().item()
    assert torch.allclose(got, right, atol=1e-5), f"{settings}: got results {far} off eager's"
