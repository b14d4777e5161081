"""Mutants whose random numbers do not follow from the seed, are too few, or come from elsewhere. Far side."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch._prims.rng_prims import run_with_rng_state
from torch.fx import GraphModule

from mutants.base import Around, Run, leave, rewritten, wrapped

aten = torch.ops.aten


@wrapped
def ignores_the_seed(run: Run) -> Run:
    def reseeded(*args: Any) -> Any:
        torch.seed()
        return run(*args)

    return reseeded


def merge_draws(graph: GraphModule, _: int) -> None:
    """Let draws of the same kind be one."""
    first: dict[str, Any] = {}
    for node in graph.graph.nodes:
        if node.target is aten.rand.default:
            node.replace_all_uses_with(first.setdefault(str(node.args), node))
    graph.recompile()


def drop_unused_draws(graph: GraphModule, _: int) -> None:
    """Drop each draw that nobody uses."""
    for node in graph.graph.nodes:
        if node.target is aten.rand.default and not node.users:
            graph.graph.erase_node(node)
    graph.recompile()


def draw_one_number(graph: GraphModule, _: int) -> None:
    """Let all numbers of a draw be one number."""
    for node in list(graph.graph.nodes):
        if node.target is aten.rand.default:
            size, *more = node.args
            node.args = ([1] * len(size), *more)
            with graph.graph.inserting_after(node):
                wide = graph.graph.call_function(aten.expand.default, (node, size))
            node.replace_all_uses_with(wide, delete_user_cb=lambda user, own=wide: user is not own)
    graph.recompile()


def invert_masks(graph: GraphModule, _: int) -> None:
    """Let gradients flow where something was dropped."""
    for node in list(graph.graph.find_nodes(op="placeholder")):
        value = node.meta.get("val")
        if isinstance(value, torch.Tensor) and value.dtype is torch.bool:
            with graph.graph.inserting_after(node):
                other = graph.graph.call_function(aten.logical_not.default, (node,))
            node.replace_all_uses_with(
                other, delete_user_cb=lambda user, own=other: user is not own
            )
    graph.recompile()


def draw_anew(graph: GraphModule, _: int) -> None:
    """Let what is computed again be drawn anew."""
    for node in list(graph.graph.nodes):
        if node.target is run_with_rng_state:
            _, node.target, *args = node.args
            node.args = tuple(args)
    graph.recompile()


merges_draws = rewritten(merge_draws)
drops_unused_draws = rewritten(drop_unused_draws)
draws_one_number = rewritten(draw_one_number)
inverts_masks = rewritten(leave, invert_masks)
draws_anew_in_checkpoints = rewritten(leave, draw_anew)


class LosesPythonDraws(Around):
    """Python's random module stays as it was before the call."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        before = random.getstate()
        try:
            return compiled(*args, **kwargs)
        finally:
            random.setstate(before)
