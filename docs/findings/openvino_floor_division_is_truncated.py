"""OpenVINO: whole numbers that are to be divided with rounding down are rounded towards zero.

Scenario: numerics/whole_numbers_in_tensors
Kind: wrong values
Seen: torch 2.13.0; openvino
Root: div with rounding_mode="floor" becomes a Divide that is to round down (m_pythondiv), which the
    processor's plug-in passes over for whole numbers (OpenVINO 2026.4.1).
Upstream: https://github.com/openvinotoolkit/openvino/issues/38248
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch


def program(x):
    return torch.div(x, 2, rounding_mode="floor") + 1


got = torch.compile(program, backend=sys.argv[1])(torch.tensor([-7])).item()
right = program(torch.tensor([-7])).item()
assert got == right, f"got {got}, eager gives {right}"
