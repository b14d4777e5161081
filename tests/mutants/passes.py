"""Mutants that go wrong between passes, and between the pieces of a program that are differentiated. Far side."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._dynamo import compiled_autograd
from torch._dynamo.backends.common import aot_autograd
from torch._dynamo.backends.debugging import boxed_nop
from torch._dynamo.compiled_autograd import AutogradCompilerInstance
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch.fx import GraphModule

from mutants.base import Around, Run, Spoiled, leave, outputs_of, rewritten, tensors, wrapped


@wrapped
def pieces_are_cut_off(run: Run) -> Run:
    """What comes from another computation is a constant to gradients."""

    def cut(*args: Any) -> Any:
        return run(*(each.detach() if _is_computed(each) else each for each in args))

    return cut


def _is_computed(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad and not value.is_leaf


def _compile_stale(graph: GraphModule, inputs: list[Tensor]) -> Run:
    """Compile a backward graph that gives the gradients of its first run, where they fit."""
    run = boxed_nop(graph, inputs)
    first: list[Any] = []

    def stale(args: list[Any]) -> Any:
        now = run(args)
        if not first:
            first.extend(each.clone() if isinstance(each, Tensor) else each for each in now)
        return [_earlier(each, then) for each, then in zip(now, first, strict=True)]

    stale._boxed_call = True  # type: ignore[attr-defined]
    return stale


def _earlier(now: Any, then: Any) -> Any:
    fits = isinstance(now, Tensor) and isinstance(then, Tensor) and now.shape == then.shape
    return then.clone() if fits else now


#: Gradients are those of the first backward pass through a graph.
gradients_are_stale = aot_autograd(
    fw_compiler=boxed_nop,
    bw_compiler=_compile_stale,
    partition_fn=min_cut_rematerialization_partition,
    keep_inference_input_mutations=True,
)


class RetainsAlways(Spoiled):
    """What was saved for a backward pass is there for another, whether or not that was asked for."""

    def spoil(self) -> None:
        original = torch.autograd.backward

        def backward(*args: Any, **kwargs: Any) -> None:
            if len(args) > 2:
                args = (*args[:2], True, *args[3:])
            else:
                kwargs["retain_graph"] = True
            original(*args, **kwargs)

        self.patch(torch.autograd, "backward", backward)


class FreesAlways(Spoiled):
    """What was saved for a backward pass is gone after it, also where it was to be kept."""

    def spoil(self) -> None:
        original = torch.autograd.backward

        def backward(*args: Any, **kwargs: Any) -> None:
            kept = {name: each for name, each in kwargs.items() if name != "retain_graph"}
            original(*args[:2], *([False] if args[2:] else []), *args[3:], **kept)

        self.patch(torch.autograd, "backward", backward)


def _make_zero(value: Tensor) -> None:
    # Autograd refuses what it sees to be written.
    value.data.zero_()


def _spend(graph: GraphModule, outputs: int) -> None:
    """Let a backward graph end with zeros in what the forward graph has computed for it."""
    given = outputs_of(graph)[:outputs]
    with graph.graph.inserting_before(graph.graph.output_node()):
        for node in graph.graph.find_nodes(op="placeholder"):
            own = not node.name.startswith(("primals", "tangents"))
            if own and isinstance(node.meta.get("val"), Tensor) and node not in given:
                graph.graph.call_function(_make_zero, (node,))
    graph.recompile()


#: What was computed and saved for a backward pass is zero after it.
saved_values_are_spent = rewritten(leave, _spend)


class FillsGradients(Around):
    """Leaves that are passed and need gradients have some after the call, zeros if there is nothing else."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        result = compiled(*args, **kwargs)
        for each in tensors(args):
            if each.requires_grad and each.is_leaf and each.grad is None:
                each.grad = torch.zeros_like(each)
        return result


class CapturesOneUse(Spoiled):
    """Of several uses of a value only the last has a gradient in a captured backward pass."""

    def spoil(self) -> None:
        self.patch(AutogradCompilerInstance, "accumulate", lambda _, __, new: new)


class SwapsCapturedGradients(Spoiled):
    """The first two gradients of a captured backward pass change places if they look alike."""

    def spoil(self) -> None:
        accumulate = AutogradCompilerInstance.accumulate_grad
        end = AutogradCompilerInstance.end_capture
        shapes: list[torch.Size] = []

        def accumulate_grad(capture: Any, variable: Tensor, *more: Any) -> Any:
            shapes.append(variable.shape)
            return accumulate(capture, variable, *more)

        def end_capture(capture: Any, outputs: Any) -> Any:
            nodes = [
                node
                for node in capture.fx_tracer.graph.nodes
                if node.target is compiled_autograd.call_accumulate_grad  # type: ignore[attr-defined]
            ]
            if len(nodes) > 1 and shapes[0] == shapes[1]:
                _swap_gradients(*nodes[:2])
            if len(outputs or ()) > 1 and _alike(*outputs[:2]):
                outputs = [outputs[1], outputs[0], *outputs[2:]]
            shapes.clear()
            return end(capture, outputs)

        self.patch(AutogradCompilerInstance, "accumulate_grad", accumulate_grad)
        self.patch(AutogradCompilerInstance, "end_capture", end_capture)


def _alike(first: Any, second: Any) -> bool:
    both = isinstance(first, Tensor) and isinstance(second, Tensor)
    return both and first.shape == second.shape


def _swap_gradients(first: torch.fx.Node, second: torch.fx.Node) -> None:
    one, other = first.args[2], second.args[2]
    first.args = (*first.args[:2], other, *first.args[3:])
    second.args = (*second.args[:2], one, *second.args[3:])
    # What the first adds up now is only computed before the second.
    second.append(first)
