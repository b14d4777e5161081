"""Does each call use the function that a name stands for by then, with its present code and defaults?"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor

#: What the programs of this family call; each body binds it anew.
SETTING: Any = None
STEPS: Any = None


def rebind(**names: object) -> None:
    """Give globals of this module other values."""
    globals().update(names)


def step_up(x: Tensor) -> Tensor:
    """One step up."""
    return x + 1


def step_down(x: Tensor) -> Tensor:
    """One step down."""
    return x - 1


def step_by(amount: int) -> Callable[[Tensor], Tensor]:
    """A function with a captured number; all of them have the same code."""
    return lambda x: x + amount


def call_setting(x: Tensor) -> Tensor:
    """Calls the global."""
    return SETTING(x)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Place:
    """A program that calls the function which is kept in some place."""

    call: Callable[[Tensor], Tensor]
    keep: Callable[[Callable[[Tensor], Tensor]], None]


def in_global() -> Place:
    """A global of this module."""
    return Place(lambda x: SETTING(x) * 2, lambda function: rebind(SETTING=function))


def in_variable() -> Place:
    """A variable that the program captures."""
    kept: Callable[[Tensor], Tensor] = step_up

    def keep(function: Callable[[Tensor], Tensor]) -> None:
        nonlocal kept
        kept = function

    return Place(lambda x: kept(x) * 2, keep)


def in_namespace() -> Place:
    """An attribute of a Python module."""
    rebind(SETTING=types.ModuleType("steps"))
    return Place(lambda x: SETTING.step(x) * 2, lambda function: setattr(SETTING, "step", function))


def in_instance() -> Place:
    """An attribute of an instance."""
    holder = types.SimpleNamespace()
    return Place(lambda x: holder.step(x) * 2, lambda function: setattr(holder, "step", function))


def in_class() -> Place:
    """A method of a class."""

    class Holder:
        step: Any

    holder = Holder()

    def keep(function: Callable[[Tensor], Tensor]) -> None:
        Holder.step = lambda _, x: function(x)

    return Place(lambda x: holder.step(x) * 2, keep)


def in_dict() -> Place:
    """An entry of a dict."""
    table: dict[str, Any] = {}
    return Place(lambda x: table["step"](x) * 2, lambda function: table.update(step=function))


PLACES = {
    "global": in_global,
    "variable": in_variable,
    "namespace": in_namespace,
    "instance": in_instance,
    "class": in_class,
    "dict": in_dict,
}


@scenario(
    ref="torch.compiler: core concepts / guards on callables",
    axes={"held_by": ("global", "variable", "namespace", "instance", "class", "dict")},
    expect="""
    call 1: compiles, equals eager
    change: the name stands for the other function
    call 2: compiles, equals eager
    change: the name stands for the first function
    call 3: reuses, equals eager
    """,
)
def function_is_replaced(s: Subject) -> None:
    """A program calls the function that a global, closure, module, instance, class or dict holds at that time."""
    place = PLACES[s.axis("held_by")]()
    program = s.compile(place.call)
    place.keep(step_up)
    program(s.randn(3))
    for name, function in ("other", step_down), ("first", step_up):
        s.change(f"the name stands for the {name} function")
        place.keep(function)
        program(s.randn(3))


@scenario(
    ref="torch.compiler: core concepts / guards on callables",
    expect="""
    change: the global is a function that has captured 1
    call 1: compiles, equals eager
    change: the global is a function that has captured 5
    call 2: compiles, equals eager
    change: the global is a function that has captured 1
    call 3: reuses, equals eager
    """,
)
def function_of_same_code_takes_over(s: Subject) -> None:
    """Two closures made by the same code are told apart by the values that they have captured."""
    program = s.compile(call_setting)
    for amount in 1, 5, 1:
        s.change(f"the global is a function that has captured {amount}")
        rebind(SETTING=step_by(amount))
        program(s.randn(3))


@scenario(
    ref="torch.compiler: core concepts / guards on callables",
    expect="""
    call 1: compiles, equals eager
    change: the function is given the code of another
    call 2: compiles, equals eager
    """,
)
def code_is_replaced(s: Subject) -> None:
    """A function whose __code__ is replaced runs its new code in the next call."""
    callee = types.FunctionType(step_up.__code__, globals())
    program = s.compile(lambda x: callee(x) * 2)
    program(s.randn(3))
    s.change("the function is given the code of another")
    callee.__code__ = step_down.__code__
    program(s.randn(3))


def step(x: Tensor, amount: int = 1, *, mode: str = "up") -> Tensor:
    """A step whose amount and direction have defaults."""
    return x + amount if mode == "up" else x - amount


@scenario(
    ref="torch.compiler: core concepts / guards on defaults",
    axes={"default": ("positional", "keyword")},
    expect="""
    call 1: compiles, equals eager
    change: the default is replaced
    call 2: compiles, equals eager
    """,
)
def default_is_replaced(s: Subject) -> None:
    """A default of a function that a program calls has its value at the time of the call."""
    callee = types.FunctionType(step.__code__, globals())
    callee.__defaults__, callee.__kwdefaults__ = (1,), {"mode": "up"}
    program = s.compile(lambda x: callee(x) * 2)
    program(s.randn(3))
    s.change("the default is replaced")
    if s.axis("default") == "positional":
        callee.__defaults__ = (5,)
    else:
        callee.__kwdefaults__ = {"mode": "down"}
    program(s.randn(3))


@scenario(
    ref="torch.compiler: core concepts / guards on defaults",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    change: somebody else empties the list
    call 3: compiles, equals eager
    """,
)
def default_grows(s: Subject) -> None:
    """A default that is a list has what the program appended to it, and what others removed from it."""
    steps = [1.5]

    def add_all(x: Tensor, more: list[float] = steps) -> Tensor:
        for each in more:
            x = x + each
        more.append(2.5)
        return x

    program = s.compile(lambda x: add_all(x) * 2)
    for _ in range(2):
        program(s.randn(3))
    s.change("somebody else empties the list")
    steps.clear()
    program(s.randn(3))


@scenario(
    ref="torch.compiler: core concepts / guards on callables",
    expect="""
    call 1: compiles, equals eager
    change: a keyword of the partial function is changed
    call 2: compiles, equals eager
    change: another partial function takes its place
    call 3: compiles, equals eager
    """,
)
def partial_is_changed(s: Subject) -> None:
    """A functools.partial passes the arguments that it holds at the time of the call."""
    partial = functools.partial(step, amount=1, mode="up")
    program = s.compile(lambda x: partial(x) * 2)
    program(s.randn(3))
    s.change("a keyword of the partial function is changed")
    partial.keywords["mode"] = "down"
    program(s.randn(3))
    s.change("another partial function takes its place")
    partial = functools.partial(step, amount=2, mode="down")
    program(s.randn(3))


def rectify(x: Tensor) -> Tensor:
    """Calls a function of torch by its full name."""
    return torch.nn.functional.relu(x) * 2


@scenario(
    ref="torch.compiler: core concepts / guards on callables",
    expect="""
    call 1: compiles, equals eager
    change: torch.nn.functional.relu is replaced
    call 2: compiles, equals eager
    change: it is as before
    call 3: reuses, equals eager
    """,
)
def function_of_torch_is_patched(s: Subject) -> None:
    """A function of torch that is patched from outside is the patched one as long as it is patched."""
    program = s.compile(rectify)
    program(s.randn(3))
    with mock.patch.object(torch.nn.functional, "relu", step_up):
        s.change("torch.nn.functional.relu is replaced")
        program(s.randn(3))
    s.change("it is as before")
    program(s.randn(3))


def run_all(x: Tensor) -> Tensor:
    """Runs the functions that the global holds, one after the other."""
    for each in STEPS:
        x = each(x)
    return x * 2


@scenario(
    ref="torch.compiler: core concepts / guards on globals",
    expect="""
    call 1: compiles, equals eager
    change: a function is appended
    call 2: compiles, equals eager
    change: the first function is replaced
    call 3: compiles, equals eager
    change: the list is emptied
    call 4: compiles, equals eager
    """,
)
def list_of_functions_is_changed(s: Subject) -> None:
    """The functions that a global list holds at the time of the call are the ones that run, one after the other."""
    rebind(STEPS=[step_up])
    program = s.compile(run_all)
    program(s.randn(3))
    s.change("a function is appended")
    STEPS.append(step_down)
    program(s.randn(3))
    s.change("the first function is replaced")
    STEPS[0] = step_by(7)
    program(s.randn(3))
    s.change("the list is emptied")
    STEPS.clear()
    program(s.randn(3))
