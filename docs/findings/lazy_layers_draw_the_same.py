"""Lazy layers that are compiled one after the other are initialised with the same weights.

Scenario: module_parameters/lazy_layers_are_initialised
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: Dynamo initialises a lazy layer while it traces (initialize_lazy_module in
    torch/_dynamo/variables/nn_module.py), and sets the random state back when it has traced.
Upstream: none found
"""

import sys

import torch

layers = [torch.nn.Sequential(torch.nn.LazyLinear(3)) for _ in range(2)]
for layer in layers:
    torch.compile(layer, backend=sys.argv[1])(torch.ones(2, 4))
first, second = (layer[0].weight for layer in layers)
assert not torch.equal(first, second), f"both layers have the weights {first.tolist()}"
