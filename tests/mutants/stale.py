"""Mutants whose code serves calls that it was not compiled for: one kind of guard is missing. Far side."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._C._dynamo.guards import GlobalStateGuard
from torch._dynamo import guards
from torch._dynamo.guards import CheckFunctionManager, GuardBuilder
from torch._dynamo.types import GuardFilterEntry

from mutants.base import Spoiled


class Skipping(Spoiled):
    """Leaves out some of the guards of every compilation."""

    def skips(self, entry: GuardFilterEntry) -> bool:
        """Whether a guard is left out."""
        raise NotImplementedError

    def spoil(self) -> None:
        original = CheckFunctionManager.__init__

        signature = inspect.signature(original)

        def build(*args: Any, **kwargs: Any) -> None:
            given = signature.bind(*args, **kwargs)
            user = given.arguments.get("guard_filter_fn")
            given.arguments["guard_filter_fn"] = self._without(user)
            original(*given.args, **given.kwargs)

        self.patch(CheckFunctionManager, "__init__", build)

    def _without(self, user: Callable[..., Sequence[bool]] | None) -> Callable[..., list[bool]]:
        def keep(entries: Sequence[GuardFilterEntry]) -> list[bool]:
            wanted = user(entries) if user else [True] * len(entries)
            return [
                bool(keep and not self.skips(entry))
                for keep, entry in zip(wanted, entries, strict=True)
            ]

        return keep


class NeverRecompiles(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return True


class ForgetsNumbers(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return entry.has_value and type(entry.value) in (int, float)


class ForgetsFlags(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return entry.has_value and type(entry.value) is bool and ".training" not in entry.name


class ForgetsModes(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return ".training" in entry.name or "['training']" in entry.name


class ForgetsClosures(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return "__closure__" in entry.name or "cell_contents" in entry.name


class ForgetsGlobals(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return entry.is_global and bool(entry.name)


class ForgetsClasses(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return "__call__" in entry.name or "type(" in entry.name


class ForgetsSameness(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return entry.guard_type == "DUPLICATE_INPUT"


class ForgetsTensors(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return entry.guard_type == "TENSOR_MATCH"


class ForgetsSizeConditions(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return entry.guard_type == "SHAPE_ENV"


def named_like(original: Any, replacement: Any) -> Any:
    """The replacement under the original's name, by which guards are saved."""
    for name in "__module__", "__name__", "__qualname__":
        setattr(replacement, name, getattr(original, name))
    return replacement


class Loose:
    """Stands for the manager of a tensor's guards, and hands over another condition than the one it is given."""

    def __init__(self, manager: Any, match: Callable[..., None]) -> None:
        self.manager, self._match = manager, match

    def add_tensor_match_guard(self, *match: Any) -> None:
        self._match(self.manager, *match)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.manager, name)


class Loosening(Spoiled):
    """Guards the metadata of tensors in another way."""

    def match(self, manager: Any, value: Any, sizes: Any, strides: Any, *more: Any) -> None:
        """Guard a tensor like this one, with these sizes and strides, of which None is free."""
        raise NotImplementedError

    def spoil(self) -> None:
        tensor_match, get = GuardBuilder.TENSOR_MATCH, GuardBuilder.get_guard_manager

        def build(builder: Any, guard: Any, value: Any = None) -> None:
            builder.get_guard_manager = lambda each: Loose(get(builder, each), self.match)
            try:
                tensor_match(builder, guard, value)
            finally:
                del builder.get_guard_manager
            managers = builder.no_tensor_aliasing_guard_managers
            managers[:] = [each.manager if isinstance(each, Loose) else each for each in managers]

        self.patch(GuardBuilder, "TENSOR_MATCH", named_like(tensor_match, build))


class ForgetsSizes(Loosening):
    def match(self, manager: Any, value: Any, sizes: Any, strides: Any, *more: Any) -> None:
        manager.add_tensor_match_guard(value, [None] * len(sizes), [None] * len(strides), *more)


class ForgetsDtypes(Loosening):
    def match(self, manager: Any, value: Any, sizes: Any, strides: Any, *more: Any) -> None:
        needs_grad = value.requires_grad

        def check(given: Any) -> bool:
            return (
                isinstance(given, torch.Tensor)
                and given.requires_grad == needs_grad
                and given.dim() == len(sizes)
                and all(a is None or a == b for a, b in zip(sizes, given.shape, strict=True))
            )

        manager.add_lambda_guard(check, ["like the first"], None)


class Ambient(Spoiled):
    """Guards the state of the process, except for what a part of the state's names begins with."""

    forgotten = ""

    def spoil(self) -> None:
        def state(guard: Any) -> dict[str, Any]:
            known: dict[str, Any] = json.loads(guard.__getstate__())
            return {name: known[name] for name in known if not name.startswith(self.forgotten)}

        def build(builder: Any, guard: Any) -> None:
            compiled = builder.check_fn_manager.output_graph.global_state_guard
            builder.check_fn_manager.global_state = compiled
            wanted = state(compiled)
            builder.guard_manager.root.add_lambda_guard(
                lambda _: state(GlobalStateGuard()) == wanted, ["___check_global_state()"], None
            )

        self.patch(GuardBuilder, "GLOBAL_STATE", named_like(GuardBuilder.GLOBAL_STATE, build))


class ForgetsGradMode(Ambient):
    forgotten = "grad_mode"


class ForgetsAutocast(Ambient):
    forgotten = "autocast"


class ForgetsDistinctness(Spoiled):
    def spoil(self) -> None:
        self.patch(guards, "install_no_tensor_aliasing_guard", lambda *_: None)
