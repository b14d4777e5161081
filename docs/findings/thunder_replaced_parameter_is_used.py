"""Thunder: a module whose parameter was replaced computes with the old one, which gets the gradient.

Scenario: module_parameters/parameter_is_replaced, mutation/buffers_are_written
Kind: wrong values
Seen: torch 2.12.1; thunder-jit
Root: thunder.jit keeps the parameters, buffers and parts that a module has when it is compiled
    (ThunderModule.__init__ in thunder/core/module.py, of Thunder 0.2.6). The documentation says that the
    structure of a module is captured at compilation time; nothing warns.
Upstream: none found
"""

import thunder
import torch

module = torch.nn.Linear(1, 1, bias=False)
compiled, x = thunder.jit(module), torch.ones(1)
compiled(x)
module.weight = torch.nn.Parameter(torch.full((1, 1), 7.0))
got = compiled(x).item()
assert got == 7, f"got {got}, eager gives 7.0"
