"""Mutants that misread how a program is called, what it gives, and what its author has marked. Far side."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule

from mutants.base import Around, Run, Spoiled, rewritten
from mutants.reads import kept


class IgnoresNames(Around):
    """Arguments that are passed by name are taken in the order in which they come."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        return compiled(*args, *kwargs.values())


class GivesTuples(Around):
    """Lists and named tuples that a program returns come out as tuples, and dicts of other classes as dicts."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        return _plain(compiled(*args, **kwargs))


def _plain(value: Any) -> Any:
    if type(value) is dict or isinstance(value, OrderedDict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        return tuple(map(_plain, value))
    return value


class HasNoFace(Spoiled):
    """What was compiled tells nothing of the program: no name, no attributes, no parameters."""

    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        """As before, behind a function of another name."""
        compiled = super().compile(program, options)
        return functools.partial(_called, compiled)


def _called(compiled: Run, *args: Any, **kwargs: Any) -> Any:
    return compiled(*args, **kwargs)


class BindsToTheFirst(Spoiled):
    """A method that is compiled is that of the first object of whom one was."""

    first: Any = None

    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        """As before, of that object."""
        if isinstance(program, MethodType):
            self.first = program.__self__ if self.first is None else self.first
            program = MethodType(program.__func__, self.first)
        return super().compile(program, options)


class MarksMeanNothing(Spoiled):
    """What marks functions for the compiler gives them back as they are."""

    def spoil(self) -> None:
        def mark(function: Any = None, *_: Any, **__: Any) -> Any:
            return function if callable(function) else _same

        for name in "disable", "assume_constant_result", "allow_in_graph", "nonstrict_trace":
            for owner in torch.compiler, torch._dynamo:
                if hasattr(owner, name):
                    self.patch(owner, name, mark)
        self.patch(torch._dynamo, "disallow_in_graph", mark)
        self.patch(torch.compiler, "substitute_in_graph", lambda original, **_: lambda _: original)


def _same(function: Any) -> Any:
    return function


class SubstitutesEverywhere(Spoiled):
    """The substitute of a function takes its place also where nothing is compiled."""

    def spoil(self) -> None:
        original = torch.compiler.substitute_in_graph

        def substitute(function: Any, **settings: Any) -> Any:
            register = original(function, **settings)

            def given_back(instead: Any) -> Any:
                register(instead)
                return instead

            return given_back

        self.patch(torch.compiler, "substitute_in_graph", substitute)


class IgnoresAutocastInside(Spoiled):
    """Where a program enters autocast, nothing changes."""

    def spoil(self) -> None:
        original: Any = torch.amp.autocast_mode._enter_autocast

        @functools.wraps(original)
        def enter(kind: str, dtype: Any, _: bool, *more: Any) -> Any:  # noqa: FBT001 - torch's
            return original(kind, dtype, False, *more)

        self.patch(torch.amp.autocast_mode, "_enter_autocast", enter)
        self.patch(torch.amp, "_enter_autocast", enter)


class TakesAnyBackend(Spoiled):
    """For a backend that nobody knows, the usual one steps in."""

    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        """As before."""
        try:
            return super().compile(program, options)
        except Exception:  # noqa: BLE001 - the sin
            return super().compile(program, {k: v for k, v in options.items() if k != "backend"})


class IgnoresDefaultBackend(Spoiled):
    """What names no backend is compiled by the usual one, whatever the default is."""

    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        """As before."""
        named = options.get("backend") is not None
        return super().compile(
            program, {k: v for k, v in options.items() if named or k != "backend"}
        )


class AsksForTheDefaultLate(Spoiled):
    """What names no backend is compiled by the one that is the default when it is compiled."""

    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        """As before."""
        late = "backend" in options and options["backend"] is None
        return super().compile(program, {**options, "backend": _default} if late else options)


def _default(module: GraphModule, inputs: Sequence[Any]) -> Any:
    backend: Any = torch._dynamo.lookup_backend(torch.compiler.get_default_backend())
    return backend(module, inputs)


class SeesNoCompiler(Spoiled):
    """A program that asks whether it is compiled is told that it is not."""

    def spoil(self) -> None:
        for name in "is_compiling", "is_dynamo_compiling":
            self.patch(torch.compiler, name, _never)


def _never() -> bool:
    return False


class GivesUpWhenInterrupted(Around):
    """Once a call of a program was interrupted, the program runs as it is."""

    def spoil(self) -> None:
        self._given_up: list[Run] = []

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        if program in self._given_up:
            return program(*args, **kwargs)
        try:
            return compiled(*args, **kwargs)
        except KeyboardInterrupt:
            self._given_up.append(program)
            raise


class SwallowsInterruptions(Around):
    """A call that is interrupted is made anew, by the program as it is."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        try:
            return compiled(*args, **kwargs)
        except KeyboardInterrupt:
            return program(*args, **kwargs)


def _of_own_operators(change: Callable[[torch.fx.Graph, torch.fx.Node], None]) -> Any:
    """A backend that changes the calls of operators that are not torch's."""
    known = ("aten.", "prims.", "higher_order", "_operator.", "inductor.")

    def spoil(module: GraphModule, _: int) -> None:
        for node in list(module.graph.nodes):
            own = isinstance(node.target, torch._ops.OpOverload)
            if own and not str(node.target).startswith(known):
                change(module.graph, node)
        module.recompile()

    return rewritten(spoil, spoil)


def _call_twice(graph: torch.fx.Graph, node: torch.fx.Node) -> None:
    with graph.inserting_before(node):
        graph.node_copy(node, lambda each: each)


#: Operators of one's own are called twice.
own_operators_run_twice = _of_own_operators(_call_twice)


def _pass_copies(graph: torch.fx.Graph, node: torch.fx.Node) -> None:
    def copied(each: Any) -> Any:
        if not isinstance(each.meta.get("val"), Tensor):
            return each
        with graph.inserting_before(node):
            found = graph.call_function(torch.ops.aten.clone.default, (each,))
        found.kwargs = {"memory_format": torch.contiguous_format}
        return found

    node.args = torch.fx.map_arg(node.args, copied)
    node.kwargs = torch.fx.map_arg(node.kwargs, copied)


#: Operators of one's own are given copies, in rows.
own_operators_get_copies = _of_own_operators(_pass_copies)


def _keep_results(_: torch.fx.Graph, node: torch.fx.Node) -> None:
    node.target = kept(node.target)


#: Operators of one's own give what they have given in the first run.
own_operators_are_stale = _of_own_operators(_keep_results)
