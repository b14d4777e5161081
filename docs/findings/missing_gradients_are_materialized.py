"""set_materialize_grads(False) is ignored: the rule of a torch.autograd.Function gets zeros where it
asked for None.

Scenario: autograd_functions/missing_gradients_are_none_or_zero
Kind: wrong gradients
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: Dynamo traces the backward rule with a tensor for each gradient; the maintainers say that it should
    break the graph.
Upstream: https://github.com/pytorch/pytorch/issues/118396
"""

import sys

import torch


class Two(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    @staticmethod
    def backward(ctx, first, second):
        return first * 2 if second is None else first * 2 + second * 3 + 100


def program(x):
    return Two.apply(x)


compiled = torch.compile(program, backend=sys.argv[1])
x = torch.ones(3, requires_grad=True)
compiled(x)[0].sum().backward()
assert torch.equal(x.grad, torch.full((3,), 2.0)), f"got {x.grad}, the rule says 2"
