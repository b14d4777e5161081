"""sorted(..., reverse=n > 2) cannot be compiled once n has varied.

Scenario: python_numbers/number_is_itself
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Shows: InternalTorchDynamoError
Root: sorted and list.sort take `reverse` for a constant (call_method of ListVariable in
    torch/_dynamo/variables/lists.py); the error is an internal one, for which there is no fallback to
    eager.
Upstream: none found
"""

import sys

import torch

compiled = torch.compile(lambda x, n: x + sorted([1, 2], reverse=n > 2)[0], backend=sys.argv[1])
for n in 5, 3, 4:
    compiled(torch.zeros(1), n)
