"""OpenVINO: what is read before a write in place is read after it.

Scenario: mutation/argument_is_written, custom_operators/lists_of_arguments_are_written
Kind: wrong values
Seen: torch 2.13.0; openvino
Root: the partitioner (openvino/frontend/pytorch/torchdynamo/partition.py, of OpenVINO 2026.4.1) takes all
    operations for pure and joins those that OpenVINO supports to one part: both sums, of which one stands
    before the write and one behind it.
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch


def program(x):
    before = x.sum()
    torch.mul(x, 10, out=x)
    return x.sum() - before


got = torch.compile(program, backend=sys.argv[1])(torch.ones(2)).item()
right = program(torch.ones(2)).item()
assert got == right, f"got {got}, eager gives {right}"
