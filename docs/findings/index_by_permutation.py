"""x[torch.randperm(len(x))] does not compile with fallback_random.

Scenario: randomness/fallback_draws_as_eager
Kind: refused
Seen: torch 2.12.1, 2.13.0; inductor
Shows: Error
Root: the pattern that replaces indexing by a permutation (randperm_index_pattern in
    torch/_inductor/fx_passes/misc_patterns.py) is traced with a slice that takes everything and so
    vanishes: it also matches an index by the whole permutation, which has no slice to give for its
    argument.
Upstream: https://github.com/pytorch/pytorch/issues/158457
"""

import sys

import torch

compiled = torch.compile(lambda x: x[torch.randperm(len(x), device=x.device)], backend=sys.argv[1])
compiled(torch.ones(3, 4))
