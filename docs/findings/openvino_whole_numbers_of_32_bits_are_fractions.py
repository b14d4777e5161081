"""OpenVINO: int32 is compared, added and divided in float32: 2**24 + 1 equals 2**24.

Scenario: numerics/whole_numbers_in_tensors
Kind: wrong values
Seen: torch 2.13.0; openvino
Root: the kernels of the processor's plug-in compute equality, remainder, sum and maximum of int32 in float32, whose
    fractions lack 2**24 + 1; a model of one Equal, FloorMod, ReduceSum or ReduceMax, built without torch, does
    the same, with INFERENCE_PRECISION_HINT=f32 as well (OpenVINO 2026.4.1).
Upstream: https://github.com/openvinotoolkit/openvino/issues/37956
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch

x, y = torch.tensor([2**24 + 1, 5]).int(), torch.tensor([2**24, 5]).int()
# A part of one operation alone is left to eager.
compiled = torch.compile(lambda x, y: (x == y, x != y), backend=sys.argv[1])
got, right = compiled(x, y)[0], x == y
assert torch.equal(got, right), f"got {got.tolist()}, eager gives {right.tolist()}"
