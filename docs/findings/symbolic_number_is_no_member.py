"""A number that varies is not found in a tuple that holds it.

Scenario: python_numbers/number_is_itself
Kind: wrong values
Seen: torch 2.12.1, 2.13.0; eager, aot_eager, inductor
Root: before torch 2.14 a constant is looked for among the constants of a list or tuple alone
    (iter_contains in torch/_dynamo/utils.py).
Upstream: https://github.com/pytorch/pytorch/issues/153366
"""

import sys

import torch


def program(x, n):
    return x + 1 if 2 in (n, 7) else x - 1


compiled = torch.compile(program, backend=sys.argv[1])
for n in 5, 3, 2:
    got, right = compiled(torch.zeros(1), n), program(torch.zeros(1), n)
    assert torch.equal(got, right), f"n = {n}: got {got}, eager gives {right}"
