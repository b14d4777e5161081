"""A scan whose carried state is what the backward pass needs, such as that of tanh, cannot be compiled.

Scenario: control_flow/state_is_carried_along
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; inductor
Shows: BackendCompilerFailed
Root: for gradients, a step of a scan gives what it saves beside what it carries (torch/_higher_order_ops/scan.py); with
    Inductor's decompositions and partitioner both are one tensor, and _check_alias_and_mutation
    (torch/_higher_order_ops/utils.py) refuses a step that gives one tensor twice.
Upstream: none found
"""

import sys

import torch
from torch._higher_order_ops import scan


def step(state, part):
    state = (state + part).tanh()
    return state, state * 2


start = torch.ones(2, requires_grad=True)
compiled = torch.compile(lambda start, x: scan(step, start, x), backend=sys.argv[1])
last, each = compiled(start, torch.ones(3, 2))
(last.sum() + each.sum()).backward()
assert start.grad is not None
