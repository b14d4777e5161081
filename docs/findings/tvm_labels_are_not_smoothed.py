"""TVM: a cross-entropy loss ignores its label smoothing.

Kind: wrong values
Seen: torch 2.13.0; relax_dynamo
Root: _cross_entropy in tvm/relax/frontend/torch/fx_translator.py, of TVM 0.27, reads weight, reduction and
    ignore_index, and drops label_smoothing. It finds them only if all are given by name, as nn.CrossEntropyLoss gives
    them; layers/targets_are_classes_or_probabilities, which is about smoothing, calls the function otherwise, and is
    refused.
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend
from tvm.relax.frontend.torch import relax_dynamo

register_backend(relax_dynamo(), name="relax_dynamo")

torch.manual_seed(0)
x, target = torch.randn(5, 4), torch.tensor([0, 1, 3, 2, 3])
loss = torch.nn.CrossEntropyLoss(label_smoothing=0.5)
got, right = torch.compile(loss, backend=sys.argv[1])(x, target), loss(x, target)
assert torch.allclose(got, right), f"got {got}, eager gives {right}"
