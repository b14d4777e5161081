"""A factorisation that fails in a backward pass does not raise.

Scenario: refusals/backward_pass_fails
Kind: error
Seen: torch 2.12.1; aot_eager, inductor
Shows: AssertionError
Root: the check of what a factorisation returns is an operator without a result (aten::_linalg_check_errors), which is
    left out of the graph of the backward pass as dead code. Since torch 2.13 it is registered as one that has an
    effect (torch/_higher_order_ops/effects.py).
Upstream: https://github.com/pytorch/pytorch/issues/182965
"""

import sys
from typing import Any

import torch
from torch import Tensor


class Ill(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return torch.linalg.cholesky(ctx.saved_tensors[0]) * gradients[0]


compiled = torch.compile(lambda x: Ill.apply(x).sum(), backend=sys.argv[1])
for scale in 1.0, -1.0:
    x = (torch.eye(2) * scale).requires_grad_()
    try:
        compiled(x).backward()
        raised = False
    except torch.linalg.LinAlgError:
        raised = True
    assert raised == (scale < 0), (
        f"the factorisation of {scale} times the identity raised: {raised}"
    )
