"""OpenVINO: std and var of all elements divide by their number instead of one less.

Scenario: numerics/spread_is_by_the_number_of_the_call
Kind: wrong values
Seen: torch 2.13.0; openvino
Root: with the option aot_autograd the graph has aten.var.correction, and aten.std.correction, without dimensions:
    the correction of one that they stand for by default is lost; with dimensions it is not
    (OpenVINO 2026.4.1).
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch

options = {"aot_autograd": True} if sys.argv[1] == "openvino" else None
# A part of one operation alone is left to eager.
compiled = torch.compile(lambda x: (x.var(), x + 1), backend=sys.argv[1], options=options)
x = torch.tensor([1.0, 2.0, 6.0])
got, right = compiled(x)[0].item(), x.var().item()
assert got == right, f"got {got}, eager gives {right}"
