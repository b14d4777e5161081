"""torch._dynamo.config.enable_compiler_collectives crashes on the CPU.

Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Shows: InternalTorchDynamoError
Root: OutputGraph.run_compiler_collective (torch/_dynamo/output_graph.py) joins torch.device objects as if
    they were texts.
Upstream: none found
"""

import sys
from pathlib import Path

import torch
import torch._dynamo
import torch.distributed

torch._dynamo.config.enable_compiler_collectives = True
torch.distributed.init_process_group(
    "gloo", init_method=f"file://{Path('store').resolve()}", rank=0, world_size=1
)
torch.compile(lambda x: x + 1, backend=sys.argv[1])(torch.ones(3))
torch.distributed.destroy_process_group()
