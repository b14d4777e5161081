"""zentorch: a layer whose weights were updated computes with the old ones.

Scenario: modules/weights_are_updated
Kind: wrong values
Seen: torch 2.13.0; zentorch
Root: ZenDNN keeps what it made of the second matrix of a product, takes it for that of any later matrix
    at the same address, and does not see that the matrix was changed; with ZENDNNL_MATMUL_WEIGHT_CACHE=0
    the result is right (zentorch 2.13.0.2).
Upstream: none found
"""

import sys

import torch
import zentorch  # noqa: F401 - registers the backend

layer = torch.nn.Linear(4, 3)
compiled = torch.compile(layer, backend=sys.argv[1])
x = torch.ones(2, 4)
with torch.no_grad():
    for _ in range(2):
        got, right = compiled(x), layer(x)
        assert torch.allclose(got, right), f"got {got}, eager gives {right}"
        layer.weight.add_(1)
