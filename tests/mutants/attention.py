"""Mutants whose attention sees more, or less, than it is to see. Far side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.nn.functional import multi_head_attention_forward, scaled_dot_product_attention

from mutants.arithmetic import rewrites
from mutants.base import Backend, Run, healthy

aten = torch.ops.aten


def captured(change: Callable[[Node], None]) -> Backend:
    """The healthy backend, with each operation of the captured graph changed before that is differentiated."""

    def compile_graph(module: GraphModule, inputs: Sequence[Any]) -> Run:
        for node in list(module.graph.nodes):
            if node.op == "call_function":
                change(node)
        module.recompile()
        return healthy()(module, inputs)

    return compile_graph


def _set(node: Node, place: int, name: str, value: Any) -> None:
    """Give a node another argument, if it is given it at all."""
    if len(node.args) > place:
        node.args = (*node.args[:place], value, *node.args[place + 1 :])
    elif name in node.kwargs:
        node.kwargs = {**node.kwargs, name: value}


def _unmask(node: Node) -> None:
    if node.target is scaled_dot_product_attention:
        _set(node, 3, "attn_mask", None)
    elif node.target is multi_head_attention_forward:
        node.kwargs = {**node.kwargs, "attn_mask": None, "key_padding_mask": None}


#: Attention sees what its mask hides.
masks_are_ignored = captured(_unmask)


def _look_ahead(node: Node) -> None:
    if node.target is scaled_dot_product_attention:
        _set(node, 5, "is_causal", value=False)


#: Words see those that come later, also where they are not to.
nothing_is_causal = captured(_look_ahead)


def _unscale(node: Node) -> None:
    if node.target is scaled_dot_product_attention:
        _set(node, 6, "scale", None)


#: Attention has the usual scale, whatever is asked for.
scales_are_usual = captured(_unscale)


def _divide_by_nothing(node: Node) -> None:
    if node.target is scaled_dot_product_attention:
        node.target = _with_empty_rows


def _with_empty_rows(*args: Any, **kwargs: Any) -> Any:
    result = scaled_dot_product_attention(*args, **kwargs)
    mask = kwargs.get("attn_mask", args[3] if len(args) > 3 else None)
    if mask is None:
        return result
    hidden = ~mask if mask.dtype is torch.bool else mask == -float("inf")
    return result.masked_fill(hidden.all(-1, keepdim=True), float("nan"))


#: A row that may see nothing is no number.
empty_rows_are_nan = captured(_divide_by_nothing)


def _cut(_: torch.fx.Graph, node: Node) -> None:
    if node.target is aten._jagged_to_padded_dense_forward.default:
        node.target = _as_short_as_the_shortest


def _as_short_as_the_shortest(values: Tensor, offsets: list[Tensor], *more: Any) -> Tensor:
    padded: Tensor = aten._jagged_to_padded_dense_forward.default(values, offsets, *more)
    padded[:, int(offsets[0].diff().min()) :] = 0
    return padded


#: Rows of several lengths are as long as the shortest.
rows_are_cut = rewrites(_cut)
