"""Mutants that compile, save or load programs ahead of time wrongly. Far side."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch._dynamo import aot_compile, functional_export
from torch._dynamo.aot_compile import AOTCompiledFunction, AOTCompiledModel, AOTCompilePickler
from torch._dynamo.package import SourceInfo

from mutants.base import Around, Run, Spoiled, Wrapper, tensors


class AheadForgetsGuards(Spoiled):
    def ahead(self, program: Run, args: Any, kwargs: Any, options: Any) -> Run:
        """Code that checks nothing, until it is saved and loaded."""
        ready: Any = super().ahead(program, args, kwargs, options)
        ready.disable_guard_check()
        return ready  # type: ignore[no-any-return]


class LoadedForgetsGuards(Spoiled):
    def load(self, path: str, options: Mapping[str, Any]) -> Run:
        """Code that checks nothing any more."""
        ready: Any = super().load(path, options)
        ready.disable_guard_check()
        return ready  # type: ignore[no-any-return]


class AheadFreezesWeights(Spoiled):
    def ahead(self, program: Run, args: Any, kwargs: Any, options: Any) -> Run:
        """Code that knows only the weights of its compilation."""
        ready = super().ahead(program, args, kwargs, options)
        if not isinstance(program, torch.nn.Module):
            return ready
        frozen = copy.deepcopy(program)

        def call(inner: Run, _: int, given: Any, more: Any) -> Any:
            stale = type(given[0]) is type(frozen)
            return inner(*((frozen, *given[1:]) if stale else given), **more)

        return Wrapper(ready, call)


class LoadsStaleWeights(Spoiled):
    """A module that is loaded has the weights that it was saved with."""

    weights: Any = None

    def ahead(self, program: Run, args: Any, kwargs: Any, options: Any) -> Run:
        """As before, the weights kept."""
        if isinstance(program, torch.nn.Module):
            self.weights = program.state_dict()
        return super().ahead(program, args, kwargs, options)

    def save(self, ready: Run, path: str) -> None:
        """As before, the weights beside it."""
        super().save(ready, path)
        torch.save(self.weights, f"{path}.weights")

    def load(self, path: str, options: Mapping[str, Any]) -> Run:
        """As before, for instances that are given the weights."""
        weights = torch.load(f"{path}.weights")

        def call(inner: Run, _: int, given: Any, more: Any) -> Any:
            if weights:
                stale = copy.deepcopy(given[0])
                stale.load_state_dict(weights)
                given = (stale, *given[1:])
            return inner(*given, **more)

        return Wrapper(super().load(path, options), call)


def lead_nowhere(result: torch.Tensor) -> torch.Tensor:
    """The same numbers, with a backward pass that leads to nothing."""
    return result.detach().requires_grad_() * 1


class LoadedIsDetached(Spoiled):
    def load(self, path: str, options: Mapping[str, Any]) -> Run:
        """Code whose results do not require gradients."""

        def call(inner: Run, _: int, given: Any, more: Any) -> Any:
            result = inner(*given, **more)
            return lead_nowhere(result) if tensors([result]) else result

        return Wrapper(super().load(path, options), call)


class LoadedIsOff(Spoiled):
    def load(self, path: str, options: Mapping[str, Any]) -> Run:
        """Code that is right here, and a thousandth off where it is loaded."""

        def call(inner: Run, _: int, given: Any, more: Any) -> Any:
            result = inner(*given, **more)
            return result * 1.001 if tensors([result]) else result

        return Wrapper(super().load(path, options), call)


class LoadCompiles(Spoiled):
    def load(self, path: str, options: Mapping[str, Any]) -> Run:
        """What was saved, and something that is compiled by the way."""
        self.compile(lambda x: x + 1, {})(torch.ones(2))
        return super().load(path, options)


class SavesTooMuch(Spoiled):
    def save(self, ready: Run, path: str) -> None:
        """Save so that half the file is enough."""
        super().save(ready, path)
        data = Path(path).read_bytes()
        Path(path).write_bytes(data + bytes(len(data) + 1))


class IgnoresGlobals(Spoiled):
    def load(self, path: str, options: Mapping[str, Any]) -> Run:
        """What was saved, without the globals that were given."""
        kept = {name: value for name, value in options.items() if name != "f_globals"}
        return super().load(path, kept)


class SavesCapturedModules(Spoiled):
    """A captured module is saved with the program, and never asked for."""

    def spoil(self) -> None:
        self.patch(AOTCompilePickler, "persistent_id", lambda *_: None)


class LosesDefaults(Spoiled):
    """The defaults of arguments are not applied."""

    def spoil(self) -> None:
        def bind(signature: Any, *args: Any, **kwargs: Any) -> Any:
            return dict(signature.bind(*args, **kwargs).arguments)

        self.patch(aot_compile, "bind_locals", bind)


class LosesSources(Spoiled):
    def spoil(self) -> None:
        self.patch(SourceInfo, "add_code", lambda *_: None)


class LosesCaptured(Spoiled):
    """Numbers that a function has captured are loaded as 0."""

    def spoil(self) -> None:
        original = AOTCompilePickler._unpickle_cell

        def _unpickle_cell(_: type, value: object) -> object:
            return original(0 if isinstance(value, int) else value)

        self.patch(AOTCompilePickler, "_unpickle_cell", classmethod(_unpickle_cell))


class AcceptsAnyBackend(Spoiled):
    """What cannot be saved is found out when it is saved."""

    def spoil(self) -> None:
        self.patch(aot_compile, "SerializableCallable", object)


class TakesTheFirstMode(Spoiled):
    """A module that was compiled for several modes takes the graph of the first."""

    def spoil(self) -> None:
        def call(model: Any, *args: Any, **kwargs: Any) -> Any:
            first = model.compiled_results[0]
            return first.fn(model.model, *args, **kwargs)

        self.patch(AOTCompiledModel, "__call__", call)


class IgnoresFilters(Spoiled):
    def ahead(self, program: Run, args: Any, kwargs: Any, options: Any) -> Run:
        """Code that checks what a filter has dropped."""
        kept = {name: value for name, value in options.items() if name != "options"}
        return super().ahead(program, args, kwargs, kept)


class AllowsBreaks(Spoiled):
    def ahead(self, program: Run, args: Any, kwargs: Any, options: Any) -> Run:
        """Code for a program that need not be whole."""
        kept = {name: value for name, value in options.items() if name != "fullgraph"}
        return super().ahead(program, args, kwargs, kept)


class RefusesWithoutWords(Spoiled):
    """Refusals say nothing."""

    def ahead(self, program: Run, args: Any, kwargs: Any, options: Any) -> Run:
        """As before, but silent."""
        try:
            return super().ahead(program, args, kwargs, options)
        except Exception as error:
            error.args = ("no",)
            raise

    def save(self, ready: Run, path: str) -> None:
        """As before, but silent."""
        try:
            super().save(ready, path)
        except Exception as error:
            error.args = ("no",)
            raise

    def load(self, path: str, options: Mapping[str, Any]) -> Run:
        """As before, but silent."""
        try:
            return super().load(path, options)
        except Exception as error:
            error.args = ("no",)
            raise


class PackagesAreUnpacked(Spoiled):
    """A package of machine code is not what is loaded."""

    def spoil(self) -> None:
        original = AOTCompiledFunction.deserialize.__func__  # type: ignore[attr-defined]

        def deserialize(kind: type, *args: Any, **kwargs: Any) -> Any:
            ready = original(kind, *args, **kwargs)
            ready._artifacts = dataclasses.replace(ready._artifacts, backend_name="eager")
            return ready

        self.patch(AOTCompiledFunction, "deserialize", classmethod(deserialize))


class PackagedGradientsAreLost(Around):
    """What packaged modules return requires no gradients of their parameters."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        return lead_nowhere(compiled(*args, **kwargs))


class ExportSortsNests(Spoiled):
    """A captured program gives dicts with their keys in order."""

    def spoil(self) -> None:
        kind = functional_export._DynamoBytecodeCodeGen
        original = kind.generate_output

        def generate(codegen: Any, *args: Any, **kwargs: Any) -> str:
            returned = original(codegen, *args, **kwargs).removeprefix("return ")
            return f"return (lambda found: dict(sorted(found.items())))({returned})"

        self.patch(kind, "generate_output", generate)
