"""Mutants for which names stand for what they once stood for, or that lose what a program binds them to. Far side."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

from torch._dynamo.source import GlobalSource
from torch._dynamo.types import GuardFilterEntry
from torch.fx import GraphModule

from mutants.base import Around, Run, Spoiled, healthy
from mutants.stale import Skipping


class ForgetsDefaults(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return "__defaults__" in entry.name or "__kwdefaults__" in entry.name


class ForgetsCode(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return "__code__" in entry.name or entry.guard_type in ("CLOSURE_MATCH", "FUNCTION_MATCH")


class ForgetsLengths(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return "LENGTH" in entry.guard_type


class IgnoresGuardFilters(Spoiled):
    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        given = dict(options.get("options") or {})
        given.pop("guard_filter_fn", None)
        kept = {name: value for name, value in options.items() if name != "options"}
        return super().compile(program, {**kept, "options": given} if given else kept)


def keeps_global_tensors(module: GraphModule, inputs: Any) -> Run:
    """Computes with the global tensors of the first run."""
    holders = [node for node in module.graph.nodes if node.op == "placeholder"]
    fixed = [isinstance(_source(node), GlobalSource) for node in holders]
    base = healthy()(module, inputs)
    first: list[Any] = []

    def run(*args: Any) -> Any:
        if not first:
            first.extend(args)
        pairs = zip(fixed, first, args, strict=True)
        return base(*(then if keep else now for keep, then, now in pairs))

    return run


def _source(node: Any) -> object:
    return getattr(node.meta.get("grapharg"), "source", None)


class LosesGlobals(Around):
    """What a program binds the globals of its module to is lost when the call returns."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        with restored_globals(program):
            return compiled(*args, **kwargs)


@contextlib.contextmanager
def restored_globals(program: Any) -> Iterator[None]:
    """Give the globals that a function reads their values back in the end."""
    if not isinstance(program, FunctionType):
        yield
        return
    known = program.__globals__
    before = {name: known[name] for name in program.__code__.co_names if name in known}
    try:
        yield
    finally:
        known.update(before)


class LosesVariables(Around):
    """What a program binds the variables that it captures to is lost when the call returns."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        with restored_variables(program):
            return compiled(*args, **kwargs)


@contextlib.contextmanager
def restored_variables(program: Any) -> Iterator[None]:
    """Give the variables that a function has captured their values back in the end."""
    cells = getattr(program, "__closure__", None) or ()
    before = [cell.cell_contents for cell in cells]
    try:
        yield
    finally:
        for cell, value in zip(cells, before, strict=True):
            cell.cell_contents = value
