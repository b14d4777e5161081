"""That a tensor of the call has become a key of a dict is not seen.

Scenario: containers/tensors_are_keys
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: that a tensor is not among the keys of a dict is folded into the graph, and the guard asks only that
    the dict still lack the tensor with which it was traced.
Upstream: none found
"""

import sys

import torch


def program(x, table):
    return x + 1 if x in table else x - 1


compiled = torch.compile(program, backend=sys.argv[1])
first, second = torch.zeros(1), torch.zeros(1)
table = {second: "here"}
for x in first, second:
    got, right = compiled(x, table), program(x, table)
    assert torch.equal(got, right), f"got {got}, eager gives {right}"
