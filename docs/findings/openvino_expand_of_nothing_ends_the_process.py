"""OpenVINO: a tensor without rows that is expanded ends the process.

Scenario: selections/places_come_twice
Kind: lifetime
Seen: torch 2.13.0; openvino
Root: expand is a Broadcast, and Broadcast::getSupportedDescriptors (src/plugins/intel_cpu/src/nodes/broadcast.cpp, of
    OpenVINO 2026.4.1) divides the sizes that it is to make by those of its input: a floating point exception while
    the part is compiled, here in a process of its own.
Upstream: none found
"""

import os
import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch

child = os.fork()
if child == 0:
    torch.compile(lambda x: x.expand(0, 2) + 1, backend=sys.argv[1])(torch.ones(0, 1))
    os._exit(0)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert status == 0, f"the process ended with status {status}"
