"""The remainder of a fraction that varies cannot be added to a tensor.

Scenario: scalars/number_has_no_dtype
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; aot_eager, inductor
Shows: BackendCompilerFailed
Root: it is to be computed by TensorReferenceAnalysis (torch/utils/_sympy/reference.py), which has no
    python_mod.
Upstream: none found
"""

import sys

import torch

compiled = torch.compile(lambda x, number: x + number % 2, backend=sys.argv[1])
for number in 1.5, 2.5:
    compiled(torch.ones(1), number)
