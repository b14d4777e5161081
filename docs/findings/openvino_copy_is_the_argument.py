"""OpenVINO: the copy of an argument that a program returns is the argument.

Scenario: results/results_are_laid_out_as_in_eager
Kind: lost effect
Seen: torch 2.13.0; openvino
Root: inputs and outputs are shared with OpenVINO (share_inputs and share_outputs in openvino_execute,
    openvino/frontend/pytorch/torchdynamo/execute.py, of OpenVINO 2026.4.1), which leaves the copy out and
    gives back the memory of its input: a write to the result is a write to the argument.
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch

x = torch.zeros(3)
copy, _ = torch.compile(lambda x: (x.clone(), x * 2), backend=sys.argv[1])(x)
copy.add_(1)
got, right = x.tolist(), [0, 0, 0]
assert got == right, f"got {got}, eager leaves {right}"
