"""Mutants whose compiled code computes, returns or mutates the wrong thing. Far side."""

from __future__ import annotations

import functools
import itertools
import os
import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from mutants.base import Around, Run, healthy, leave, outputs_of, rewritten, tensors, wrapped

aten = torch.ops.aten


def of_results(change: Callable[[Tensor], Any]) -> Callable[[Run], Run]:
    """A wrapper that changes each tensor of what compiled code returns."""

    def spoil(run: Run) -> Run:
        def changed(*args: Any) -> Any:
            return tuple(change(each) if isinstance(each, Tensor) else each for each in run(*args))

        return changed

    return spoil


def scale_own_outputs(graph: GraphModule, outputs: int) -> None:
    """Make the first outputs of a graph a thousandth greater."""
    _replace_outputs(graph, range(outputs), 1.001)


def scale_last_output(graph: GraphModule, outputs: int) -> None:
    """Double the last output of a graph."""
    _replace_outputs(graph, range(outputs - 1, outputs), 2)


def zero_last_output(graph: GraphModule, outputs: int) -> None:
    """Make nothing of the last output of a graph."""
    _replace_outputs(graph, range(outputs - 1, outputs), 0)


def _replace_outputs(graph: GraphModule, positions: range, factor: float) -> None:
    end = graph.graph.output_node()
    found = list(outputs_of(graph))
    for position in positions:
        node = found[position]
        value = node.meta.get("val") if isinstance(node, Node) else None
        if isinstance(value, Tensor) and value.is_floating_point():
            with graph.graph.inserting_before(end):
                found[position] = graph.graph.call_function(aten.mul.Tensor, (node, factor))
                found[position].meta["val"] = value
    end.args = (tuple(found),)
    graph.recompile()


off_by_a_thousandth = rewritten(scale_own_outputs)
wrong_gradient = rewritten(leave, scale_last_output)
lost_gradient = rewritten(leave, zero_last_output)


@wrapped
def other_dtype(run: Run) -> Run:
    return of_results(lambda each: each.double() if each.dtype is torch.float32 else each)(run)


@wrapped
def ignores_low_precision(run: Run) -> Run:
    low = (torch.float16, torch.bfloat16)
    return of_results(lambda each: each.float() if each.dtype in low else each)(run)


def _transposed_in_memory(value: Tensor) -> Tensor:
    return value.t().contiguous().t() if value.dim() == 2 else value


@wrapped
def other_strides(run: Run) -> Run:
    return of_results(_transposed_in_memory)(run)


@wrapped
def detached(run: Run) -> Run:
    return of_results(torch.Tensor.detach)(run)


@wrapped
def in_one_buffer(run: Run) -> Run:
    """Each call gives its results in the memory of the results of the first call."""
    buffers: list[Any] = []

    def reuse(*args: Any) -> Any:
        results = run(*args)
        if not buffers:
            buffers.extend(results)
        for position, result in enumerate(results):
            kept = buffers[position]
            same = isinstance(result, Tensor) and result.shape == kept.shape
            if same and not result.requires_grad:
                kept.copy_(result)
            else:
                buffers[position] = result
        return tuple(buffers)

    return reuse


@wrapped
def in_one_storage(run: Run) -> Run:
    """All results of a call are views of one storage."""

    def packed(*args: Any) -> Any:
        results = run(*args)
        found = tensors(results)
        if len(found) < 2 or len({each.dtype for each in found}) > 1:
            return results
        sizes = [each.numel() for each in found]
        parts = iter(torch.cat([each.reshape(-1) for each in found]).split(sizes))
        return tuple(
            next(parts).view(each.shape) if isinstance(each, Tensor) else each for each in results
        )

    return packed


class Odd(Tensor):
    """A tensor of another class."""


@wrapped
def other_class(run: Run) -> Run:
    return of_results(lambda each: each.as_subclass(Odd))(run)


@wrapped
def neutral_operations_are_dropped(run: Run) -> Run:
    """A result that is no other than an argument is given as the argument."""

    def same(*args: Any) -> Any:
        results = run(*args)
        given = tensors(args)
        return tuple(next((x for x in given if _alike(x, result)), result) for result in results)

    return same


def _alike(left: Any, right: Any) -> bool:
    return (
        isinstance(right, Tensor)
        and left.dtype is right.dtype
        and left.numel() > 1
        and not right.requires_grad
        and torch.equal(left, right)
    )


@wrapped
def mutation_is_dropped(run: Run) -> Run:
    def restored(*args: Any) -> Any:
        before = copies(args)
        results = run(*args)
        with torch.no_grad():
            for now, then in mutated(args, before):
                now.copy_(then)
        return results

    return restored


def copies(args: Any) -> list[Any]:
    """The arguments as they are now."""
    return [each.detach().clone() if isinstance(each, Tensor) else each for each in args]


def mutated(args: Any, before: list[Any]) -> list[tuple[Tensor, Tensor]]:
    """The tensors that are not what they were, with what they were."""
    return [
        (now, then)
        for now, then in zip(args, before, strict=True)
        if isinstance(now, Tensor) and now.shape == then.shape and not torch.equal(now, then)
    ]


@wrapped
def mutation_is_doubled(run: Run) -> Run:
    def doubled(*args: Any) -> Any:
        before = copies(args)
        results = run(*args)
        with torch.no_grad():
            for now, then in mutated(args, before):
                now.add_(now - then)
        return results

    return doubled


def swap_outputs(graph: GraphModule, outputs: int) -> None:
    """Let two outputs of a graph that look alike change places."""
    found = list(outputs_of(graph))
    for first, second in itertools.combinations(range(outputs), 2):
        if found[first] is not found[second] and _look(found[first]) == _look(found[second]) != ():
            found[first], found[second] = found[second], found[first]
            break
    graph.graph.output_node().args = (tuple(found),)
    graph.recompile()


def _look(node: Any) -> tuple[Any, ...]:
    value = node.meta.get("val") if isinstance(node, Node) else None
    return (value.shape, value.dtype, value.stride()) if isinstance(value, Tensor) else ()


results_change_places = rewritten(swap_outputs)
gradients_change_places = rewritten(leave, swap_outputs)


@wrapped
def right_only_at_first(run: Run) -> Run:
    calls = iter(range(1 << 30))

    def later_wrong(*args: Any) -> Any:
        first = next(calls) == 0
        return run(*args) if first else of_results(lambda each: each + 1)(run)(*args)

    return later_wrong


@wrapped
def numbers_are_frozen(run: Run) -> Run:
    """A symbolic number keeps the value of the first call."""
    first: list[Any] = []

    def frozen(*args: Any) -> Any:
        if not first:
            first.extend(args)
        kept = (
            then if isinstance(then, int) and _is_free(args, then) else now
            for now, then in zip(args, first, strict=True)
        )
        return run(*kept)

    return frozen


def _is_free(args: Any, number: int) -> bool:
    """Whether a number is no size of a tensor."""
    return all(number not in each.shape for each in tensors(args))


@wrapped
def parameters_are_frozen(run: Run) -> Run:
    """Parameters keep the values of the first call."""
    first: list[Any] = []

    def frozen(*args: Any) -> Any:
        if not first:
            first.extend(copies(args))
        pairs = zip(args, first, strict=True)
        stale = [(now, now.data, then) for now, then in pairs if _is_parameter(now, then)]
        for now, _, then in stale:
            now.data = then
        try:
            return run(*args)
        finally:
            for now, own, _ in stale:
                now.data = own

    return frozen


def _is_parameter(now: Any, then: Any) -> bool:
    return isinstance(now, torch.nn.Parameter) and now.shape == then.shape


def keep_all(graph: GraphModule, _: int) -> None:
    """Let dropout drop nothing."""
    for node in graph.graph.nodes:
        if node.target is aten.native_dropout.default:
            node.args = (node.args[0], 0.0, *node.args[2:])
    graph.recompile()


dropout_drops_nothing = rewritten(keep_all)


@wrapped
def seeds_anew(run: Run) -> Run:
    """Every call starts from the same seed."""

    def seeded(*args: Any) -> Any:
        torch.manual_seed(0)
        return run(*args)

    return seeded


@functools.cache
def is_unlucky(process: int) -> bool:
    """Whether a process, by its number, is the one of ten; drawn, for numbers of forks come in steps."""
    return random.SystemRandom().randrange(10) == 0


@wrapped
def wrong_in_one_process_of_ten(run: Run) -> Run:
    return of_results(lambda each: each + 1)(run) if is_unlucky(os.getpid()) else run


def falls_back(module: GraphModule, _: Any) -> Run:
    """Gives back what it got."""
    return module.forward


def falls_back_for_mutations(module: GraphModule, inputs: Any) -> Run:
    """Gives back what it got where there is a method that mutates."""
    mutates = any(
        node.op == "call_method" and str(node.target).endswith("_") for node in module.graph.nodes
    )
    base = healthy()
    return module.forward if mutates else base(module, inputs)


class SwallowsExceptions(Around):
    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        try:
            return compiled(*args, **kwargs)
        except Exception:  # noqa: BLE001 - the sin
            return None


class ChangesExceptions(Around):
    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        try:
            return compiled(*args, **kwargs)
        except Exception as error:
            raise RuntimeError("something went wrong") from error
