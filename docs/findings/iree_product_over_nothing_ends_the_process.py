"""IREE: a matrix product over a dimension of size 0 ends the process.

Scenario: results/tensors_of_few_numbers
Kind: lifetime
Seen: torch 2.13.0; turbine_cpu
Root: to name a kernel the compiler multiplies up its sizes, and divides by each to see whether that overflows
    (saturatingMul for summarizeDispatchRegion in AnnotateDispatches.cpp, of iree-base-compiler 3.13.0): a floating
    point exception while the product is compiled, here in a process of its own.
Upstream: https://github.com/iree-org/iree/pull/24947
"""

import os
import sys

import torch

child = os.fork()
if child == 0:
    torch.compile(lambda x, y: x @ y, backend=sys.argv[1])(torch.ones(2, 0), torch.ones(0, 3))
    os._exit(0)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert status == 0, f"the process ended with status {status}"
