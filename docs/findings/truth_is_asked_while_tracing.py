"""__bool__ of a program's own object is called by the compiler as well.

Scenario: side_effect_methods/methods_run_as_often
Kind: lost effect
Seen: torch 2.12.1; eager, aot_eager, inductor
Root: before torch 2.13 Dynamo asks the real object for its truth while it traces.
Upstream: none found
"""

import sys

import torch


class Flag:
    def __init__(self):
        self.asked = []

    def __bool__(self):
        self.asked.append("truth")
        return True


def program(x, flag):
    return x + 1 if flag else x - 1


compiled = torch.compile(program, backend=sys.argv[1])
flag = Flag()
compiled(torch.zeros(1), flag)
assert len(flag.asked) == 1, f"asked {len(flag.asked)} times, eager asks once"
