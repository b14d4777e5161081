"""Mutants that mislead who wants to know what was compiled, and why: wrong reasons, places, records. Far side."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from traceback import FrameSummary, StackSummary
from typing import Any

from torch._dynamo import convert_frame, exc, guards, utils
from torch._dynamo.backends import debugging
from torch._dynamo.callback import CompilationCallbackHandler
from torch._dynamo.types import GuardedCode, GuardFilterEntry
from torch._guards import TracingContext
from torch._logging._internal import LazyTraceHandler
from torch.fx import GraphModule

from mutants.base import Run, Spoiled
from mutants.contracts import OwnBackends
from mutants.reuse import Flagless


class ReasonsAreNameless(Spoiled):
    """Why code was not reused is told without the name of anything."""

    def spoil(self) -> None:
        self.patch(guards, "get_guard_fail_reason_helper", lambda *_, **__: "0/0: a guard failed")


class AllIsInTheFirstLine(Spoiled):
    """What is told of a place in a program is told of the first line of its file."""

    def spoil(self) -> None:
        original = TracingContext.extract_stack

        def extract() -> StackSummary:
            frames = (FrameSummary(each.filename, 1, each.name) for each in original())
            return StackSummary.from_list(list(frames))

        self.patch(TracingContext, "extract_stack", staticmethod(extract))


class RefersToOtherPages(Spoiled):
    """The page that a graph break is referred to is about another kind."""

    def spoil(self) -> None:
        pages = exc._load_gb_type_to_gb_id_map()
        others = dict(zip(pages, reversed(pages.values()), strict=True))
        self.patch(exc, "_load_gb_type_to_gb_id_map", lambda: others)


class ExplainsTheFirst(Spoiled):
    """An explanation leaves out all graphs but the first."""

    def spoil(self) -> None:
        original = debugging._explain_graph_detail

        def explain(graph: GraphModule, graphs: list[Any], *found: Any) -> tuple[Any, ...]:
            return (graph, graphs, *found) if graphs else original(graph, graphs, *found)

        self.patch(debugging, "_explain_graph_detail", explain)


class FiltersSeeNothing(Spoiled):
    """What a filter of guards is shown has no values."""

    def spoil(self) -> None:
        def make(**parts: Any) -> Any:
            return GuardFilterEntry(**{**parts, "value": None})

        self.patch(guards, "GuardFilterEntry", make)


class IgnoresForbidding(Flagless):
    ignored = ("error_on_recompile",)


class BuffersTraces(Spoiled):
    """What is traced is not written at once."""

    def spoil(self) -> None:
        self.patch(LazyTraceHandler, "flush", lambda _: None)


class RegionsAreNameless(Spoiled):
    """Profiles do not tell which of a function's graphs ran."""

    def spoil(self) -> None:
        self.patch(convert_frame, "GuardedCode", lambda *args: GuardedCode(*args[:3]))


class Once(list[float]):
    """Keeps what it is given first."""

    def append(self, value: float) -> None:
        """Keep it, if it is the first."""
        if not self:
            super().append(value)


class Firsts(dict[str, list[float]]):
    """Keeps of each list what it is given first."""

    def __setitem__(self, name: str, values: list[float]) -> None:
        super().__setitem__(name, Once(values))


class TimesTheFirst(Spoiled):
    """Compilations after the first are not timed."""

    def spoil(self) -> None:
        self.patch(utils, "compilation_time_metrics", Firsts())


class FailuresLeaveNoMetrics(Spoiled):
    """A compilation that fails leaves no metrics."""

    def spoil(self) -> None:
        context = utils.get_metrics_context()
        original: Any = context._on_exit

        def record(begun: int, ended: int, metrics: Any, kind: Any, error: Any, *more: Any) -> None:
            if kind is None and metrics.get("fail_type") is None:
                original(begun, ended, metrics, kind, error, *more)

        self.patch(context, "_on_exit", record)


class StripsNodes(OwnBackends):
    def spoil_backend(self, backend: Callable[..., Run]) -> Callable[..., Run]:
        """The same; its nodes do not know where they are from."""

        def ask(graph: GraphModule, examples: Sequence[Any], **more: Any) -> Run:
            for node in graph.graph.nodes:
                node.meta.pop("stack_trace", None)
                node.meta.pop("nn_module_stack", None)
            return backend(graph, examples, **more)

        return ask


class FailuresHaveNoEnd(Spoiled):
    """Listeners are not told of the end of a compilation that fails."""

    def spoil(self) -> None:
        original = CompilationCallbackHandler.run_end_callbacks

        def run(handler: CompilationCallbackHandler, *args: Any) -> None:
            if sys.exc_info()[0] is None:
                original(handler, *args)

        self.patch(CompilationCallbackHandler, "run_end_callbacks", run)
