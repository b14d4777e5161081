"""A division of numbers by zero raises a RuntimeError, which a program's `except ZeroDivisionError` does
not catch.

Scenario: refusals/division_by_zero
Kind: error
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Shows: TorchRuntimeError
Root: the call in which the number becomes a symbol computes with its value, 0, while it is traced, and
    what that raises is taken for the error of an operation on tensors (get_fake_value in
    torch/_dynamo/utils.py).
Upstream: none found
"""

import contextlib
import sys

import torch

compiled = torch.compile(lambda x, n: x * (12 // n), backend=sys.argv[1])
x = torch.ones(1)
compiled(x, 1)
with contextlib.suppress(ZeroDivisionError):
    compiled(x, 0)
