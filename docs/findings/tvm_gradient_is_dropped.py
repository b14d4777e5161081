"""TVM: a compiled part has no gradient, and the rest of the sum is differentiated without it.

Scenario: gradients/gradients_accumulate
Kind: wrong gradients
Seen: torch 2.13.0; relax_dynamo
Root: exec_tvm in relax_dynamo (tvm/relax/frontend/torch/dynamo.py, of TVM 0.27) detaches what requires a gradient, and
    its results require none: there is no backward pass, and nothing says so. The derivative of w w + w is 2 w + 1.
Upstream: none found
"""

import sys

import torch
from torch._dynamo import register_backend
from tvm.relax.frontend.torch import relax_dynamo

register_backend(relax_dynamo(), name="relax_dynamo")

square = torch.compile(lambda w: w * w, backend=sys.argv[1])
w = torch.tensor([3.0], requires_grad=True)
(square(w) + w).sum().backward()
assert w.grad.item() == 7, f"got {w.grad}, the derivative is 7"
