"""A loss whose classes are bytes, which eager takes, is refused.

Scenario: layers/classes_are_of_another_dtype
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Shows: TorchRuntimeError
Root: _nll_loss_forward (torch/_decomp/decompositions.py), by which fake tensors compute the loss, gathers the
    scores by the classes, and gather takes no bytes for indices; the kernel of eager does.
Upstream: none found
"""

import sys

import torch

compiled = torch.compile(torch.nn.functional.cross_entropy, backend=sys.argv[1])
scores, classes = torch.rand(3, 2), torch.tensor([0, 1, 1], dtype=torch.uint8)
assert torch.nn.functional.cross_entropy(scores, classes).equal(compiled(scores, classes))
