"""OpenVINO: what is centred by rows and scaled by the whole is centred by the whole.

Scenario: numpy_interop/arrays_are_arrays
Kind: wrong values
Seen: torch 2.13.0; openvino
Root: MVNFusionWithoutConstants (src/common/transformations/src/transformations/common_optimizations/mvn_fusion.cpp,
    of OpenVINO 2026.4.1) makes one normalisation of (x - mean) / (deviation + constant); it compares their axes, but
    its pattern for the first difference also matches the one within the deviation, so that it sees the axes of
    the deviation twice and takes them for both.
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch


def centred(x):
    """Each column less its mean, by the deviation of all numbers."""
    return (x - x.mean(0, keepdim=True)) / (x.std((0, 1), correction=0) + 1)


x = torch.tensor([[0.0, 10.0], [0.0, 10.0]])
got = torch.compile(centred, backend=sys.argv[1])(x).flatten().tolist()
assert got == [0, 0, 0, 0], f"got {got}, each column is its mean"
