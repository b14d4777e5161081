"""A compiled program that asks a process group for its rank or size goes on with those of the group of
its first call.

Scenario: process_groups/rank_is_that_in_the_group
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: device_mesh.py registers ProcessGroup as an opaque reference type without a guard_fn, so that
    VariableBuilder (torch/_dynamo/variables/builder.py) guards it by its type alone; but
    handle_constant_processgroup_functions (torch/_dynamo/variables/torch.py) and the members that are
    registered with USE_REAL (size, rank, group_name) are asked while tracing, and are constants.
Upstream: none found
"""

import sys

import torch
import torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore


def ranks_of(x, group):
    return x + dist.get_rank(group)


# A world of two ranks, of which this is the second; the first is not needed.
dist.init_process_group("fake", store=FakeStore(), rank=1, world_size=2)
own, world = dist.new_group([1]), dist.group.WORLD
program = torch.compile(ranks_of, backend=sys.argv[1])
got = [program(torch.zeros(()), group).item() for group in (world, own)]
dist.destroy_process_group()
assert got == [1, 0], f"got {got}, eager [1, 0]"
