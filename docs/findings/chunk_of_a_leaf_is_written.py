"""A chunk of a leaf that needs gradients may be written in place, which changes the leaf; eager raises.

Scenario: output_aliasing/views_of_a_leaf_are_protected
Kind: error
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; inductor
Root: AOTAutograd does not make a view of several results anew from its argument, because such a view
    refuses writes by itself (torch/_functorch/_aot_autograd/collect_metadata_analysis.py); what Inductor
    gives is memory that autograd does not know as a view, and takes them.
Upstream: akin to https://github.com/pytorch/pytorch/issues/194037
"""

import contextlib
import sys

import torch

compiled = torch.compile(lambda x: x.chunk(2)[1], backend=sys.argv[1])
x = torch.ones(4, requires_grad=True)
with contextlib.suppress(RuntimeError):
    compiled(x).mul_(2)
assert torch.equal(x, torch.ones(4)), f"the leaf is {x}"
