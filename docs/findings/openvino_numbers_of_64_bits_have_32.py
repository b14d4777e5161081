"""OpenVINO: int64 wraps at 2**31, and float64 is computed in float32.

Scenario: scalars/great_numbers, numerics/numbers_at_the_edge
Kind: wrong values
Seen: torch 2.13.0; openvino
Root: the processor's plug-in converts both (get_convert_precisions in
    src/plugins/intel_cpu/src/transformations/transformation_pipeline.cpp, of OpenVINO 2026.4.1), and the
    results have the dtypes of eager, so that it does not show.
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch

program = torch.compile(lambda x: x * 2 + 1, backend=sys.argv[1])
numbers = torch.tensor([2**40]), torch.tensor([1e300], dtype=torch.float64)
got, right = [program(each).item() for each in numbers], [2**41 + 1, 2e300]
assert got == right, f"got {got}, eager gives {right}"
