"""ONNX Runtime: a negative number that is no constant is divided towards zero by //.

Scenario: scalars/whole_numbers_are_computed
Kind: wrong values
Seen: torch 2.13.0; onnxruntime
Root: operator_floordiv of onnxscript, which torch.onnx translates with, is ONNX's Div, which rounds towards zero
    (onnxscript 0.7.2, torch_lib/ops/core.py).
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend

from conformance.backends.onnxruntime import compile_graph

register_backend(compile_graph, name="onnxruntime")

program = torch.compile(lambda x, n: (x + n, n // 2), backend=sys.argv[1], dynamic=True)
got = program(torch.zeros(1), -5)[1]
assert got == -5 // 2, f"got {got}, eager gives {-5 // 2}"
