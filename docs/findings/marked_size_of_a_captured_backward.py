"""A size that is marked as dynamic for the forward pass is a conflict for compiled autograd.

Scenario: backward_sizes/marked_sizes_are_no_conflict
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager
Shows: ConstraintViolationError
Root: a graph that is run as it was captured saves the marked argument itself for the backward pass, where
    AOTAutograd would save a tensor without the mark: the capture, whose sizes are static at first, finds
    the mark on its input.
Upstream: none found
"""

import sys

import torch
import torch._dynamo
import torch._dynamo.compiled_autograd

forward = torch.compile(lambda x: x.sin().sin(), backend=sys.argv[1])
compiler = torch.compile(backend=sys.argv[1])
for rows in 2, 4:
    x = torch.ones(rows, 3, requires_grad=True)
    torch._dynamo.mark_dynamic(x, 0)
    loss = forward(x).sum()
    with torch._dynamo.compiled_autograd._enable(compiler):
        loss.backward()
