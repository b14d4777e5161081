"""Does each call see what a name stands for by then: a global, a closure variable, a builtin, a module?"""

from __future__ import annotations

import builtins
import os
import sys
import types
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

#: What the programs of this family read; each body binds it anew.
SETTING: Any = None
SHARED: Any = None
UP: Any = None


def rebind(**names: object) -> None:
    """Give globals of this module other values."""
    globals().update(names)


def follow_setting(x: Tensor) -> Tensor:
    """Goes up where the global says so, else down."""
    return x + 1 if SETTING == UP else x - 1


def add_shared(x: Tensor) -> Tensor:
    """Adds the global tensor, or 1 where there is none."""
    return x + 1 if SHARED is None else x + SHARED


#: For each kind of global, two values; with the first the program goes up.
VALUES: dict[str, tuple[object, object]] = {
    "text": ("up", "down"),
    "flag": (True, False),
    "number": (7, 3),
}


@scenario(
    ref="torch.compiler: core concepts / guards on globals",
    axes={"kind": ("text", "flag", "number")},
    expect="""
    call 1: compiles, equals eager
    change: the global is rebound
    call 2: compiles, equals eager
    change: the global is rebound
    call 3: reuses, equals eager
    """,
)
def global_constant_is_rebound(s: Subject) -> None:
    """A global that a branch compares has its value at the time of the call, at one graph a value."""
    up, down = VALUES[s.axis("kind")]
    rebind(SETTING=up, UP=up)
    program = s.compile(follow_setting)
    program(s.randn(3))
    for value in down, up:
        s.change("the global is rebound")
        rebind(SETTING=value)
        program(s.randn(3))


@scenario(
    ref="torch.compiler: core concepts / guards on globals",
    expect="""
    call 1: compiles, equals eager
    change: the global is rebound to another tensor, then written in place
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    change: the global is rebound to None, then to a tensor again
    call 4: compiles, equals eager
    call 5: reuses, equals eager
    """,
)
def global_tensor_is_rebound(s: Subject) -> None:
    """A global tensor may be replaced by a like one, or mutated, without recompilation; None recompiles."""
    rebind(SHARED=s.randn(3))
    program = s.compile(add_shared)
    program(s.randn(3))
    s.change("the global is rebound to another tensor, then written in place")
    rebind(SHARED=s.randn(3))
    program(s.randn(3))
    SHARED.mul_(2)
    program(s.randn(3))
    s.change("the global is rebound to None, then to a tensor again")
    for value in None, s.randn(3):
        rebind(SHARED=value)
        program(s.randn(3))


@scenario(
    ref="torch.compiler: core concepts / guards on globals",
    tiers={"compiles": "may: whether a program is compiled again after an exception varies"},
    expect="""
    call 1: compiles, equals eager
    change: the global is deleted
    call 2: runs uncompiled, raises NameError, equals eager
    change: the global is bound again
    call 3: runs uncompiled, equals eager
    """,
)
def global_is_deleted(s: Subject) -> None:
    """A global that was deleted raises NameError as in eager, and once it is set again it is read."""
    rebind(SETTING="up", UP="up")
    program = s.compile(follow_setting)
    program(s.randn(3))
    s.change("the global is deleted")
    del globals()["SETTING"]
    s.attempt(program, s.randn(3))
    s.change("the global is bound again")
    rebind(SETTING="down")
    program(s.randn(3))


def count_calls(x: Tensor) -> Tensor:
    """Counts in a global, and adds the count."""
    global SETTING  # noqa: PLW0603 - the program's own
    SETTING = SETTING + 1
    return x + SETTING  # type: ignore[no-any-return]


@scenario(
    ref="torch.compiler: core concepts / side effects",
    needs=("symbolic_scalars",),
    expect="""
    call 1: compiles, equals eager
    the global: equals eager
    call 2: compiles, equals eager
    the global: equals eager
    call 3: compiles, equals eager
    the global: equals eager
    change: somebody else sets the global back
    call 4: reuses, equals eager
    the global: equals eager
    """,
)
def global_is_written(s: Subject) -> None:
    """A global that a program assigns has its new value for everybody when the call returns."""
    rebind(SETTING=10)
    program = s.compile(count_calls)
    for _ in range(3):
        program(s.zeros(3))
        s.note("the global", SETTING)
    s.change("somebody else sets the global back")
    rebind(SETTING=10)
    program(s.zeros(3))
    s.note("the global", SETTING)


@scenario(
    ref="torch.compiler: core concepts / guards on globals",
    expect="""
    call 1: compiles, equals eager
    change: the global of this module is rebound
    call 2: reuses, equals eager
    change: the global of the other module is rebound
    call 3: compiles, equals eager
    """,
)
def global_of_another_module_is_rebound(s: Subject) -> None:
    """A function of another module reads the globals of that module, as they are at the time of the call."""
    module = types.ModuleType("touchstone_settings")
    vars(module).update(SETTING="up", UP="up", __builtins__=builtins)
    follow = types.FunctionType(follow_setting.__code__, vars(module))
    rebind(SETTING="down", UP="up")
    program = s.compile(lambda x: follow(x) * 2)
    with mock.patch.dict(sys.modules, touchstone_settings=module):
        program(s.randn(3))
        s.change("the global of this module is rebound")
        rebind(SETTING="up")
        program(s.randn(3))
        s.change("the global of the other module is rebound")
        module.SETTING = "down"  # type: ignore[attr-defined]
        program(s.randn(3))


@scenario(
    ref="torch.compiler: core concepts / guards on captured variables",
    axes={"kind": ("text", "flag", "number")},
    expect="""
    call 1: compiles, equals eager
    change: the variable is rebound
    call 2: compiles, equals eager
    change: the variable is rebound
    call 3: reuses, equals eager
    """,
)
def captured_variable_is_rebound(s: Subject) -> None:
    """A closure variable that a branch compares has its value at the time of the call, at one graph a value."""
    up, down = VALUES[s.axis("kind")]
    setting = up

    def follow(x: Tensor) -> Tensor:
        return x + 1 if setting == up else x - 1

    program = s.compile(follow)
    program(s.randn(3))
    for value in down, up:
        s.change("the variable is rebound")
        setting = value
        program(s.randn(3))


@scenario(
    ref="torch.compiler: core concepts / side effects",
    expect="""
    call 1: compiles, equals eager
    the variables: equals eager
    call 2: compiles, equals eager
    the variables: equals eager
    call 3: reuses, equals eager
    the variables: equals eager
    call 4: reuses, equals eager
    the variables: equals eager
    """,
)
def captured_variable_is_written(s: Subject) -> None:
    """A nonlocal variable that a program assigns has its new value for everybody when the call returns."""
    total, direction = s.zeros(3), "up"

    def accumulate(x: Tensor) -> Tensor:
        nonlocal total, direction
        total = total + x if direction == "up" else total - x
        direction = "down" if direction == "up" else "up"
        return total * 2

    program = s.compile(accumulate)
    for _ in range(4):
        program(s.randn(3))
        s.note("the variables", (total, direction))


def measure(x: Tensor) -> Tensor:
    """Calls a builtin."""
    return x + len("four")


@scenario(
    ref="torch.compiler: core concepts / guards on globals",
    expect="""
    call 1: compiles, equals eager
    change: a global takes the name of the builtin
    call 2: compiles, equals eager
    change: the global is deleted
    call 3: reuses, equals eager
    """,
)
def builtin_is_shadowed(s: Subject) -> None:
    """A global with the name of a builtin is called instead of the builtin, until it is deleted."""
    program = s.compile(measure)
    program(s.randn(3))
    s.change("a global takes the name of the builtin")
    rebind(len=lambda _: 100)
    program(s.randn(3))
    s.change("the global is deleted")
    del globals()["len"]
    program(s.randn(3))


def add_imported(x: Tensor) -> Tensor:
    """Imports a number when it runs."""
    from colorsys import ONE_THIRD  # noqa: PLC0415 - the program's own

    return x + ONE_THIRD


@scenario(
    ref="torch.compiler: core concepts / guards on globals",
    expect="""
    change: there is one module of that name
    call 1: compiles, equals eager
    change: there is another module of that name
    call 2: compiles, equals eager
    """,
)
def imported_module_is_replaced(s: Subject) -> None:
    """An import inside a program finds the module that is in sys.modules at the time of the call."""
    program = s.compile(add_imported)
    for name, amount in ("one", 1), ("another", 2):
        s.change(f"there is {name} module of that name")
        module = types.ModuleType("colorsys")
        module.ONE_THIRD = amount  # type: ignore[attr-defined]
        with mock.patch.dict(sys.modules, colorsys=module):
            program(s.randn(3))


@scenario(
    ref="torch.compiler: reducing guard overhead / skip_guard_on_globals_unsafe",
    needs=("torch_compile",),
    tiers={"outcome": "diverge: the filter drops the guards on globals"},
    expect="""
    call 1: compiles, equals eager
    change: the global is rebound
    call 2: reuses, differs from eager in value of result
    change: the argument has another size
    call 3: compiles, equals eager
    """,
)
def unguarded_global_is_not_seen(s: Subject) -> None:
    """With skip_guard_on_globals_unsafe, compiled code keeps the value of a global that it was compiled with."""
    rebind(SETTING="up", UP="up")
    skip = {"guard_filter_fn": torch.compiler.skip_guard_on_globals_unsafe}
    program = s.compile(follow_setting, options=skip)
    program(s.randn(3))
    s.change("the global is rebound")
    rebind(SETTING="down")
    program(s.randn(3))
    s.change("the argument has another size")
    program(s.randn(4))


#: Ways to ask for a variable of the environment that may not be there.
ASKED: dict[str, Callable[[], bool]] = {
    "get": lambda: os.environ.get("TOUCHSTONE_APPEARS", "up") == "up",
    "in": lambda: "TOUCHSTONE_APPEARS" not in os.environ,
}


@scenario(
    ref="torch.compiler: core concepts / guards on globals",
    axes={"asked": ("get", "in")},
    expect="""
    call 1: compiles, equals eager
    change: the variable is set
    call 2: compiles, equals eager
    change: it is set no longer
    call 3: reuses, equals eager
    """,
)
def variable_of_the_environment_appears(s: Subject) -> None:
    """A program that looks for an environment variable notices when it has been set or unset since the last call."""
    ask = ASKED[s.axis("asked")]
    program = s.compile(lambda x: x + 1 if ask() else x - 1)
    program(s.ones(3))
    s.change("the variable is set")
    with mock.patch.dict(os.environ, TOUCHSTONE_APPEARS="down"):
        program(s.ones(3))
    s.change("it is set no longer")
    program(s.ones(3))
