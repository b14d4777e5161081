"""The compiled step of Adam computes in single precision, also for parameters in double precision.

Scenario: optimisers/dtypes_are_stepped_together
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Shows: AssertionError
Root: while it is compiled, torch/optim/adam.py does not take the number of steps, a tensor of float32, for a number of
    Python as in eager (_get_value): what follows from it, such as 1 - beta**step, has the precision of float32.
Upstream: none found
"""

import sys

import torch

start = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
mine, eagers = (start.clone().requires_grad_() for _ in range(2))
step = torch.optim.Adam([eagers], lr=0.1).step
compiled = torch.compile(torch.optim.Adam([mine], lr=0.1).step, backend=sys.argv[1])
for number in range(1, 4):
    for leaf in mine, eagers:
        leaf.grad = torch.tensor([0.5, 0.25, -1.0], dtype=torch.float64) * number
    compiled()
    step()
    apart = (mine - eagers).abs().max().item()
    assert apart < 1e-10, f"after step {number} the parameters are {apart} apart"
