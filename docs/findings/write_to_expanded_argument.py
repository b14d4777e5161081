"""A write to an expanded argument, which eager refuses with a RuntimeError, is a failure of the backend.

Scenario: mutation_limits/expanded_argument_is_not_written
Kind: error
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; aot_eager, inductor
Shows: BackendCompilerFailed
Root: AOTAutograd traces the write with a fake tensor of the same strides, which refuses it as eager does,
    but at compile time, and torch.compile wraps what a backend raises.
Upstream: none found
"""

import sys

import torch

compiled = torch.compile(lambda x: x.add_(1), backend=sys.argv[1])
try:
    compiled(torch.zeros(1).expand(3))
except RuntimeError as error:
    if type(error) is not RuntimeError:  # which is what eager raises
        raise
