"""Mutants that mistake what a program does to objects, how it fails, and what the compiler was told. Far side."""

from __future__ import annotations

import contextlib
import copy
from types import GeneratorType
from typing import Any

from torch._dynamo import eval_frame, symbolic_convert

from mutants.base import Around, Run, Spoiled
from mutants.reuse import Keyless


class LosesEntries(Around):
    """What a program writes into lists, dicts and sets that it is given is lost when the call returns."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        before = [(each, copy.copy(each)) for each in args if isinstance(each, list | dict | set)]
        try:
            return compiled(*args, **kwargs)
        finally:
            for each, entries in before:
                each.clear()
                (each.extend if isinstance(each, list) else each.update)(entries)


class RunsTwice(Around):
    """Each call is made twice, and the second result is given."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        compiled(*args, **kwargs)
        return compiled(*args, **kwargs)


class RemakesExceptions(Around):
    """An exception is made anew of its class and arguments; whatever else it has is lost."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        try:
            return compiled(*args, **kwargs)
        except Exception as error:
            with contextlib.suppress(TypeError):
                anew = type(error).__new__(type(error))
                anew.args = error.args
                raise anew from None
            raise


class IgnoresStances(Spoiled):
    """Whatever the stance, calls are compiled as usual."""

    def spoil(self) -> None:
        self.patch(eval_frame, "_callback_from_stance", lambda callback: callback)


class IgnoresStrictRegions(Spoiled):
    """Where a region says that a graph break is an error, it is none."""

    def spoil(self) -> None:
        self.patch(symbolic_convert, "_get_error_on_graph_break", lambda: False)


class ExhaustsGenerators(Around):
    """A generator that a program makes is run to its end when it is made."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        made = compiled(*args, **kwargs)
        return iter(list(made)) if isinstance(made, GeneratorType) else made


class IgnoresDisable(Keyless):
    dropped = ("disable",)
