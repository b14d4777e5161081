"""The backward pass of a checkpoint draws another mask of a dropout than its forward pass did.

Scenario: randomness/checkpoint_draws_the_same_again
Kind: wrong gradients
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager
Root: Dynamo captures a checkpoint as a higher-order operation with preserve_rng_state=False, for
    AOTAutograd keeps what is random; the backend eager runs the operation as it stands, so that the
    backward pass draws anew. The gradient must be nothing where the dropout gave nothing.
Upstream: https://github.com/pytorch/pytorch/pull/102450
"""

import sys

import torch
from torch.utils.checkpoint import checkpoint


def program(x):
    return checkpoint(lambda x: torch.nn.functional.dropout(x * 3, 0.5), x, use_reentrant=False)


compiled = torch.compile(program, backend=sys.argv[1])
torch.manual_seed(0)
x = torch.ones(20, requires_grad=True)
y = compiled(x)
y.sum().backward()
assert torch.equal(x.grad != 0, y != 0), f"the result is {y}, its gradient {x.grad}"
