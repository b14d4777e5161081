"""A picture that is averaged area by area cannot be compiled for sizes that vary.

Scenario: layers/pictures_are_resized
Kind: refused
Seen: torch 2.12.1, 2.13.0; inductor
Shows: InductorError
Root: the lowering of _adaptive_avg_pool2d (torch/_inductor/lowering.py) asks whether an area has more than 25 numbers,
    which nothing decides where the sizes are symbols; it neither guards that nor falls back. Fixed in 2.14.1.
Upstream: https://github.com/pytorch/pytorch/issues/185575
"""

import sys

import torch

compiled = torch.compile(torch.nn.functional.adaptive_avg_pool2d, backend=sys.argv[1], dynamic=True)
x = torch.ones(1, 1, 6, 6)
assert compiled(x, (3, 3)).eq(1).all()
