"""OpenVINO: the results that a caller keeps are written over by the next call.

Scenario: aliasing/kept_results_stay
Kind: wrong values
Seen: torch 2.13.0; openvino
Root: what a part returns is the memory of its only infer request (share_outputs in openvino_execute,
    openvino/frontend/pytorch/torchdynamo/execute.py, of OpenVINO 2026.4.1).
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch

compiled = torch.compile(lambda x: (x * 2 + 1) * x, backend=sys.argv[1])
kept = [compiled(torch.full((3,), float(n))) for n in range(3)]
got, right = [each[0].item() for each in kept], [0, 3, 10]
assert got == right, f"got {got}, the polynomial is {right}"
