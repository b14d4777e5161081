"""Thunder: attention of a row that is fully masked is NaN once a gradient is asked for.

Scenario: attention/nothing_may_be_seen, attention/mask_is_of_another_kind
Kind: wrong values
Seen: torch 2.12.1; thunder-jit
Root: where it is differentiated, attention is taken apart into products and a plain softmax
    (scaled_dot_product_attention in thunder/torch/__init__.py, of Thunder 0.2.6), which is NaN for a row of
    -inf alone; torch gives zeros, and so does Thunder where nothing needs a gradient.
Upstream: none found
"""

import thunder
import torch
from torch.nn.functional import scaled_dot_product_attention

x = torch.ones(1, 1, 2, 2, requires_grad=True)
mask = torch.tensor([[False, False], [True, True]])
got = thunder.jit(scaled_dot_product_attention)(x, x, x, attn_mask=mask)
right = scaled_dot_product_attention(x, x, x, attn_mask=mask)
assert torch.equal(got, right), f"got {got.tolist()}, eager gives {right.tolist()}"
