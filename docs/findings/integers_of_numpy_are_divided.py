"""A division of NumPy's 64-bit integers in a program gives single precision, where NumPy gives double.

Scenario: numpy_interop/dtypes_are_promoted
Kind: wrong kind
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: true_divide in torch/_numpy/_ufuncs.py is torch's, which gives torch's default dtype, and not
    numpy_default_float.
Upstream: none found
"""

import sys

import numpy as np
import torch

compiled = torch.compile(lambda a: a / 3, backend=sys.argv[1])
a = np.array([1, 2])
got, right = compiled(a), a / 3
assert got.dtype == right.dtype, f"got {got} of {got.dtype}, NumPy gives {right} of {right.dtype}"
