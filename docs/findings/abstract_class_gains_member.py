"""That a class was registered with an abstract class is not seen by isinstance.

Scenario: identities/type_is_registered
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: isinstance is evaluated when Dynamo traces (call_isinstance in torch/_dynamo/variables/builtin.py)
    and guarded by the types of its arguments; the registry of an abstract class, which the answer depends
    on as well, has no guard.
Upstream: none found
"""

import abc
import sys

import torch


class Kind(abc.ABC):
    pass


class Plain:
    pass


def program(x, each):
    return x + 1 if isinstance(each, Kind) else x - 1


compiled = torch.compile(program, backend=sys.argv[1])
x, each = torch.zeros(1), Plain()
compiled(x, each)
Kind.register(Plain)
got, right = compiled(x, each), program(x, each)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
