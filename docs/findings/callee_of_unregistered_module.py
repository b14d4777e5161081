"""A function cannot be called whose module is not in sys.modules.

Kind: refused
Seen: torch 2.12.1, 2.13.0; eager, aot_eager, inductor
Shows: ModuleNotFoundError
Root: Dynamo imports the module that the function's globals name to read a global of it. Fixed in 2.14.
Upstream: none found
"""

import sys
import types

import torch

space = {"__name__": "nowhere", "__builtins__": __builtins__, "step": 1}
callee = types.FunctionType((lambda x: x + step).__code__, space)  # noqa: F821 - there
compiled = torch.compile(lambda x: callee(x), backend=sys.argv[1])
compiled(torch.zeros(1))
