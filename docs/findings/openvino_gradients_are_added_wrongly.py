"""OpenVINO: gradients that are accumulated over passes are not their sum.

Scenario: gradients/gradients_accumulate
Kind: wrong gradients
Seen: torch 2.13.0; openvino
Root: a parameter keeps the gradient of the first pass as it came, and that is the memory of the backward
    part's only infer request (share_outputs in openvino_execute, openvino/frontend/pytorch/torchdynamo/execute.py,
    of OpenVINO 2026.4.1): the next pass writes over it before it is added. The option aot_autograd is the
    one that its documentation gives for training.
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch

options = {"aot_autograd": True} if sys.argv[1] == "openvino" else None
compiled = torch.compile(lambda x, w: ((x * w + 1) * x).sum(), backend=sys.argv[1], options=options)
weight = torch.ones(2, requires_grad=True)
for number in 1.0, 3.0, 2.0:
    compiled(torch.full((2,), number), weight).backward()
got, right = weight.grad.tolist(), [14, 14]
assert got == right, f"got {got}, the sum of the squares is {right}"
