"""Thunder: what a program appends to a list is a proxy, once, instead of a tensor in each call.

Scenario: graph_breaks/callee_is_interrupted, side_effect_containers/container_is_changed
Kind: lost effect
Seen: torch 2.12.1; thunder-jit
Root: writes into containers of Python happen while the program is traced, with the proxies of that trace, and
    are no part of it (process_recorded_modifications in thunder/core/jit_ext.py, of Thunder 0.2.6, knows
    attributes and the dicts of modules alone). The documentation asks for functions without side effects;
    nothing warns.
Upstream: none found
"""

import thunder
import torch


def program(x, kept):
    kept.append(x * 2)
    return x + 1


compiled, kept = thunder.jit(program), []
for _ in range(2):
    compiled(torch.ones(1), kept)
got, right = [type(each).__name__ for each in kept], ["Tensor", "Tensor"]
assert got == right, f"the list has {got}, eager gives {right}"
