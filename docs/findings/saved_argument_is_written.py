"""A gradient is computed from an argument as it is after the program has written it, not as it was when
it was used.

Scenario: gradients/arguments_that_are_saved_are_written
Kind: wrong gradients
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; aot_eager, inductor
Root: the min-cut partitioner recomputes x.sin() in the backward pass from the argument x that it keeps
    instead, and does not ask whether the forward graph writes x.
Upstream: https://github.com/pytorch/pytorch/pull/197039
"""

import sys

import torch


def program(weight, x):
    y = weight * x.sin()
    x.add_(1)
    return y


gradients = []
for run in program, torch.compile(program, backend=sys.argv[1]):
    weight, x = torch.ones(3, requires_grad=True), torch.arange(3.0)
    run(weight, x).sum().backward()
    gradients.append(weight.grad)
right, got = gradients
assert torch.allclose(got, right), f"got {got}, eager gives {right}"
