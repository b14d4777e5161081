"""IREE: two programs drop the same elements, and a seed is not obeyed.

Scenario: randomness/seed_repeats_the_numbers, randomness/draws_around_a_break
Kind: wrong values
Seen: torch 2.13.0; turbine_cpu
Root: random numbers are IREE's own: each compiled graph has a state of its own, which begins at the same
    place, and knows nothing of torch's generator (iree-base-compiler 3.13.0).
Upstream: none found
"""

import sys

import torch

x = torch.ones(64)
first = torch.compile(lambda x: torch.dropout(x, 0.5, train=True), backend=sys.argv[1])
other = torch.compile(lambda x: torch.dropout(x * 2, 0.5, train=True), backend=sys.argv[1])
torch.manual_seed(0)
kept = first(x) != 0
again = torch.equal(other(x) != 0, kept)
assert not again, "got the same elements from two programs, eager draws for each"
torch.manual_seed(0)
repeated = torch.equal(first(x) != 0, kept)
assert repeated, "got other elements for the same seed, eager gives the same"
