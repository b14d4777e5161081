"""Thunder: a program that makes a placement of torch.distributed.tensor ends the process.

Scenario: distributed/sharded_tensors_are_computed_with
Kind: lifetime
Seen: torch 2.12.1; thunder-jit
Root: a method of C code is looked up by its name in the class of its __self__ (_call_dispatch in
    thunder/core/interpreter.py, of Thunder 0.2.6). That of an __init__ made by pybind11 is pybind11's record of
    the function, whose own __init__ is then called, and this is what ends the process: SIGABRT.
Upstream: none found
"""

import thunder
import torch
from torch.distributed.tensor import Replicate


def program(x):
    placement = Replicate()
    return x * 2 if placement.is_replicate() else x


got, right = thunder.jit(program)(torch.ones(1)), torch.full((1,), 2.0)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
