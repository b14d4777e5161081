"""A dict that a program puts into a list which the dict holds is there as a copy, without its other
keys.

Scenario: side_effect_containers/containers_hold_each_other
Kind: lost effect
Seen: torch 2.12.1, 2.13.0, 2.14.1; eager, aot_eager, inductor
Root: a dict that is modified is rebuilt under a name of its own while the list that holds it is made, and
    the list is given that copy instead of the dict of the caller (codegen_update_mutated in
    torch/_dynamo/side_effects.py). Fixed in 2.15.0.
Upstream: none found
"""

import sys

import torch


def program(x, table):
    inner = [1]
    table["inner"] = inner
    inner.append(table)
    return x + 1


compiled = torch.compile(program, backend=sys.argv[1])
table = {"other": 2}
compiled(torch.zeros(1), table)
held = table["inner"][1]
assert held is table, f"the list holds a dict of {list(held)}, and not the dict of {list(table)}"
