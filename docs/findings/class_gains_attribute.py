"""An attribute that an object's class gains, and which came from its base before, is not seen.

Scenario: objects/attribute_is_shadowed
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1; eager, aot_eager, inductor
Root: get_source_by_walking_mro (torch/_dynamo/variables/user_defined.py) guards that no class before the
    one that has the attribute gains it, but counts these from 1: the object's own class, at 0, may gain
    it unseen. Fixed in 2.15.0.
Upstream: none found
"""

import sys

import torch


class Base:
    step = 1


class Derived(Base):
    pass


def program(x, each):
    return x + each.step


compiled = torch.compile(program, backend=sys.argv[1])
x, each = torch.zeros(1), Derived()
compiled(x, each)
Derived.step = 10
got, right = compiled(x, each), program(x, each)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
