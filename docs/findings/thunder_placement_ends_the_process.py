"""Thunder: a program that makes a placement of torch.distributed.tensor ends the process.

Scenario: distributed/sharded_tensors_are_computed_with
Kind: lifetime
Seen: torch 2.12.1; thunder-jit
Root: a method of C code is looked up by its name in the class of its __self__ (_call_dispatch in
    thunder/core/interpreter.py, of Thunder 0.2.6). That of an __init__ made by pybind11 is pybind11's record of
    the function, whose own __init__ is then called, and this is what ends the process: SIGABRT.
Upstream: none found
"""

import os

import thunder
import torch
from torch.distributed.tensor import Replicate


def program(x):
    return x * 2 if Replicate().is_replicate() else x


child = os.fork()
if child == 0:
    thunder.jit(program)(torch.ones(1))
    os._exit(0)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert status == 0, f"the process ended with status {status}"
