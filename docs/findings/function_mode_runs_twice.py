"""A TorchFunctionMode that is entered around a call is applied twice to each operation.

Scenario: ambient_state/function_mode_is_obeyed
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager
Root: Dynamo traces what the mode does into the graph, and then runs the graph with the mode still
    entered: the backend eager calls functions of torch there, which the mode overrides once more. (1 + 1)
    times 10 is 20.
Upstream: https://github.com/pytorch/pytorch/pull/196056
"""

import sys

import torch
from torch.overrides import TorchFunctionMode


class Tenfold(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        return result * 10 if function is torch.add else result


def program(x):
    return torch.add(x, 1)


compiled = torch.compile(program, backend=sys.argv[1])
x = torch.ones(1)
with Tenfold():
    got, right = compiled(x), program(x)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
