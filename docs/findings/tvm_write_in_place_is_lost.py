"""TVM: what a program writes in place is lost, to its arguments and to tensors of its own.

Scenario: mutation/argument_is_written, optimisers/parameters_are_stepped
Kind: wrong values
Seen: torch 2.13.0; relax_dynamo
Root: relax_dynamo in tvm/relax/frontend/torch/dynamo.py, of TVM 0.27, runs the dead code elimination of torch.fx on
    the captured graph, for which a method has no effect: y.add_(1), whose result nobody uses, is dropped.
    Without that step, which came with https://github.com/apache/tvm/pull/15962, it is refused, for from_fx has
    no translation of it.
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend
from tvm.relax.frontend.torch import relax_dynamo

register_backend(relax_dynamo(), name="relax_dynamo")


def program(x):
    y = x * 2
    y.add_(1)
    return y


x = torch.arange(3.0)
got, right = torch.compile(program, backend=sys.argv[1])(x), program(x)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
