"""OpenVINO: the backward rule of an autograd function is passed over, and another gradient comes out.

Scenario: autograd_functions/written_input_is_returned
Kind: wrong gradients
Seen: torch 2.13.0; openvino
Root: fx_openvino (openvino/frontend/pytorch/torchdynamo/backend.py, of OpenVINO 2026.4.1) has make_fx trace
    the graph, which goes through what the function computes and records operations on tensors alone. What
    is too small for OpenVINO, such as a single operation, PyTorch runs and differentiates by its own rule.
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch


class Double(torch.autograd.Function):
    """Doubles, and has ten for its derivative."""

    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 10


x = torch.ones(2, requires_grad=True)
torch.compile(Double.apply, backend=sys.argv[1])(x).sum().backward()
got, right = x.grad.tolist(), [10, 10]
assert got == right, f"got {got}, the rule gives {right}"
