"""A nested_compile_region cannot be differentiated with the backend eager.

Scenario: entry_points/region_is_repeated
Kind: refused
Seen: torch 2.12.1, 2.13.0; eager
Root: before torch 2.14 such a region is an operator whose backward pass can only be traced
    (invoke_subgraph in torch/_higher_order_ops), which a backend that runs the captured graph as it is
    never does.
Upstream: none found
"""

import sys

import torch


@torch.compiler.nested_compile_region
def region(x):
    return x.sin()


compiled = torch.compile(lambda x: region(region(x)), backend=sys.argv[1])
x = torch.ones(3, requires_grad=True)
compiled(x).sum().backward()
