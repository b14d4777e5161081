"""Mutants that go wrong where programs train: in what optimisers write, and in hooks. Far side."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import nn
from torch.fx import GraphModule
from torch.utils.hooks import RemovableHandle

from mutants.base import Spoiled, rewritten


def _lose_writes(graph: GraphModule, _: int) -> None:
    for node in list(graph.graph.nodes):
        if node.target is torch.ops.aten.copy_.default:
            node.replace_all_uses_with(node.args[1])
            graph.graph.erase_node(node)
    graph.recompile()


#: Forgets to write back what a program has written into its inputs, and into the tensors that it holds.
writes_are_lost = rewritten(_lose_writes)


class LosesModuleHooks(Spoiled):
    """Forward hooks of modules are not called."""

    def spoil(self) -> None:
        def register(*_: Any, **__: Any) -> RemovableHandle:
            return RemovableHandle(OrderedDict())

        for name in "register_forward_hook", "register_forward_pre_hook":
            self.patch(nn.Module, name, register)
