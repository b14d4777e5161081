"""A program that catches the KeyError of a dict goes on as if the key were missing, after it was put in.

Scenario: containers/missing_entry_appears
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: ConstDictVariable.getitem_const_raise_exception_if_absent (torch/_dynamo/variables/dicts.py) raises with no guard
    that the key is missing, which `in` and `get` of a dict have; all methods of os.environ look up their variables so.
Upstream: none found
"""

import sys

import torch

table = {}


def program(x):
    try:
        return x + table["key"]
    except KeyError:
        return x - 1


compiled = torch.compile(program, backend=sys.argv[1])
x = torch.zeros(1)
compiled(x)
table["key"] = 1
got, right = compiled(x), program(x)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
