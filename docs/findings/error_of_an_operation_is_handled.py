"""A program cannot catch the error of an operation that fails with the shapes it is given.

Scenario: errors/error_of_torch_is_handled
Kind: error
Seen: torch 2.12.1, 2.13.0; eager, aot_eager, inductor
Shows: TorchRuntimeError
Root: before torch 2.14 such an operation ends the compilation with an error of its own (get_fake_value in
    torch/_dynamo/utils.py), without asking whether the program is in a try statement that would catch
    what eager raises.
Upstream: none found
"""

import sys

import torch


def program(x, y):
    try:
        return x + y
    except RuntimeError:
        return x


compiled = torch.compile(program, backend=sys.argv[1])
compiled(torch.zeros(2), torch.zeros(3))
