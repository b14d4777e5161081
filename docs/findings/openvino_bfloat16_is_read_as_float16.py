"""OpenVINO: results in bfloat16 are read as float16, and are other numbers.

Scenario: numerics/numbers_change_dtype
Kind: wrong values
Seen: torch 2.13.0; openvino
Root: NumPy knows no bfloat16, OpenVINO hands such outputs over as arrays of float16, and openvino_execute
    (openvino/frontend/pytorch/torchdynamo/execute.py, of OpenVINO 2026.4.1) takes them as they are.
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch

compiled = torch.compile(lambda x: (x * 2 + 1).to(torch.bfloat16), backend=sys.argv[1])
got, right = compiled(torch.ones(2)), torch.full((2,), 3.0, dtype=torch.bfloat16)
assert torch.equal(got.float(), right.float()), f"got {got}, eager gives {right}"
