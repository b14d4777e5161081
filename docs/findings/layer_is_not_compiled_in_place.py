"""A layer of torch, or a sequence of layers, that is compiled in place runs as it is, without a word.

Scenario: in_place/module_is_compiled_in_place
Kind: lost effect
Seen: torch 2.12.1, 2.13.0; eager, aot_eager, inductor
Root: Module.compile (torch/nn/modules/module.py) compiles `_call_impl`, a function of torch's own that Dynamo
    passes over, as it does the `forward` of torch's layers; only modules of a program's own have a frame that it
    compiles. Fixed in 2.14.1.
Upstream: none found
"""

import sys

import torch

backend, graphs = torch._dynamo.lookup_backend(sys.argv[1]), []


def compile_graph(graph, inputs):
    graphs.append(graph)
    return backend(graph, inputs)


layer = torch.nn.Sequential(torch.nn.Linear(2, 2))
layer.compile(backend=compile_graph)
layer(torch.ones(2))
assert graphs, "nothing was compiled"
