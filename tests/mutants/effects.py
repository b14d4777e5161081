"""Mutants that lose or reorder what a program does beside its results, or whom it has asked to be told. Far side."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import graph as autograd_graph
from torch.utils.hooks import RemovableHandle

from mutants.base import Around, Run, Spoiled, wrapped
from mutants.results import copies, mutated


class LosesEffects(Spoiled):
    """What a program does to objects of Python that it was not given in a graph is not done."""

    def spoil(self) -> None:
        self._patches.enter_context(torch._dynamo.config.patch(replay_side_effects=False))


class AppendsInReverse(Around):
    """What a call appends to a list that it can reach from its arguments stands there in reverse."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        before = [(each, len(each)) for each in _lists((*args, *kwargs.values()))]
        try:
            return compiled(*args, **kwargs)
        finally:
            for each, length in before:
                each[length:] = each[length:][::-1]


def _lists(values: Any) -> Iterator[list[Any]]:
    for each in values:
        if isinstance(each, list):
            yield each
        if isinstance(each, list | tuple | dict):
            yield from _lists(each.values() if isinstance(each, dict) else each)


@wrapped
def only_one_is_written(run: Run) -> Run:
    """Of the inputs that a graph writes, all but the first are as they were."""

    def restored(*args: Any) -> Any:
        before = copies(args)
        results = run(*args)
        with torch.no_grad():
            for now, then in mutated(args, before)[1:]:
                now.copy_(then)
        return results

    return restored


def _nowhere(*_: Any, **__: Any) -> RemovableHandle:
    return RemovableHandle(OrderedDict())


class LosesGradientHooks(Spoiled):
    """Hooks on gradients, of tensors and of modules, are not called."""

    def spoil(self) -> None:
        for name in "register_hook", "register_post_accumulate_grad_hook":
            self.patch(Tensor, name, _nowhere)
        for name in "register_full_backward_hook", "register_full_backward_pre_hook":
            self.patch(nn.Module, name, _nowhere)
        self.patch(autograd_graph, "register_multi_grad_hook", _nowhere)


class LosesStepHooks(Spoiled):
    """Hooks on the steps of optimisers are not called."""

    def spoil(self) -> None:
        for name in "register_step_pre_hook", "register_step_post_hook":
            self.patch(torch.optim.Optimizer, name, _nowhere)


class KeepsHooks(Spoiled):
    """A hook that was removed is called all the same."""

    def spoil(self) -> None:
        self.patch(RemovableHandle, "remove", lambda _: None)


class LosesPackHooks(Spoiled):
    """Hooks on saved tensors that a program puts around a part of itself are not called."""

    def spoil(self) -> None:
        for name in "__enter__", "__exit__":
            self.patch(autograd_graph.saved_tensors_hooks, name, lambda *_: None)
