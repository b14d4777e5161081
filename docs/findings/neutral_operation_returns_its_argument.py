"""x + 0 returns x itself: a write to the result changes the argument.

Scenario: aliasing/neutral_operation_makes_a_tensor
Kind: wrong values
Seen: torch 2.14.1, 2.15.0; inductor
Root: since torch 2.14, remove_no_ops (torch/_inductor/fx_passes/joint_graph.py) also replaces an
    operation with the number 0 or 1 by its operand, where before it took tensors of zeros or ones alone,
    and does not ask whether a result of the graph becomes its input by that.
Upstream: https://github.com/pytorch/pytorch/issues/197893
"""

import sys

import torch

compiled = torch.compile(lambda x: x + 0, backend=sys.argv[1])
x = torch.ones(3)
compiled(x).zero_()
assert torch.equal(x, torch.ones(3)), f"the argument, which is not written, is {x}"
