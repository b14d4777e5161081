"""A part that is registered on a compiled module does not reach the module.

Scenario: compiled_modules/part_is_registered_on_the_wrapper
Kind: lost effect
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: OptimizedModule (torch/_dynamo/eval_frame.py) passes on what is set and read, but inherits register_module,
    register_buffer and register_parameter, which write into the wrapper itself.
Upstream: none found
"""

import sys

import torch

layer = torch.nn.Sequential(torch.nn.Linear(2, 2))
compiled = torch.compile(layer, backend=sys.argv[1])
compiled.register_module("1", torch.nn.Threshold(1e9, 7.0))
got = compiled(torch.ones(2))
assert got.eq(7).all(), f"got {got.tolist()} without the part that was registered"
