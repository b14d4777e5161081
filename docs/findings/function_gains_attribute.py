"""An attribute that a function has gained is not seen by getattr with a default.

Scenario: side_effects/function_is_written
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: whether a function has an attribute is answered while tracing and not guarded (call_obj_hasattr of
    UserFunctionVariable in torch/_dynamo/variables/functions.py).
Upstream: none found
"""

import sys

import torch


def counter():
    pass


def program(x):
    counter.calls = getattr(counter, "calls", 0) + 1
    return x + counter.calls


compiled = torch.compile(program, backend=sys.argv[1])
got = [compiled(torch.zeros(1)).item() for _ in range(3)]
assert got == [1, 2, 3], f"got {got}, eager counts 1, 2, 3"
