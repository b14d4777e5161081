"""Code that was compiled for a leaf takes a tensor that was computed for a leaf.

Scenario: tensor_properties/leaf_is_told_from_a_result
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: is_leaf, and grad_fn where it is None, are folded as they are when traced (TensorVariable in
    torch/_dynamo/variables/tensor.py); the guard on a tensor asks whether it needs gradients, not whether
    it was computed.
Upstream: none found
"""

import sys

import torch


def program(x):
    return x + 1 if x.is_leaf else x - 1


compiled = torch.compile(program, backend=sys.argv[1])
leaf = torch.zeros(1, requires_grad=True)
for x in leaf, leaf * 1:
    got, right = compiled(x), program(x)
    assert torch.equal(got, right), f"got {got}, eager gives {right}"
