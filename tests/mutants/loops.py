"""Mutants that go wrong in loops over data and over parts, and in what a checkpoint keeps. Far side."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._dynamo.backends.common import aot_autograd
from torch._dynamo.backends.debugging import boxed_nop
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch.fx import Graph, GraphModule, Node
from torch.utils.checkpoint import CheckpointPolicy

from mutants.arithmetic import rewrites
from mutants.base import Run, Spoiled

operators = torch.ops.higher_order


def _count(_: Graph, node: Node) -> None:
    if node.target is operators.while_loop:
        node.target = _counted()


def _counted() -> Run:
    """A loop that runs as often as it has run first."""
    first: list[int] = []

    def loop(goes_on: Run, body: Run, carried: Any, captured: Any) -> Any:
        times, carried = 0, [_apart(each) for each in carried]
        while times < first[0] if first else bool(goes_on(*carried, *captured)):
            carried = body(*carried, *captured)
            times += 1
        first[:] = [times]
        return tuple(carried)

    return loop


def _apart(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


#: A loop on data runs as often as in the first run of its graph.
loops_are_counted_once = rewrites(_count)

#: Where the tensors stand that a loop, or a function of scores, captures.
_CAPTURED: dict[Any, tuple[int, ...]] = {
    operators.while_loop: (3,),
    operators.scan: (3,),
    operators.map_impl: (2,),
    operators.flex_attention: (7, 8),
}


def first_numbers() -> Callable[[Any], Any]:
    """A function that gives the numbers of the first tensor of each shape that it was given."""
    first: dict[object, Tensor] = {}

    def frozen(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        return first.setdefault((value.shape, value.dtype), value.clone())

    return frozen


def freeze(graph: Graph, node: Node, places: Sequence[int]) -> None:
    """Let some arguments of a node be what they have been in the first run."""

    def frozen(each: Node) -> Node:
        with graph.inserting_before(node):
            return graph.call_function(first_numbers(), (each,))

    args = list(node.args)
    for place in places:
        if place < len(args):
            args[place] = torch.fx.map_arg(args[place], frozen)
    node.args = tuple(args)


def _freeze_captured(graph: Graph, node: Node) -> None:
    freeze(graph, node, _CAPTURED.get(node.target, ()))


#: Tensors that a loop, or a function of scores, captures keep the numbers of the first run.
captured_tensors_are_frozen = rewrites(_freeze_captured)


def _start_anew(_: Graph, node: Node) -> None:
    if node.target is operators.scan:
        node.target = _without_state


def _without_state(combine: Run, start: Any, parts: Any, captured: Any) -> Any:
    steps = [combine(*start, *each, *captured) for each in zip(*parts, strict=True)]
    given = zip(*(each[len(start) :] for each in steps), strict=True)
    return [*steps[-1][: len(start)], *map(torch.stack, given)]


#: Each step of a scan starts from the first state.
scans_start_anew = rewrites(_start_anew)


def _repeat_the_first(_: Graph, node: Node) -> None:
    if node.target is operators.map_impl:
        node.target = _of_the_first_part


def _of_the_first_part(function: Run, parts: Any, captured: Any) -> Any:
    return operators.map_impl(function, [each[:1].expand_as(each) for each in parts], captured)


#: What is mapped over parts gives for each what it gives for the first.
parts_are_the_first = rewrites(_repeat_the_first)


class CombinesBackwards(Spoiled):
    """What combines parts gets the right one first."""

    def spoil(self) -> None:
        module = importlib.import_module("torch._higher_order_ops.associative_scan")
        original = module.generic_associative_scan

        def scan(operator: Run, leaves: Any, *more: Any, **kwargs: Any) -> Any:
            number = len(leaves)

            def swapped(*both: Any) -> Any:
                return operator(*both[number:], *both[:number])

            return original(swapped, leaves, *more, **kwargs)

        self.patch(module, "generic_associative_scan", scan)


def _keep_everything(joint: GraphModule, *args: Any, **kwargs: Any) -> Any:
    for node in joint.graph.nodes:
        if "recompute" in node.meta:
            node.meta["recompute"] = CheckpointPolicy.MUST_SAVE
    return min_cut_rematerialization_partition(joint, *args, **kwargs)


#: Whatever a policy says, all that a checkpoint computes is kept.
checkpoints_keep_everything = aot_autograd(
    fw_compiler=boxed_nop,
    bw_compiler=boxed_nop,
    partition_fn=_keep_everything,
    keep_inference_input_mutations=True,
)
