"""Mutants that compile too often, too seldom, or beyond the limits, or whose settings have no effect. Far side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch._C._dynamo.eval_frame import reset_code
from torch._dynamo import cache_size, convert_frame
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode, ShapeEnv

from mutants.base import Around, Run, Spoiled


class RecompilesAlways(Around):
    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        forget(program)
        return compiled(*args, **kwargs)


class RecompilesTwice(Around):
    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        if calls == 2:
            forget(program)
        return compiled(*args, **kwargs)


def forget(program: Any) -> None:
    """Drop all code compiled for a program, if it is one that has code."""
    program = program.forward if isinstance(program, torch.nn.Module) else program
    if code := getattr(program, "__code__", None):
        reset_code(code)


class NeverCompiles(Spoiled):
    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        return program


class FallsBackLater(Around):
    """From the third call on, the program runs in eager."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        return (compiled if calls < 3 else program)(*args, **kwargs)


class Keyless(Spoiled):
    """Drops some of the keywords of torch.compile."""

    dropped: tuple[str, ...] = ()

    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        kept = {name: value for name, value in options.items() if name not in self.dropped}
        return super().compile(program, kept)


class IgnoresDynamic(Keyless):
    dropped = ("dynamic",)


class IgnoresFullgraph(Keyless):
    dropped = ("fullgraph",)


class IgnoresLimitKeyword(Keyless):
    dropped = ("recompile_limit",)


class IgnoresIsolation(Keyless):
    dropped = ("isolate_recompiles",)


class IsolatesAlways(Spoiled):
    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        if "entry" in options:
            return super().compile(program, options)
        return super().compile(program, {**options, "isolate_recompiles": True})


class AlwaysDynamic(Spoiled):
    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        return super().compile(program, {**options, "dynamic": True})


class NeverDynamic(Spoiled):
    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        return super().compile(program, {**options, "dynamic": False})


class Flagless(Spoiled):
    """Some flags have no effect."""

    ignored: tuple[str, ...] = ()

    def config(self, module: str, flags: Mapping[str, Any]) -> None:
        kept = {name: value for name, value in flags.items() if name not in self.ignored}
        if kept:
            super().config(module, kept)


class IgnoresLimit(Flagless):
    ignored = ("recompile_limit",)


class IgnoresAccumulatedLimit(Flagless):
    ignored = ("accumulated_recompile_limit",)


class IgnoresFailureAtLimit(Flagless):
    ignored = ("fail_on_recompile_limit_hit",)


class IgnoresPolicy(Flagless):
    ignored = ("automatic_dynamic_shapes_mark_as",)


class IgnoresParameterSizes(Flagless):
    ignored = ("force_parameter_static_shapes",)


class IgnoresObliviousness(Flagless):
    ignored = ("backed_size_oblivious",)


class LimitIsOneMore(Spoiled):
    def config(self, module: str, flags: Mapping[str, Any]) -> None:
        more = {
            name: value + 1 if name == "recompile_limit" else value for name, value in flags.items()
        }
        super().config(module, more)


class HasNoLimit(Spoiled):
    def spoil(self) -> None:
        self.patch(convert_frame, "exceeds_recompile_limit", lambda *_: (False, ""))


class ForgetsGraphsAtLimit(Spoiled):
    """At the limit the graphs that there are fall out of use."""

    def spoil(self) -> None:
        original = cache_size.exceeds_recompile_limit

        def exceeds(size: Any, identity: Any) -> Any:
            found = original(size, identity)
            self._beyond |= found[0]
            return found

        self._beyond = False
        self.patch(convert_frame, "exceeds_recompile_limit", exceeds)

    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        compiled = super().compile(program, options)

        def run(*args: Any, **kwargs: Any) -> Any:
            return (program if self._beyond else compiled)(*args, **kwargs)

        return run


class IgnoresHistory(Spoiled):
    """A size that has varied is taken for one that never will."""

    def spoil(self) -> None:
        self._patches.enter_context(torch._dynamo.config.patch(automatic_dynamic_shapes=False))


class GuessesBranches(Spoiled):
    """A branch that no symbol can decide is taken to be false."""

    def spoil(self) -> None:
        original = ShapeEnv.evaluate_expr

        def guess(*args: Any, **kwargs: Any) -> Any:
            try:
                return original(*args, **kwargs)
            except GuardOnDataDependentSymNode:
                return False

        self.patch(ShapeEnv, "evaluate_expr", guess)


class ResetsNothing(Spoiled):
    """`reset` forgets nothing."""

    def reset(self) -> None:
        """Forget nothing."""
