"""A number that varies cannot be formatted in an f-string any more.

Scenario: python_numbers/number_is_itself
Kind: refused
Seen: torch 2.14.1, 2.15.0; eager, aot_eager, inductor
Shows: InternalTorchDynamoError
Root: since torch 2.14 a symbol in an f-string is made a text before its format is applied to it, which a
    text does not know; the error is an internal one, for which there is no fallback to eager.
Upstream: https://github.com/pytorch/pytorch/issues/197093
"""

import sys

import torch

compiled = torch.compile(lambda x, n: x + len(f"{n:+}"), backend=sys.argv[1])
for n in 5, 3, 4:
    compiled(torch.zeros(1), n)
