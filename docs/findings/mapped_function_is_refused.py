"""A function that torch's map applies to the parts of a tensor cannot be compiled.

Scenario: control_flow/parts_are_mapped
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; inductor
Shows: InductorError
Root: Inductor makes of map a loop that reads its own index by `item` (decompose_map_to_while_loop in
    torch/_inductor/fx_passes/post_grad.py), which fake tensors refuse as long as the flag capture_scalar_outputs
    is not set.
Upstream: none found
"""

import sys

import torch
from torch._higher_order_ops import map as map_parts


@torch.compile(backend=sys.argv[1])
def program(x):
    return map_parts(lambda part: part * 2, x)


x = torch.ones(3, 2)
assert program(x).equal(x * 2)
