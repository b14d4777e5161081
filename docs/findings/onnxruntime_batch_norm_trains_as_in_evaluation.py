"""ONNX Runtime: batch norm in training mode normalizes as in evaluation, and its statistics stay what they are.

Scenario: layers/momentum_is_changed, layers/statistics_are_dropped, module_changes/statistics_follow_the_mode
Kind: wrong values
Seen: torch 2.13.0; onnxruntime
Root: aten__native_batch_norm_legit_functional and aten_native_batch_norm of onnxscript, which torch.onnx translates
    with, set training = False, whatever the program says (onnxscript 0.7.2, torch_lib/ops/core.py).
Upstream: https://github.com/microsoft/onnxscript/issues/818 (what it works around)
"""

import sys

import torch
from torch._dynamo import register_backend

from conformance.backends.onnxruntime import compile_graph

register_backend(compile_graph, name="onnxruntime")

with torch.no_grad():
    x = torch.tensor([[1.0], [3.0]])
    layer, right = torch.nn.BatchNorm1d(1), torch.nn.BatchNorm1d(1)
    got, expected = torch.compile(layer, backend=sys.argv[1])(x), right(x)
assert torch.allclose(got, expected), f"got {got}, eager gives {expected}"
assert torch.allclose(layer.running_mean, right.running_mean), layer.running_mean
