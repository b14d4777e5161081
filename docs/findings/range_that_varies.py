"""A range that is passed cannot be used any more once its ends have varied.

Scenario: constants/constant_is_passed
Kind: refused
Seen: torch 2.12.1, 2.13.0; eager, aot_eager, inductor
Shows: InternalTorchDynamoError
Root: its ends become symbolic, and RangeVariable (torch/_dynamo/variables/lists.py) takes them for
    constants. Fixed in 2.14.
Upstream: none found
"""

import sys

import torch

compiled = torch.compile(lambda x, steps: x + len(steps), backend=sys.argv[1])
for stop in 5, 7, 9:
    compiled(torch.zeros(1), range(stop))
