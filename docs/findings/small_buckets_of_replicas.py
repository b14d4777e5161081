"""A compiled DistributedDataParallel with a bucket_cap_mb below 1 cannot be compiled.

Scenario: distributed/replicas_train_alike
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: DDPOptimizer (torch/_dynamo/backends/distributed.py) compares the cap that was asked for with the
    first bucket, which is c10d's default of one MiB whatever was asked for, and asserts that the first is
    not greater.
Upstream: none found
"""

import sys
from pathlib import Path

import torch
import torch.distributed

torch.distributed.init_process_group(
    "gloo", init_method=f"file://{Path('store').resolve()}", rank=0, world_size=1
)
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 3), bucket_cap_mb=0.5)
torch.compile(model, backend=sys.argv[1])(torch.ones(2, 3)).sum().backward()
torch.distributed.destroy_process_group()
