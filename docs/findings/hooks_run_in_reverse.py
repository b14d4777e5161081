"""Two hooks on a value run in reverse: the one that was registered last first.

Scenario: hooks/hook_on_an_intermediate_runs
Kind: wrong gradients
Seen: torch 2.12.1; eager, aot_eager, inductor
Root: Dynamo wraps a value in an autograd function for each hook that a program puts on it, the later
    around the earlier (_method_register_hook in torch/_dynamo/variables/tensor.py). The gradient 1 plus
    1, times 10, is 20.
Upstream: none found
"""

import sys

import torch


def program(x):
    y = x * 1
    y.register_hook(lambda gradient: gradient + 1)
    y.register_hook(lambda gradient: gradient * 10)
    return y.sum()


compiled = torch.compile(program, backend=sys.argv[1])
x = torch.ones(3, requires_grad=True)
compiled(x).backward()
assert torch.equal(x.grad, torch.full((3,), 20.0)), f"got {x.grad}, eager gives 20"
