"""A compiled module that goes on to another reduction over its ranks goes on with the first one.

Scenario: process_groups/setting_of_a_sum_varies
Kind: wrong values
Seen: torch 2.12.1; eager, aot_eager, inductor
Root: VariableBuilder (torch/_dynamo/variables/builder.py) guards ReduceOp.SUM and its like, which are
    members of an enum made by pybind11, by their type alone. Fixed in 2.13.0, where they are guarded by
    identity.
Upstream: none found
"""

import sys

import torch
import torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore


class Total(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.reduction = dist.ReduceOp.SUM

    def forward(self, x):
        y = x * 2
        dist.all_reduce(y, self.reduction)
        return y


compiled = []


def backend(graph, inputs):
    compiled.append(graph)
    return torch._dynamo.lookup_backend(sys.argv[1])(graph, inputs)


# A world of two ranks that exchanges nothing: what would be reduced, and how, is in the graphs.
dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
module = Total()
program = torch.compile(module, backend=backend)
program(torch.ones(2))
module.reduction = dist.ReduceOp.MAX
program(torch.ones(2))
dist.destroy_process_group()
assert "max" in compiled[-1].code, "the maximum is the sum of the first call"
