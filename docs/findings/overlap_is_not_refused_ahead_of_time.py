"""What was compiled ahead of time for two tensors takes two views of one tensor, of which it writes one,
and computes with what the other was before.

Scenario: ahead_of_time_memory/overlapping_views_are_right_or_refused
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; aot_eager, inductor
Root: AOTAutograd compiles for inputs that share no memory if the examples share none, and adds a guard
    on overlap only among inputs of one storage (merge_view_inputs); Dynamo's own guard refuses one
    tensor for two, not two views of one.
Upstream: https://github.com/pytorch/pytorch/issues/139789 (the same under torch.compile)
"""

import sys

import torch


def program(x, y):
    x.add_(1)
    return x * 2 - y


compiler = torch.compile(program, backend=sys.argv[1], fullgraph=True)
compiled = compiler.aot_compile(((torch.ones(3), torch.ones(3)), {}))
base, other = torch.ones(4), torch.ones(4)
got, right = compiled(base[:3], base[1:]), program(other[:3], other[1:])
assert torch.equal(got, right), f"got {got}, eager gives {right}"
