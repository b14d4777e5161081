"""Mutants that differentiate wrongly, though each value of a forward pass is right. Far side."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from mutants.base import Run, healthy, tensors, wrapped


class Flat(torch.autograd.Function):
    """What a program computes, with gradients that are constants to whoever differentiates them again."""

    @staticmethod
    def forward(ctx: Any, run: Run, *args: Any) -> Any:
        ctx.inside = [
            each.detach().requires_grad_(each.requires_grad) if isinstance(each, Tensor) else each
            for each in args
        ]
        with torch.enable_grad():
            ctx.outside = run(*ctx.inside)
        ctx.save_for_backward(*tensors(args))
        return tuple(each.detach() for each in ctx.outside)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        wanted = [each for each in ctx.inside if isinstance(each, Tensor) and each.requires_grad]
        found = iter(torch.autograd.grad(ctx.outside, wanted, [each.detach() for each in grads]))
        nothing = sum((each * 0).sum() for each in ctx.saved_tensors)
        return None, *(
            next(found) + nothing if any(each is one for one in wanted) else None
            for each in ctx.inside
        )


@wrapped
def gradients_are_constants(run: Run) -> Run:
    def flat(*args: Any) -> Any:
        if torch.is_grad_enabled() and any(each.requires_grad for each in tensors(args)):
            return Flat.apply(run, *args)  # type: ignore[no-untyped-call]
        return run(*args)

    return flat


def rules_are_doubled(module: GraphModule, inputs: Sequence[Any]) -> Run:
    """Doubles what the rules of torch.autograd.Function give."""
    for name, rule in module.named_children():
        if name.startswith("bwd_body") and isinstance(rule, GraphModule):
            _double(rule)
    return healthy()(module, inputs)


def _double(rule: GraphModule) -> None:
    end = rule.graph.output_node()

    def doubled(gradient: Node) -> Node:
        return rule.graph.call_function(operator.mul, (gradient, 2))

    with rule.graph.inserting_before(end):
        end.args = torch.fx.map_arg(end.args, doubled)
    rule.recompile()
