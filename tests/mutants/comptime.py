"""Mutants that run code at compile time wrongly, or show it the wrong things. Far side."""

from __future__ import annotations

from typing import Any

from torch._dynamo import comptime
from torch._dynamo.comptime import ComptimeContext, ComptimeVar
from torch._dynamo.variables.constant import ConstantVariable
from torch._dynamo.variables.misc import ComptimeVariable

from mutants.base import Spoiled

PRINTING = (
    "print",
    "print_graph",
    "print_disas",
    "print_value_stack",
    "print_locals",
    "print_bt",
    "print_guards",
)


class IgnoresComptime(Spoiled):
    def spoil(self) -> None:
        nothing = ConstantVariable.create(None)
        self.patch(ComptimeVariable, "call_function", lambda *_: nothing)


class DoublesComptime(Spoiled):
    def spoil(self) -> None:
        original = ComptimeVariable.call_function

        def twice(variable: Any, *args: Any) -> Any:
            original(variable, *args)
            return original(variable, *args)

        self.patch(ComptimeVariable, "call_function", twice)


class Mute(Spoiled):
    """Some methods do nothing."""

    owner: type = ComptimeContext
    muted: tuple[str, ...] = ()

    def spoil(self) -> None:
        for name in self.muted:
            self.patch(self.owner, name, lambda *_, **__: None)


class PrintsNothing(Mute):
    muted = PRINTING


class PrintsNoStack(Mute):
    muted = ("print_bt", "print_value_stack")


class PrintsNoGuards(Mute):
    muted = ("print_guards",)


class PrintsNoGraph(Mute):
    muted = ("print_graph",)


class PrintsNoLocals(Mute):
    muted = ("print_locals",)


class PrintsNoBytecode(Mute):
    muted = ("print_disas",)


class BreaksNothing(Mute):
    muted = ("graph_break",)


class AssertsNothing(Mute):
    muted = ("assert_static",)


class NeverSleeps(Mute):
    muted = ("sleep",)


class ForcesNothing(Mute):
    owner = ComptimeVar
    muted = ("force_static",)


class IgnoresFallback(Mute):
    owner = type(comptime.comptime)
    muted = ("__call__",)


class PrintsNothingOfValues(Spoiled):
    """Every value is printed as a question mark."""

    def spoil(self) -> None:
        self.patch(ComptimeVar, "__repr__", lambda _: "?")


class FindsNoCaller(Spoiled):
    """Variables of callers are looked for in the wrong frame."""

    def spoil(self) -> None:
        original = ComptimeContext.get_local

        def get_local(context: Any, name: str, *, stacklevel: int = 0) -> Any:
            return original(context, name, stacklevel=0)

        self.patch(ComptimeContext, "get_local", get_local)


class FindsEverything(Spoiled):
    """A variable that does not exist is None."""

    def spoil(self) -> None:
        original = ComptimeContext.get_local

        def get_local(context: Any, name: str, *, stacklevel: int = 0) -> Any:
            try:
                return original(context, name, stacklevel=stacklevel)
            except KeyError:
                return ComptimeVar(ConstantVariable.create(None))

        self.patch(ComptimeContext, "get_local", get_local)


class ForgetsWhatIsWritten(Spoiled):
    """Code at compile time is given a copy of the graph."""

    def spoil(self) -> None:
        self.patch(ComptimeVar, "as_proxy", lambda _: _Ignored())


class _Ignored:
    def __add__(self, _: object) -> None:
        """What is written into the graph, and lost."""
