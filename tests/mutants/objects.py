"""Mutants that mistake what an object has become, or lose what a program makes of it. Far side."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor
from torch._dynamo.types import GuardFilterEntry

from mutants.base import Around, Run
from mutants.stale import Skipping


class ForgetsTypes(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return entry.guard_type == "TYPE_MATCH"


class ForgetsAttributes(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return "." in entry.name and not entry.is_global and "_MATCH" in entry.guard_type


class ForgetsBases(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return "__mro__" in entry.name


class LosesAttributes(Around):
    """What a program writes into its arguments, tensors aside, is lost when the call returns."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        before = [(each, copy.copy(vars(each))) for each in args if _is_object(each)]
        try:
            return compiled(*args, **kwargs)
        finally:
            for each, attributes in before:
                vars(each).clear()
                vars(each).update(attributes)


class GivesOneObject(Around):
    """An object that a program makes is the one that the first call has made."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        made = compiled(*args, **kwargs)
        if _is_object(made):
            self._made = getattr(self, "_made", made)
            return self._made
        return made


def _is_object(value: Any) -> bool:
    """Whether a value is an instance of a class that a scenario defines."""
    return not isinstance(value, Tensor) and "conformance.cases" in type(value).__module__
