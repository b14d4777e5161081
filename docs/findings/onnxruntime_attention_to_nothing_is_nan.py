"""ONNX Runtime: attention of a word that may look at none is NaN, where torch gives zeros.

Scenario: attention/attention_is_inferred
Kind: wrong values
Seen: torch 2.13.0; onnxruntime
Root: when it is exported, a mask of truth values has become one of zeros and minus infinity, and of those
    _aten_scaled_dot_product_attention_float_mask_onnx of onnxscript takes a softmax; the function beside it, for truth
    values, replaces NaN by zeros (onnxscript 0.7.2, torch_lib/ops/nn.py).
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend
from torch.nn.functional import scaled_dot_product_attention

from conformance.backends.onnxruntime import compile_graph

register_backend(compile_graph, name="onnxruntime")

compiled = torch.compile(scaled_dot_product_attention, backend=sys.argv[1])
words = torch.ones(1, 1, 2, 8)
allowed = torch.tensor([[True, True], [False, False]])
got, right = (
    f(words, words, words, attn_mask=allowed) for f in (compiled, scaled_dot_product_attention)
)
assert torch.equal(got, right), f"got {got[0, 0, 1, 0]}, eager gives {right[0, 0, 1, 0]}"
