"""OpenVINO: the gradient of a convolution by its weight is neither of its values nor of its shape.

Scenario: backward_hooks/gradients_are_accumulated
Kind: wrong gradients
Seen: torch 2.13.0; openvino
Root: OpenVINO 2026.4.1 registers a decomposition of convolution_backward of its own
    (openvino/frontend/pytorch/torchdynamo/decompositions.py), whose gradient of the weight is a
    transposed convolution of the input with the weight. The option aot_autograd is the one that its
    documentation gives for training.
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch


def program(x, weight):
    return torch.nn.functional.conv2d(x, weight)


compiled = torch.compile(program, backend=sys.argv[1], options={"aot_autograd": True})
found = []
for run in program, compiled:
    x, weight = torch.arange(16.0).view(1, 1, 4, 4), torch.ones(1, 1, 2, 2, requires_grad=True)
    run(x, weight).sum().backward()
    found.append(weight.grad)
right, got = found
assert torch.equal(
    right.flatten(), torch.tensor([45.0, 54.0, 81.0, 90.0])
)  # sums of x[i:i+3, j:j+3]
same = got.shape == right.shape and torch.allclose(got, right)
assert same, f"got {got}, eager gives {right}"
