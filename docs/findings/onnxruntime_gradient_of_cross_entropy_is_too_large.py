"""ONNX Runtime: the gradient of cross_entropy is as many times too large as there are targets.

Scenario: layers/targets_are_ignored, layers/targets_are_classes_or_probabilities, layers/classes_are_of_another_dtype
Kind: wrong gradients
Seen: torch 2.13.0; onnxruntime
Root: aten_nll_loss_forward of onnxscript, which torch.onnx translates with, gives the number of losses, 1 for a mean,
    in place of the sum of the weights, by which the backward pass divides (onnxscript 0.7.2, torch_lib/ops/nn.py).
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend
from torch.nn.functional import cross_entropy

from conformance.backends.onnxruntime import compile_graph

register_backend(compile_graph, name="onnxruntime")

targets = torch.tensor([0, 1, 0, 1])
gradients = []
for program in torch.compile(cross_entropy, backend=sys.argv[1]), cross_entropy:
    x = torch.zeros(4, 2, requires_grad=True)
    program(x, targets).backward()
    gradients.append(x.grad)
got, right = gradients
assert torch.allclose(got, right), f"got {got[0]}, eager gives {right[0]}"
