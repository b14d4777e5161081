"""A function whose globals have no `__builtins__`, as those of types.FunctionType may, cannot be
compiled.

Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Shows: InternalTorchDynamoError
Root: Dynamo reads the key `__builtins__` of the globals; Python puts it there only where it executes code
    by exec and the like.
Upstream: none found
"""

import sys
import types

import torch

program = types.FunctionType((lambda x: x + len("four")).__code__, {})
compiled = torch.compile(program, backend=sys.argv[1])
compiled(torch.zeros(1))
