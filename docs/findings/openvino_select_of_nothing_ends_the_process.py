"""OpenVINO: a column of a tensor without rows ends the process.

Scenario: results/tensors_of_few_numbers
Kind: lifetime
Seen: torch 2.13.0; openvino
Root: select is a Gather, and Gather::createPrimitive (src/plugins/intel_cpu/src/nodes/gather.cpp, of OpenVINO
    2026.4.1) divides by the number of rows before the axis: a floating point exception while the part is
    compiled, here in a process of its own.
Upstream: none found
"""

import os
import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch

child = os.fork()
if child == 0:
    options = {"aot_autograd": True} if sys.argv[1] == "openvino" else None
    torch.compile(lambda x: x[..., 0] * 2 + 1, backend=sys.argv[1], options=options)(
        torch.ones(0, 2)
    )
    os._exit(0)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert status == 0, f"the process ended with status {status}"
