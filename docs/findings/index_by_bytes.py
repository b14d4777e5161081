"""An index of dtype uint8, which eager takes for a mask, is refused; one of int8 is taken for a mask.

Scenario: numerics/indices_of_every_dtype
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Shows: TorchRuntimeError
Root: meta_index_Tensor (torch/_meta_registrations.py), by which fake tensors are indexed, takes int8 for
    the bytes that are masks in eager; what it raises is not turned into a graph break.
Upstream: none found
"""

import sys

import torch

compiled = torch.compile(lambda x, mask: x[mask], backend=sys.argv[1])
compiled(torch.arange(3), torch.tensor([1, 0, 1], dtype=torch.uint8))
