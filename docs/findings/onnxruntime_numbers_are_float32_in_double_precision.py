"""ONNX Runtime: a tensor in double precision times a number has the digits of single precision.

Kind: wrong values
Seen: torch 2.13.0; onnxruntime
Root: the exporter makes float32 of a Python number whose dtype no tensor beside it tells (_determine_input_dtype in
    torch/onnx/_internal/exporter/_building.py), which aten_scalar_tensor of onnxscript casts to float64
    (torch 2.13.0, onnxscript 0.7.2).
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend

from conformance.backends.onnxruntime import compile_graph

register_backend(compile_graph, name="onnxruntime")

x = torch.ones(1, dtype=torch.float64)
got = torch.compile(lambda x: x * 0.1, backend=sys.argv[1])(x)
assert got.item() == 0.1, f"got {got.item()}, eager gives {(x * 0.1).item()}"
