"""A hook for all modules also runs for the graph, which is no module of the program.

Scenario: hooks/hooks_of_all_modules_run
Kind: lost effect
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; aot_eager
Root: boxed_nop (torch/_dynamo/backends/debugging.py) calls the `forward` of a graph module that is
    compiled lazily, and that calls the module (_lazy_forward in torch/fx/_lazy_graph_module.py), hooks
    included.
Upstream: none found
"""

import sys

import torch
from torch.nn.modules.module import register_module_forward_hook

strange = []


def notice(module, args, result):
    if type(module) is not torch.nn.ReLU:
        strange.append(type(module))


register_module_forward_hook(notice)
layer = torch.nn.ReLU()
compiled = torch.compile(lambda x: layer(x), backend=sys.argv[1])
compiled(torch.ones(1))
assert not strange, f"the hook also ran for {strange}"
