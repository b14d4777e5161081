"""IREE: a view of a tensor without elements ends the process.

Scenario: layers/picture_of_no_size_is_refused
Kind: lifetime
Seen: torch 2.13.0; turbine_cpu
Root: ConvertAtenViewOp (lib/Conversion/TorchToLinalg/DataMovement.cpp of torch-mlir, in iree-base-compiler 3.13.0)
    divides by a size of 0: a floating point exception while the view is compiled, here in a process of its own.
Upstream: none found
"""

import os
import sys

import torch

child = os.fork()
if child == 0:
    torch.compile(lambda x: x.view(0, 1) + 1, backend=sys.argv[1])(torch.ones(0))
    os._exit(0)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert status == 0, f"the process ended with status {status}"
