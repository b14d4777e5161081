"""ONNX Runtime: the greatest number of a window is below zero, though zeros were put around the picture.

Scenario: results/results_are_laid_out_as_in_eager
Kind: wrong values
Seen: torch 2.13.0; onnxruntime
Root: ONNX Runtime's optimizer fuses the Pad, of zeros, into the MaxPool behind it, which pads with minus infinity
    (pad_fusion.cc; onnxruntime 1.31.1).
Upstream: https://github.com/microsoft/onnxruntime/pull/18136 (where it came in)
"""

import sys

import torch
from torch._dynamo import register_backend
from torch.nn.functional import max_pool2d, pad

from conformance.backends.onnxruntime import compile_graph

register_backend(compile_graph, name="onnxruntime")


def pool(x: torch.Tensor) -> torch.Tensor:
    return max_pool2d(pad(x, (1, 1)), 2)


x = torch.full((1, 1, 2, 2), -1.0)
got, right = torch.compile(pool, backend=sys.argv[1])(x), pool(x)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
