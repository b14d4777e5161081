"""A module that is compiled again is no module any more, and its hooks do not run.

Scenario: compiled_modules/compiled_twice
Kind: lost effect
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: innermost_fn (torch/_dynamo/eval_frame.py) unwraps what was compiled before; of a module that is its `forward`,
    a function, which has neither hooks nor state.
Upstream: none found
"""

import sys

import torch

layer = torch.nn.Linear(2, 2)
layer.register_forward_hook(lambda module, args, result: result * 0)
once = torch.compile(layer, backend=sys.argv[1])
twice = torch.compile(once, backend=sys.argv[1])
x = torch.ones(2)
assert not once(x).any()
assert not twice(x).any(), "the hook did not run"
