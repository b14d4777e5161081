"""A module that takes the place of another in sys.modules is not seen by a program that imports it.

Scenario: bindings/imported_module_is_replaced
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: IMPORT_NAME in torch/_dynamo/symbolic_convert.py imports once, when it traces, and import_source
    keeps the module under a global name of its own that every guard starts from; that sys.modules still
    has this module is not guarded.
Upstream: none found
"""

import sys
import types

import torch


def provide(step):
    sys.modules["steps"] = types.ModuleType("steps")
    sys.modules["steps"].step = step


def program(x):
    from steps import step  # noqa: PLC0415 - the point

    return step(x)


compiled = torch.compile(program, backend=sys.argv[1])
x = torch.zeros(1)
provide(lambda x: x + 1)
compiled(x)
provide(lambda x: x - 1)
got, right = compiled(x), program(x)
assert torch.equal(got, right), f"got {got}, eager gives {right}"
