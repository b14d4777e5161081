"""The square of a fraction that varies cannot be traced where the fraction is negative.

Scenario: scalars/fractions_are_computed
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Shows: TorchRuntimeError
Root: SymFloat.__pow__ (torch/__init__.py) checks that the base is not negative, whatever the exponent,
    and the failed check is raised instead of a graph break.
Upstream: none found
"""

import sys

import torch

compiled = torch.compile(lambda x, number: x + number**2, backend=sys.argv[1])
for number in 1.5, -2.5, -3.5:
    compiled(torch.ones(1), number)
