"""Mutants that look up, find or add up at the wrong places, or make nothing of how it is to be done. Far side."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, Node

from mutants.arithmetic import rewrites
from mutants.loops import freeze

aten = torch.ops.aten

#: Where the indices stand among the arguments of operations that have some.
_INDICES: dict[Any, tuple[int, ...]] = {
    aten.index.Tensor: (1,),
    aten.index_put.default: (1,),
    aten.index_select.default: (2,),
    aten.index_add.default: (2,),
    aten.gather.default: (2,),
    aten.scatter_add.default: (2,),
    aten.embedding.default: (1,),
    aten.embedding_dense_backward.default: (1,),
    aten._embedding_bag.default: (1, 2),
    aten._embedding_bag_forward_only.default: (1, 2),
    aten.nll_loss_forward.default: (1,),
    aten.nll_loss_backward.default: (2,),
}


def _point_to_the_first(graph: Graph, node: Node) -> None:
    freeze(graph, node, _INDICES.get(node.target, ()))


#: Indices are those of the first run, where there are as many.
indices_are_stale = rewrites(_point_to_the_first)


def _add_once(_: Graph, node: Node) -> None:
    if node.target is aten.index_put.default and len(node.args) > 3:
        node.args = node.args[:3]
    elif node.target is aten.scatter_add.default:
        node.target = aten.scatter.src
    elif node.target is aten.index_add.default:
        node.target = _copied


def _copied(value: Tensor, dim: int, index: Tensor, source: Tensor, **_: Any) -> Tensor:
    return value.index_copy(dim, index, source)


#: What is added at places takes the place of what is there.
additions_replace = rewrites(_add_once)


def _reverse_ties(_: Graph, node: Node) -> None:
    if node.target in (aten.sort.stable, aten.argmax.default, aten.argmin.default):
        node.target = _from_behind(node.target)


def _from_behind(operation: Any) -> Any:
    def found(value: Tensor, *args: Any, **kwargs: Any) -> Any:
        numbers = [each for each in args if type(each) is int]
        dim = kwargs.get("dim", numbers[0] if numbers else -1)
        last = value.size(dim) - 1
        places = operation(value.flip(dim), *args, **kwargs)
        if isinstance(places, Tensor):
            return last - places
        return places[0], last - places[1]

    return found


#: Of equal numbers the last comes first.
ties_are_reversed = rewrites(_reverse_ties)


def _ignore_nothing(_: Graph, node: Node) -> None:
    places: dict[Any, int] = {
        aten.nll_loss_forward.default: 4,
        aten.nll_loss_backward.default: 5,
    }
    if place := places.get(node.target):
        node.args = (*node.args[:place], -100, *node.args[place + 1 :])


#: Targets that a loss is to ignore count.
ignored_targets_count = rewrites(_ignore_nothing)


def _fill_up(_: Graph, node: Node) -> None:
    if node.target is aten.embedding_dense_backward.default:
        node.args = (*node.args[:3], -1, False)


#: What words are looked up for does not change what their gradients are.
words_are_all_alike = rewrites(_fill_up)


def _expect_two(graph: Graph, node: Node) -> None:
    if node.target is aten.mul.Tensor:
        node.args = torch.fx.map_arg(node.args, lambda each: _at_least_two(graph, node, each))


def _at_least_two(graph: Graph, user: Node, value: Node) -> Node:
    if not isinstance(value.meta.get("val"), torch.SymInt):
        return value
    with graph.inserting_before(user):
        return graph.call_function(max, (value, 2))


#: A size that a program computes with is at least two.
sizes_are_at_least_two = rewrites(_expect_two)
