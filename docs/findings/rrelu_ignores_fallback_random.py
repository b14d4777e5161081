"""With fallback_random, rrelu still draws other slopes than eager.

Scenario: randomness/fallback_draws_as_eager
Kind: wrong values
Seen: torch 2.12.1; inductor
Root: torch/_inductor/decomposition.py takes rrelu apart into a draw of its own in any case; since torch
    2.13 its decomposition is one of those (extra_random_decomps) that the flag switches off.
Upstream: none found
"""

import sys

import torch
import torch._inductor.config

torch._inductor.config.fallback_random = True


def program(x):
    return torch.nn.functional.rrelu(x, training=True)


x = torch.full((4,), -1.0)
drawn = []
for run in program, torch.compile(program, backend=sys.argv[1]):
    torch.manual_seed(1)
    drawn.append(run(x))
right, got = drawn
assert torch.equal(got, right), f"got {got}, eager gives {right}"
