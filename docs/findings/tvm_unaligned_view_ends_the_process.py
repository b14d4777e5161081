"""TVM: a view that begins at an odd place of its memory ends the process.

Scenario: tensor_properties/offset_is_asked
Kind: lifetime
Seen: torch 2.13.0; relax_dynamo
Root: kernels load vectors as if every tensor began at an aligned address, and exec_tvm in relax_dynamo
    (tvm/relax/frontend/torch/dynamo.py, of TVM 0.27) passes a contiguous view as it is, wherever it begins:
    a segmentation fault, here in a process of its own.
Upstream: https://github.com/apache/tvm/pull/14771
"""

import os
import sys

import torch
from torch._dynamo import register_backend
from tvm.relax.frontend.torch import relax_dynamo

register_backend(relax_dynamo(), name="relax_dynamo")

compiled = torch.compile(lambda x: x * 2, backend=sys.argv[1])
compiled(torch.ones(8))
child = os.fork()
if child == 0:
    compiled(torch.ones(16)[1:9])
    os._exit(0)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert status == 0, f"the process ended with status {status}"
