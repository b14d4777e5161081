"""OpenVINO: the gradient of a convolution by its weight is another function.

Scenario: backward_hooks/gradients_are_accumulated
Kind: wrong gradients
Seen: torch 2.13.0; openvino
Root: OpenVINO 2026.4.1 registers a decomposition of convolution_backward of its own
    (openvino/frontend/pytorch/torchdynamo/decompositions.py), whose gradient of the weight is a
    transposed convolution of the input with the weight: where the sizes fit, as here, it is silently
    wrong, else autograd refuses its shape. The derivative of 2 w by w is 2. The option aot_autograd is
    the one that its documentation gives for training.
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch

compiled = torch.compile(
    torch.nn.functional.conv2d, backend=sys.argv[1], options={"aot_autograd": True}
)
x, weight = torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), 3.0, requires_grad=True)
compiled(x, weight).sum().backward()
assert weight.grad.item() == 2, f"got {weight.grad}, the derivative is 2"
