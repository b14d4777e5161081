"""Mutants that miss one kind of change: of keys, of attributes, of who an object is, of what a tensor is. Far side."""

from __future__ import annotations

from typing import Any

import torch
from torch._dynamo.guards import CheckFunctionManager
from torch._dynamo.types import GuardFilterEntry

from mutants.stale import Loosening, Skipping


class ForgetsKeys(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return "CONTAINS" in entry.guard_type or "KEYS" in entry.guard_type


class ForgetsPresence(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return entry.guard_type in ("HASATTR", "NOT_PRESENT_IN_GENERIC_DICT")


class ForgetsIdentities(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        kinds = (entry.guard_type, *(entry.derived_guard_types or ()))
        return any("ID_MATCH" in kind or "WEAKREF" in kind for kind in kinds)


class ForgetsNone(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return entry.guard_type in ("NONE_MATCH", "NOT_NONE_MATCH")


class ForgetsConstants(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        matched = entry.guard_type in ("CONSTANT_MATCH", "EQUALS_MATCH")
        return matched and type(entry.value) not in (bool, int, float)


class ForgetsIterators(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return "ITERATOR" in entry.guard_type


class ForgetsAfterBreaks(Skipping):
    """What goes on after a graph break serves all that comes from before it."""

    resumed = False

    def spoil(self) -> None:
        super().spoil()
        skipping = CheckFunctionManager.__init__

        def build(manager: Any, code: Any, *args: Any, **kwargs: Any) -> None:
            self.resumed = code.co_name.startswith("torch_dynamo_resume_in_")
            skipping(manager, code, *args, **kwargs)

        self.patch(CheckFunctionManager, "__init__", build)

    def skips(self, entry: GuardFilterEntry) -> bool:
        return self.resumed and bool(entry.name)


class Forgetful(Loosening):
    """Guards all that tensors are, but for one property."""

    forgotten = ""

    def match(self, manager: Any, value: Any, sizes: Any, strides: Any, *more: Any) -> None:
        """Guard the other properties."""
        known = self._described(value)
        dims = value.dim()

        def check(given: Any) -> bool:
            if not isinstance(given, torch.Tensor) or self._described(given) != known:
                return False
            if given.dim() != dims:
                return self.forgotten == "ranks"
            return _fits(sizes, given.shape) and (
                self.forgotten == "strides" or _fits(strides, given.stride())
            )

        manager.add_lambda_guard(check, [f"like the first but for its {self.forgotten}"], None)

    def _described(self, value: Any) -> dict[str, object]:
        keys = torch._C._dispatch_keys(value)
        properties = {
            "kind": type(value),
            "dtype": value.dtype,
            "device": value.device,
            "needs": value.requires_grad,
            "ranks": value.dim(),
            "marks": (keys.has(torch._C.DispatchKey.Conjugate), value.is_inference()),
        }
        return {name: each for name, each in properties.items() if name != self.forgotten}


def _fits(wanted: Any, given: Any) -> bool:
    """Whether sizes or strides are those that are wanted, of which None is free."""
    return all(a is None or a == b for a, b in zip(wanted, given, strict=True))


class ForgetsNeeds(Forgetful):
    forgotten = "needs"


class ForgetsStrides(Forgetful):
    forgotten = "strides"


class ForgetsRanks(Forgetful):
    forgotten = "ranks"


class ForgetsKinds(Forgetful):
    forgotten = "kind"


class ForgetsMarks(Forgetful):
    forgotten = "marks"


class ForgetsDevices(Forgetful):
    forgotten = "device"
