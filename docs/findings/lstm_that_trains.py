"""An LSTM that trains on the CPU is refused where the flag lets it be compiled.

Scenario: layers/layer_remembers
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; aot_eager, inductor
Root: the last result of mkldnn_rnn_layer is a tensor for fake tensors (torch/_meta_registrations.py), None else;
    AOTAutograd saves it for the backward pass, and finds that it is none (_AutogradSavedState in
    torch/_functorch/_aot_autograd/runtime_wrappers.py); the code of Inductor looks at its sizes before.
Upstream: none found
"""

import sys

import torch

layer = torch.nn.LSTM(3, 2)
with torch._dynamo.config.patch(allow_rnn=True):
    torch.compile(layer, backend=sys.argv[1])(torch.ones(4, 1, 3))[0].sum().backward()
assert layer.weight_ih_l0.grad is not None
