"""A Cholesky factorisation that fails in the forward pass does not raise, and garbage is computed with.

Scenario: mutation_limits/writes_before_a_failing_operation_stay
Kind: error
Seen: torch 2.12.1; aot_eager, inductor
Root: before torch 2.13 the check of a factorization has no result in the graph of AOTAutograd and is
    dropped as dead code.
Upstream: https://github.com/pytorch/pytorch/issues/182965
"""

import sys

import torch

compiled = torch.compile(lambda a: torch.linalg.cholesky(a) + 1, backend=sys.argv[1])
try:
    got = compiled(-torch.eye(2))
except torch.linalg.LinAlgError:
    got = None
assert got is None, f"got {got}, where eager raises"
