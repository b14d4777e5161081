"""IREE: a float that varies is read as another number, often as 0.

Scenario: entry_points/methods_of_two_instances
Kind: wrong values
Seen: torch 2.13.0; turbine_cpu
Root: the compiler makes float32 of all float64 by default (--iree-input-demote-f64-to-f32), and the backend
    passes arguments of float64 as they are: their bytes are read as float32 (iree-turbine 3.9.0,
    iree-base-compiler 3.13.0). A float that has varied is such an argument.
Upstream: https://github.com/iree-org/iree/issues/15830
"""

import sys

import torch

compiled = torch.compile(lambda x, factor: x * factor, backend=sys.argv[1])
x = torch.ones(3)
got = [compiled(x, factor)[0].item() for factor in (2.0, 2.5, 3.5)]
assert got == [2.0, 2.5, 3.5], f"got {got}, the factors are 2, 2.5 and 3.5"
