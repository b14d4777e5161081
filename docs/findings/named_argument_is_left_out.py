"""A call without a tensor that an earlier call gave by name raises KeyError.

Scenario: compiled_modules/argument_by_name_is_left_out
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1; eager, aot_eager, inductor
Shows: KeyError
Root: recompilation_reason_for_no_tensor_aliasing_guard (torch/_dynamo/guards.py), which is to say which tensors are the
    same now, looks up all tensors of the earlier call, also such as there are none of now. Fixed in 2.15.0.
Upstream: none found
"""

import sys

import torch


@torch.compile(backend=sys.argv[1])
def total(*args, **kwargs):
    return sum(args) + sum(kwargs.values())


x, y = torch.ones(2), torch.ones(2)
total(x, y, z=torch.ones(2))
total(x, x)
