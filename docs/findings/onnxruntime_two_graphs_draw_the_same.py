"""ONNX Runtime: what is drawn before a graph break is drawn again behind it.

Scenario: randomness/draws_around_a_break, randomness/seed_repeats_the_numbers
Kind: wrong values
Seen: torch 2.13.0; onnxruntime
Root: each session has generators of its own, whose seeds are one number of the process plus the number of the node
    in its graph (RandomUniformLike and others, random_generator.h): two graphs that draw at the same place have equal
    ones. They know nothing of torch.manual_seed (onnxruntime 1.31.1).
Upstream: https://github.com/microsoft/onnxruntime/issues/27771
"""

import sys

import torch
from torch._dynamo import register_backend

from conformance.backends.onnxruntime import compile_graph

register_backend(compile_graph, name="onnxruntime")


def draw_twice(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    first = torch.rand(4) + x
    torch._dynamo.graph_break()
    return first, torch.rand(4) + x


first, second = torch.compile(draw_twice, backend=sys.argv[1])(torch.zeros(4))
assert not torch.equal(first, second), f"got {first} twice, eager draws anew"
