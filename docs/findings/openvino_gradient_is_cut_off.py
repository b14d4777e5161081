"""OpenVINO: the gradient through compiled code is left out of a sum without a word.

Scenario: hooks/gradients_are_used_as_they_come, gradients/who_needs_gradients_varies
Kind: wrong gradients
Seen: torch 2.13.0; openvino
Root: inputs are detached and results made from arrays of NumPy (openvino_execute in
    openvino/frontend/pytorch/torchdynamo/execute.py, of OpenVINO 2026.4.1), so that no result requires a
    gradient, as if the program had asked for that. The documentation wants the option aot_autograd for
    training; without it nothing warns.
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch

weight = torch.ones(2, requires_grad=True)
penalty = torch.compile(lambda weight: (weight * 2 + 1).sum(), backend=sys.argv[1])
(weight.sum() + penalty(weight)).backward()
got, right = weight.grad.tolist(), [3, 3]
assert got == right, f"got {got}, the derivative is {right}"
