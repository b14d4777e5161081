"""IREE: a power of a negative number is no number, also where the exponent is a whole number.

Scenario: numerics/numbers_at_the_edge
Kind: wrong values
Seen: torch 2.13.0; turbine_cpu
Root: a ** b is computed as exp(b * log(a)) (convertPowfOp in mlir/lib/Dialect/Math/Transforms/ExpandPatterns.cpp,
    in iree-base-compiler 3.13.0); 0 ** 0 is no number either.
Upstream: https://github.com/llvm/llvm-project/pull/193231
"""

import sys

import torch

a, b = torch.tensor([-2.0, -2.0, 0.0]), torch.tensor([2.0, 3.0, 0.0])
got = torch.compile(torch.pow, backend=sys.argv[1])(a, b)
right = torch.tensor([4.0, -8.0, 1.0])
assert torch.allclose(got, right), f"got {got}, eager gives {right}"
