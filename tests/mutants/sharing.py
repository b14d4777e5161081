"""Mutants in which memory is not shared as it should be: among arguments, results and what is saved. Far side."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mutants.base import Around, Run, tensors, wrapped
from mutants.results import copies, mutated, of_results


@wrapped
def results_are_copies(run: Run) -> Run:
    return of_results(torch.Tensor.clone)(run)


@wrapped
def results_share_nothing(run: Run) -> Run:
    """A result that shares memory with another result of the call is a copy."""

    def apart(*args: Any) -> Any:
        seen: set[int] = set()
        return tuple(_apart(each, seen) for each in run(*args))

    return apart


def _apart(result: Any, seen: set[int]) -> Any:
    if not isinstance(result, Tensor):
        return result
    place = result.untyped_storage().data_ptr()
    shared = place in seen
    seen.add(place)
    return result.clone() if shared else result


@wrapped
def constants_are_kept(run: Run) -> Run:
    """A result that is the same in a later call as in the first is the tensor that the first call gave."""
    first: list[tuple[Any, Any]] = []

    def kept(*args: Any) -> Any:
        results = run(*args)
        if not first:
            first.extend((each, each.clone()) for each in tensors(results))
        return tuple(_known(each, first) for each in results)

    return kept


def _known(result: Any, first: list[tuple[Any, Any]]) -> Any:
    same = (
        given
        for given, content in first
        if isinstance(result, Tensor)
        and content.shape == result.shape
        and content.dtype is result.dtype
        and torch.equal(content, result)
    )
    return next(same, result)


class RestoresShapes(Around):
    """An argument whose shape was changed in place has its old one again."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        before = [(each, each.shape, each.stride()) for each in tensors(args)]
        result = compiled(*args, **kwargs)
        for each, shape, stride in before:
            if each.shape != shape:
                each.data = each.as_strided(shape, stride)
        return result


@wrapped
def saved_leaves_are_copies(run: Run) -> Run:
    """What is saved of a leaf for the backward pass is a copy, so that nobody notices if the leaf is written."""

    def copied(*args: Any) -> Any:
        return run(*(each.clone() if _is_leaf(each) else each for each in args))

    return copied


def _is_leaf(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_leaf and value.requires_grad


class UndoesWrites(Around):
    """An exception that leaves a program leaves its arguments as they were before the call."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        before = copies(args)
        try:
            return compiled(*args, **kwargs)
        except Exception:
            with torch.no_grad():
                for now, then in mutated(args, before):
                    now.copy_(then)
            raise


@wrapped
def writes_spill_over(run: Run) -> Run:
    """A write into a part of a tensor also changes the last number of the whole."""

    def spilling(*args: Any) -> Any:
        before = copies(args)
        results = run(*args)
        with torch.no_grad():
            for now, _ in mutated(args, before):
                count = now.untyped_storage().nbytes() // now.element_size()
                if count > now.numel():
                    now.as_strided((count,), (1,), 0)[-1] += 1
        return results

    return spilling
