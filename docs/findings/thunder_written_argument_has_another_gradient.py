"""Thunder: a write into an argument that was computed from a leaf is unknown to autograd.

Scenario: gradients/non_leaf_is_written
Kind: wrong gradients
Seen: torch 2.12.1; thunder-jit
Root: the computation runs under no_grad (thunder/core/trace.py, of Thunder 0.2.6), and what it writes in place
    is not given to autograd as written: the gradient is that of a program without the write. The derivative
    of 3 * (2 * x) + 3 * (2 * x) is 12. Writing a view of the argument is refused.
Upstream: none found
"""

import thunder
import torch


def program(y):
    y.mul_(3)
    return y.sum()


x = torch.ones(1, requires_grad=True)
y = x * 2
(thunder.jit(program)(y) + y.sum()).backward()
assert x.grad.item() == 12, f"got {x.grad.item()}, the derivative is 12"
