"""What is joined of tensors that lie by channels is laid out by rows.

Scenario: results/results_are_laid_out_as_in_eager
Kind: wrong kind
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; inductor
Root: ConcatKernel in torch/_inductor/ir.py; torch._inductor.config.keep_output_stride, which is true,
    promises eager's strides.
Upstream: akin to https://github.com/pytorch/pytorch/issues/183771
"""

import sys

import torch

compiled = torch.compile(lambda x: torch.cat([x, x], dim=1), backend=sys.argv[1])
x = torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last)
got, right = compiled(x).stride(), torch.cat([x, x], dim=1).stride()
assert got == right, f"got strides {got}, eager gives {right}"
