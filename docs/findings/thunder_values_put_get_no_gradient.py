"""Thunder: what index_put puts into a tensor gets no gradient.

Scenario: selections/additions_have_gradients
Kind: wrong gradients
Seen: torch 2.12.1; thunder-jit
Root: the gradients that a rule gives are matched with the arguments by their places (joint_forward_backward in
    thunder/transforms/autodiff.py, of Thunder 0.2.6), and the rule of index_put gives none for the indices
    (index_put_backward in thunder/core/transforms.py): that of the values goes to the indices, and is lost.
Upstream: none found
"""

import thunder
import torch


def program(x, index, values):
    return (x * 2).index_put((index,), values).sum()


x, values = (torch.ones(3, requires_grad=True) for _ in range(2))
thunder.jit(program)(x, torch.arange(3), values).backward()
got, right = values.grad, [1, 1, 1]
assert got is None or got.tolist() == right, f"got {got}, eager gives {right}"
assert got is not None, f"got no gradient, eager gives {right}"
