"""ONNX Runtime: what is drawn does not follow from torch.manual_seed.

Scenario: randomness/seed_repeats_the_numbers, randomness/state_repeats_the_numbers, randomness/seed_in_the_program
Kind: wrong values
Seen: torch 2.13.0; onnxruntime
Root: torch.rand becomes RandomUniformLike, for which ONNX Runtime has a generator of its own; it takes a seed when a
    session is made, and none later (onnxruntime 1.31.1).
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend

from conformance.backends.onnxruntime import compile_graph

register_backend(compile_graph, name="onnxruntime")

program = torch.compile(lambda x: torch.rand(4) + x, backend=sys.argv[1])
drawn = []
for _ in range(2):
    torch.manual_seed(0)
    drawn.append(program(torch.zeros(4)))
got, right = drawn
assert torch.equal(got, right), f"got {got} and {right} after the same seed"
