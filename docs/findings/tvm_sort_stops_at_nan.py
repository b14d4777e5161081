"""TVM: numbers beside one that is none are not sorted.

Scenario: selections/equal_numbers_are_ordered
Kind: wrong values
Seen: torch 2.13.0; relax_dynamo
Root: the comparisons by which sort and argsort order (CompareAscend and CompareDescend in
    runtime/extra/contrib/sort/sort.cc, of TVM 0.27) are < and > alone. Nothing is less than NaN or greater, so that
    it stays where it is, and numbers on either side of it are not brought into order: of 3, NaN and 1, eager makes
    1, 3 and NaN.
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend
from tvm.relax.frontend.torch import relax_dynamo

register_backend(relax_dynamo(), name="relax_dynamo")


def program(x):
    return torch.sort(x).values


x = torch.tensor([3.0, float("nan"), 1.0])
got, right = torch.compile(program, backend=sys.argv[1])(x), program(x)
assert torch.equal(got[:2], right[:2]), f"got {got}, eager gives {right}"
