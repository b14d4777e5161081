"""Where a tensor is passed twice to a torch.autograd.Function, one of its two gradients is lost.

Scenario: autograd_functions/one_tensor_is_passed_twice
Kind: wrong gradients
Seen: torch 2.12.1; eager, aot_eager, inductor
Root: before torch 2.13 Dynamo passes such a tensor once to the traced rule. The rule says 2 + 30.
Upstream: https://github.com/pytorch/pytorch/issues/183604
"""

import sys

import torch


class Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        return x + y

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2, gradient * 30


compiled = torch.compile(lambda x: Sum.apply(x, x), backend=sys.argv[1])
x = torch.ones(3, requires_grad=True)
compiled(x).sum().backward()
assert torch.equal(x.grad, torch.full((3,), 32.0)), f"got {x.grad}, the rule says 32"
