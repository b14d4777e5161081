"""The backward pass of a program that writes a tensor which was computed, by a leaf, raises that it was
modified.

Scenario: gradients/non_leaf_is_written
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1; aot_eager, inductor
Shows: RuntimeError
Root: AOTAutograd keeps the argument for the backward pass and writes it after the forward graph has run,
    so that autograd finds it written. Fixed in 2.15.0.
Upstream: https://github.com/pytorch/pytorch/issues/185497
"""

import sys

import torch


def program(y, z):
    y.mul_(z)
    return y.sum()


compiled = torch.compile(program, backend=sys.argv[1])
x, z = torch.ones(3, requires_grad=True), torch.full((3,), 2.0, requires_grad=True)
compiled(x * 3, z).backward()
assert torch.equal(z.grad, torch.full((3,), 3.0)), f"got {z.grad}, the factor is 3"
