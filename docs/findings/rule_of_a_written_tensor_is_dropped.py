"""The backward rule of a torch.autograd.Function that writes its input and marks it dirty is not
followed.

Scenario: autograd_functions/written_input_is_returned
Kind: wrong gradients
Seen: torch 2.12.1; eager, aot_eager, inductor; torch 2.13.0, 2.14.1, 2.15.0; aot_eager, inductor
Root: AOTAutograd sees a write without gradients, because a rule's forward pass records none, takes it for
    one that autograd need not know, and drops the rule of the written tensor from the joint graph. Before
    torch 2.13, Dynamo drops mark_dirty. The rule says 20, and so does eager.
Upstream: akin to https://github.com/pytorch/pytorch/issues/184113
"""

import sys

import torch


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 20


compiled = torch.compile(Double.apply, backend=sys.argv[1])
x = torch.ones(3, requires_grad=True)
y = x * 1
compiled(y)
y.sum().backward()
assert torch.equal(x.grad, torch.full((3,), 20.0)), f"got {x.grad}, the rule says 20"
