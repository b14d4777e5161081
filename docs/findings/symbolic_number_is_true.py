"""A number that varies cannot be compared with True: the program does not compile any more.

Scenario: constants/number_is_compared_with_true
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1; eager, aot_eager, inductor
Shows: InternalTorchDynamoError
Root: the comparison of a symbolic integer with True reaches sympy, which allows no BooleanAtom there;
    fixed in 2.15.0.
Upstream: akin to https://github.com/pytorch/pytorch/issues/160726
"""

import sys

import torch

compiled = torch.compile(lambda x, n: x + 1 if n == True else x - 1, backend=sys.argv[1])
for n in 7, 3, 1:
    compiled(torch.zeros(1), n)
