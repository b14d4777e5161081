"""ONNX Runtime: a scatter_reduce that takes the mean writes the last number.

Scenario: selections/places_come_twice, selections/additions_have_gradients
Kind: wrong values
Seen: torch 2.13.0; onnxruntime
Root: aten_scatter_reduce of onnxscript, which torch.onnx translates with, makes the reduction none of "mean", as ONNX
    has no mean, instead of refusing it (onnxscript 0.7.2, torch_lib/ops/core.py).
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend

from conformance.backends.onnxruntime import compile_graph

register_backend(compile_graph, name="onnxruntime")


def write(x: torch.Tensor, places: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return x.scatter_reduce(0, places, y, "mean", include_self=True)


args = torch.zeros(2), torch.tensor([0, 0]), torch.tensor([3.0, 6.0])
got, right = torch.compile(write, backend=sys.argv[1])(*args), write(*args)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
