"""Does a call obey the global state that it finds (grad mode, default dtype, modes), and leave it as eager does?"""

from __future__ import annotations

import contextlib
import os
import warnings
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor


@contextlib.contextmanager
def setting(change: Callable[[Any], object], value: object, before: object) -> Iterator[None]:
    """Set something for a while."""
    change(value)
    try:
        yield
    finally:
        change(before)


@scenario(
    ref="torch.compiler: core concepts / guards on global state",
    expect="""
    change: enable_grad is entered
    call 1: compiles, equals eager
    an inference tensor: equals eager
    change: no_grad is entered
    call 2: compiles, equals eager
    an inference tensor: equals eager
    change: inference_mode is entered
    call 3: compiles, equals eager
    an inference tensor: equals eager
    change: enable_grad is entered
    call 4: reuses, equals eager
    an inference tensor: equals eager
    """,
)
def grad_mode_is_obeyed(s: Subject) -> None:
    """A result requires grad, or is an inference tensor, as the grad mode at the time of each call says."""
    program, x = s.compile(lambda x: (x * 2).sin()), s.randn(3).requires_grad_()
    for mode in torch.enable_grad(), torch.no_grad(), torch.inference_mode(), torch.enable_grad():
        s.change(f"{type(mode).__name__} is entered")
        with mode:
            y = program(x)
        s.note("an inference tensor", y.is_inference())


@scenario(
    ref="torch.compiler: core concepts / guards on global state",
    expect="""
    call 1: compiles, equals eager
    change: the default dtype is double precision
    call 2: compiles, equals eager
    change: the default dtype is as before
    call 3: reuses, equals eager
    """,
)
def default_dtype_is_obeyed(s: Subject) -> None:
    """Tensors made without a dtype, or with torch.get_default_dtype(), have the default dtype of that call."""

    def make(x: Tensor) -> tuple[Tensor, Tensor]:
        named = torch.zeros(3, dtype=torch.get_default_dtype(), device=x.device)
        return named + 1, torch.full((3,), 0.1, device=x.device) * 2

    program = s.compile(make)
    program(s.ones(3))
    s.change("the default dtype is double precision")
    with setting(torch.set_default_dtype, torch.float64, torch.get_default_dtype()):
        program(s.ones(3))
    s.change("the default dtype is as before")
    program(s.ones(3))


@scenario(
    ref="torch.compiler: core concepts / guards on global state",
    expect="""
    call 1: compiles, equals eager
    change: for one call the default device is one that holds no numbers
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    change: for one call the default device is one that holds no numbers
    call 4: reuses, equals eager
    call 5: reuses, equals eager
    """,
)
def default_device_is_obeyed(s: Subject) -> None:
    """Tensors that a program makes without a device are on the default device at the time of the call."""
    program, x = s.compile(lambda x: (x * 2, torch.zeros(3) + 1)), s.ones(3)
    program(x)
    for _ in range(2):
        s.change("for one call the default device is one that holds no numbers")
        with torch.device("meta"):
            program(x)
        program(x)


def ask_determinism(x: Tensor) -> Tensor:
    """Goes up where deterministic algorithms are demanded."""
    return x + 1 if torch.are_deterministic_algorithms_enabled() else x - 1


def ask_precision(x: Tensor) -> Tensor:
    """Goes up or down with the precision of products of matrices."""
    return x + 1 if torch.get_float32_matmul_precision() == "medium" else x - 1


#: For each state that a program can ask for: a program, how to set it, and values, the usual one last.
STATES: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]] = {
    "determinism": (ask_determinism, torch.use_deterministic_algorithms, (False, True, False)),
    "precision": (ask_precision, torch.set_float32_matmul_precision, ("high", "medium", "highest")),
}


@scenario(
    ref="torch.compiler: core concepts / guards on global state",
    axes={"state": ("determinism", "precision")},
    expect={
        "state=precision": """
        change: the state is set
        call 1: compiles, equals eager
        change: the state is set
        call 2: compiles, equals eager
        change: the state is set
        call 3: compiles, equals eager
        """,
        "otherwise": """
        change: the state is set
        call 1: compiles, equals eager
        change: the state is set
        call 2: compiles, equals eager
        change: the state is set
        call 3: reuses, equals eager
        """,
    },
)
def query_is_answered(s: Subject) -> None:
    """A program that asks for the deterministic flag or the matmul precision gets its value at the time of the call."""
    ask, change, values = STATES[s.axis("state")]
    program = s.compile(ask)
    for value in values:
        s.change("the state is set")
        change(value)
        program(s.ones(3))


@scenario(
    ref="torch.compiler: core concepts / side effects",
    expect="""
    call 1: compiles, changes grad_mode, equals eager
    call 2: compiles, equals eager
    call 3: compiles, changes grad_mode, equals eager
    call 4: compiles, equals eager
    """,
)
def grad_mode_persists(s: Subject) -> None:
    """A grad mode that a program sets stays set when it returns, and holds for what it computes from there on."""

    def switch(x: Tensor, wanted: bool) -> tuple[Tensor, Tensor]:  # noqa: FBT001 - the program's own
        before = x * 2
        torch.set_grad_enabled(wanted)
        return before, x * 3

    program, x = s.compile(switch), s.randn(3).requires_grad_()
    with torch.enable_grad():
        for wanted in False, False, True, True:
            program(x, wanted)


@scenario(
    ref="torch.compiler: core concepts / side effects",
    expect="""
    call 1: compiles, changes default_dtype, equals eager
    call 2: compiles, equals eager
    call 3: compiles, changes default_dtype, equals eager
    call 4: reuses, changes default_dtype, equals eager
    """,
)
def default_dtype_persists(s: Subject) -> None:
    """A default dtype that a program sets stays set when it returns, and holds for what it makes from there on."""

    def switch(x: Tensor, dtype: torch.dtype) -> Tensor:
        torch.set_default_dtype(dtype)
        return torch.full((3,), 0.1, device=x.device) * 2

    program, before = s.compile(switch), torch.get_default_dtype()
    with setting(torch.set_default_dtype, before, before):
        for dtype in torch.float64, torch.float64, torch.float32, torch.float64:
            program(s.ones(3), dtype)


@scenario(
    ref="torch.compiler: core concepts / exceptions",
    expect="""
    call 1: compiles, equals eager
    call 2: runs uncompiled, raises ValueError, equals eager
    call 3: runs uncompiled, raises ValueError, equals eager
    call 4: runs uncompiled, equals eager
    """,
)
def exception_leaves_the_mode(s: Subject) -> None:
    """A no_grad block inside a program ends when an exception leaves it: the caller's grad mode is as before."""

    def refuse(x: Tensor, fails: bool) -> Tensor:  # noqa: FBT001 - the program's own
        with torch.no_grad():
            y = x * 2
            if fails:
                raise ValueError("refused")
        return y + x

    program, x = s.compile(refuse), s.randn(3).requires_grad_()
    for fails in False, True, True, False:
        s.attempt(program, x, fails)


@scenario(
    ref="torch.autograd.graph.saved_tensors_hooks / as context",
    expect="""
    call 1: compiles, equals eager
    the gradient: equals eager
    hooks were called: equals eager
    call 2: reuses, equals eager
    the gradient: equals eager
    hooks were called: equals eager
    call 3: reuses, equals eager
    the gradient: equals eager
    hooks were called: equals eager
    call 4: reuses, equals eager
    the gradient: equals eager
    hooks were called: equals eager
    """,
)
def hooks_on_saved_tensors_are_called(s: Subject) -> None:
    """Where saved_tensors_hooks are active in a call, they are called for what it saves; gradients are as in eager."""
    program = s.compile(lambda x: (x.sin() * x).exp())
    held: list[Tensor] = []

    def pack(saved: Tensor) -> int:
        held.append(saved.clone())
        return len(held) - 1

    for active in False, True, False, True:
        held.clear()
        x = s.randn(3).requires_grad_()
        with saved_tensors_hooks(pack, held.__getitem__) if active else contextlib.nullcontext():
            y = program(x)
        s.note("the gradient", torch.autograd.grad(y.sum(), x))
        s.note("hooks were called", bool(held))


class AddsTwice(TorchFunctionMode):
    """Every sum of tensors has its second operand twice."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        return result + args[1] if func is torch.add else result


@scenario(
    ref="torch.overrides / TorchFunctionMode",
    expect="""
    call 1: compiles, equals eager
    change: the mode is entered
    call 2: compiles, equals eager
    change: the mode is left
    call 3: reuses, equals eager
    change: the mode is entered
    call 4: reuses, equals eager
    change: the mode is left
    call 5: reuses, equals eager
    """,
)
def function_mode_is_obeyed(s: Subject) -> None:
    """A TorchFunctionMode holds for the calls that are made inside it, and for no others."""
    program = s.compile(lambda x: torch.add(x, 1) * 2)
    program(s.ones(3))
    for _ in range(2):
        s.change("the mode is entered")
        with AddsTwice():
            program(s.ones(3))
        s.change("the mode is left")
        program(s.ones(3))


@scenario(
    ref="torch.autograd / anomaly detection",
    expect="""
    call 1: compiles, equals eager
    the gradient is no number: equals eager
    call 2: reuses, equals eager
    the gradient is no number: equals eager
    call 3: reuses, equals eager
    the gradient is no number: equals eager
    """,
)
def anomaly_is_detected(s: Subject) -> None:
    """With anomaly detection on, a NaN gradient raises an error in compiled code too; without it, it does not."""
    program = s.compile(lambda x: (x.sqrt() * 0).sum())
    for wanted in False, True, False:
        with torch.autograd.set_detect_anomaly(wanted), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x = s.zeros(3).requires_grad_()
            y = program(x)
            try:
                found = str(torch.autograd.grad(y, x)[0].isnan().all().item())
            except RuntimeError:
                found = "an error"
        s.note("the gradient is no number", found)


def follow_item(x: Tensor) -> Tensor:
    """Goes up where a variable of the environment says so."""
    return x + 1 if os.environ["TOUCHSTONE_DIRECTION"] == "up" else x - 1


def follow_getenv(x: Tensor) -> Tensor:
    """The same, by another way to read it."""
    return x + 1 if os.getenv("TOUCHSTONE_DIRECTION") == "up" else x - 1


@scenario(
    ref="torch.compiler: core concepts / guards on globals",
    axes={"read": ("item", "getenv")},
    expect="""
    change: the variable is set to up
    call 1: compiles, equals eager
    change: the variable is set to down
    call 2: compiles, equals eager
    change: the variable is set to up
    call 3: reuses, equals eager
    """,
)
def environment_is_obeyed(s: Subject) -> None:
    """An environment variable that a program reads has its value at the time of the call."""
    program = s.compile(follow_item if s.axis("read") == "item" else follow_getenv)
    for direction in "up", "down", "up":
        s.change(f"the variable is set to {direction}")
        with mock.patch.dict(os.environ, TOUCHSTONE_DIRECTION=direction):
            program(s.ones(3))


DIRECTION: ContextVar[str] = ContextVar("DIRECTION", default="up")


def follow_context(x: Tensor) -> Tensor:
    """Goes up where a context variable says so."""
    return x + 1 if DIRECTION.get() == "up" else x - 1


@scenario(
    ref="torch.compiler: core concepts / guards on globals",
    expect="""
    call 1: compiles, equals eager
    change: the variable is set
    call 2: compiles, equals eager
    change: the variable is reset
    call 3: reuses, equals eager
    """,
)
def context_variable_is_obeyed(s: Subject) -> None:
    """A ContextVar that a program reads has its value at the time of the call."""
    program = s.compile(follow_context)
    program(s.ones(3))
    s.change("the variable is set")
    token = DIRECTION.set("down")
    program(s.ones(3))
    s.change("the variable is reset")
    DIRECTION.reset(token)
    program(s.ones(3))


def warn(x: Tensor) -> Tensor:
    """Warns in the middle of a computation."""
    y = x + 1
    warnings.warn("a warning of the program", stacklevel=1)
    return y * 2


@scenario(
    ref="torch.compiler: core concepts / side effects",
    expect="""
    change: the filter says always
    call 1: compiles 2 graphs, equals eager
    warnings: equals eager
    change: the filter says ignore
    call 2: reuses, equals eager
    warnings: equals eager
    change: the filter says always
    call 3: reuses, equals eager
    warnings: equals eager
    change: the filter says error
    call 4: reuses, raises UserWarning, equals eager
    warnings: equals eager
    change: the filter says always
    call 5: reuses, equals eager
    warnings: equals eager
    """,
)
def warning_filters_are_obeyed(s: Subject) -> None:
    """A program's warning is ignored, recorded or raised in each call as the filters at the time of the call say."""
    program = s.compile(warn)
    for action in "always", "ignore", "always", "error", "always":
        s.change(f"the filter says {action}")
        with warnings.catch_warnings(record=True) as found:
            warnings.filterwarnings("ignore")
            warnings.filterwarnings(action, message="a warning of the program")
            s.attempt(program, s.ones(3))
        s.note("warnings", [str(each.message) for each in found])
