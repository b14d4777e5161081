"""A deque with a maxlen is taken for one without: nothing is pushed out of it.

Scenario: side_effect_containers/container_is_changed
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: wrap_listlike in torch/_dynamo/variables/builder.py makes a DequeVariable without the maxlen of the
    deque that it is given. A deque of three that is appended to has three members, as the documentation
    of collections says.
Upstream: akin to https://github.com/pytorch/pytorch/issues/139279
"""

import sys
from collections import deque

import torch


def program(x, recent):
    recent.appendleft(5)
    return x + len(recent)


compiled = torch.compile(program, backend=sys.argv[1])
x, recent = torch.zeros(1), deque([1, 2, 3], maxlen=3)
got, right = compiled(x, recent).item(), 3
assert (got, list(recent)) == (right, [5, 1, 2]), f"{got} members while tracing, then {recent}"
