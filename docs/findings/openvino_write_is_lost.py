"""OpenVINO: an argument that a program writes in place stays what it was.

Scenario: mutation/argument_is_written, cache_limit_reach/effects_beyond_the_limit
Kind: lost effect
Seen: torch 2.13.0; openvino
Root: graphs are converted as they were captured, with their writes in place, and what OpenVINO runs gives
    back its outputs alone (openvino_execute in openvino/frontend/pytorch/torchdynamo/execute.py, of OpenVINO
    2026.4.1); with the option aot_autograd there are no such writes in the graph.
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch

x = torch.zeros(3)
torch.compile(lambda x: x.add_(1) * 2, backend=sys.argv[1])(x)
got, right = x.tolist(), [1, 1, 1]
assert got == right, f"got {got}, eager leaves {right}"
