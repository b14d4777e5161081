"""A global that takes the place of a builtin is not seen: the old value is computed, and nothing says
so.

Scenario: bindings/builtin_is_shadowed
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: where the globals do not have a name, Dynamo takes the builtin and guards that alone (_load_global
    and load_builtin_from_argval in torch/_dynamo/symbolic_convert.py); that the globals must still not
    have the name is not guarded.
Upstream: none found
"""

import sys

import torch


def measure(x):
    return x + len("four")


compiled = torch.compile(measure, backend=sys.argv[1])
x = torch.zeros(1)
compiled(x)
len = lambda _: 100
got, right = compiled(x), measure(x)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
