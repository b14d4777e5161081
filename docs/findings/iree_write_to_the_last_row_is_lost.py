"""IREE: a write to the last row, by the index -1, does not happen.

Scenario: numpy_interop/arrays_are_arrays
Kind: lost effect
Seen: torch 2.13.0; turbine_cpu
Root: a select_scatter at an index becomes a slice_scatter from there to one more, which is from -1 to 0 and
    empty (DecomposeAtenSelectScatterOp of torch-mlir, in iree-base-compiler 3.13.0).
Upstream: none found
"""

import sys

import torch


def program(x):
    x[-1] = 5
    return x * 2


x = torch.ones(2)
got = torch.compile(program, backend=sys.argv[1])(x)
right = torch.tensor([2.0, 10.0])
assert torch.equal(got, right), f"got {got}, eager gives {right}"
assert x[1] == 5, f"got {x}, eager writes 5 to its end"
