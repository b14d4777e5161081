"""Can one find out what compiled code is guarded by, and why it was not reused?"""

from __future__ import annotations

import contextlib
import io
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch._logging._internal import set_logs

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor


@contextlib.contextmanager
def listening(**logs: Any) -> Iterator[io.StringIO]:
    """What is written into these logs, until the context ends."""
    heard = io.StringIO()
    # Some versions write to what stderr is when the logs are set, others to what it is when they are written.
    with contextlib.redirect_stderr(heard):
        set_logs(**logs)
        yield heard
    set_logs()


def among(text: str, *parts: str) -> list[str]:
    """Those of the parts that a text has."""
    return [part for part in parts if part in text]


FACTOR = 2


def rescale(x: Tensor, n: int, flag: bool) -> Tensor:  # noqa: FBT001 - the program's own
    """A program that uses a tensor, a number, a flag and a global."""
    return x * n * FACTOR if flag else x


@scenario(
    ref="torch.compiler: reducing guard overhead / guard_filter_fn",
    needs=("torch_compile", "guards_text", "dynamic_shapes"),
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: compiles, equals eager
    times asked (should) = 2
    numbers (may) = [flag is True, n is 7]
    globals (may) = [G['FACTOR']]
    kinds (may) = [TENSOR_MATCH]
    """,
)
def filter_is_shown_the_guards(s: Subject) -> None:
    """A guard_filter_fn is called once in each compilation, with the name, type and value of each guard."""
    shown: list[Sequence[Any]] = []

    def keep(entries: Sequence[Any]) -> list[bool]:
        shown.append([each for each in entries if each.name])
        return [True] * len(entries)

    program = s.compile(rescale, options={"guard_filter_fn": keep})
    for size in 3, 3, 4:
        program(s.randn(size), 7, flag=True)
    s.tell("times asked", len(shown), tier="should")
    first = shown[0] if shown else ()
    numbers = {f"{each.name} is {each.value}" for each in first if each.name in ("n", "flag")}
    s.tell("numbers", sorted(numbers), tier="may")
    s.tell("globals", sorted({each.name for each in first if each.is_global}), tier="may")
    s.tell("kinds", sorted({each.guard_type for each in first if each.name == "x"}), tier="may")


#: Other arguments than the first call's, and what is said of them.
CHANGES: dict[str, tuple[Callable[[Tensor], tuple[Any, ...]], str]] = {
    "size": (
        lambda x: (x[:2], 7, True),
        "tensor 'x' size mismatch at index 0",
    ),
    "dtype": (lambda x: (x.double(), 7, True), "tensor 'x' dtype mismatch"),
    "gradient": (
        lambda x: (x.clone().requires_grad_(), 7, True),
        "tensor 'x' requires_grad mismatch",
    ),
    "number": (lambda x: (x, 8, True), "n == 7"),
    "flag": (lambda x: (x, 7, False), "flag == True"),
    "class": (lambda x: ([x], 7, False), "expected type of 'x'"),
}


@scenario(
    ref="torch.compiler: recompilation / logs",
    needs=("torch_compile", "guards_text", "dynamic_shapes"),
    axes={"change": ("size", "dtype", "gradient", "number", "flag", "class")},
    expect={
        "change=size": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: compiles, equals eager
        call 4: reuses, equals eager
        logged (should) = [False, False, True, False]
        named (may) = [rescale, introspection_guards.py, tensor 'x' size mismatch at index 0]
        """,
        "change=dtype": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: compiles, equals eager
        call 4: reuses, equals eager
        logged (should) = [False, False, True, False]
        named (may) = [rescale, introspection_guards.py, tensor 'x' dtype mismatch]
        """,
        "change=gradient": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: compiles, equals eager
        call 4: reuses, equals eager
        logged (should) = [False, False, True, False]
        named (may) = [rescale, introspection_guards.py, tensor 'x' requires_grad mismatch]
        """,
        "change=number": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: compiles, equals eager
        call 4: reuses, equals eager
        logged (should) = [False, False, True, False]
        named (may) = [rescale, introspection_guards.py, n == 7]
        """,
        "change=flag": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: compiles no graphs, result is argument 0, equals eager
        call 4: runs uncompiled, result is argument 0, equals eager
        logged (should) = [False, False, True, False]
        named (may) = [rescale, introspection_guards.py, flag == True]
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: compiles no graphs, result[0] is argument 0[0], equals eager
        call 4: runs uncompiled, result[0] is argument 0[0], equals eager
        logged (should) = [False, False, True, False]
        named (may) = [rescale, introspection_guards.py, expected type of 'x']
        """,
    },
)
def recompilation_is_logged(s: Subject) -> None:
    """The log of recompilations says of each call that recompiled, and of no other, what had changed."""
    program, x = s.compile(rescale, dynamic=False), s.randn(3)
    make, reason = CHANGES[s.axis("change")]
    changed, lines = make(x), []
    with listening(recompiles=True) as heard:
        for args in (x, 7, True), (x, 7, True), changed, changed:
            program(*args)
            lines.append(heard.getvalue())
    new = [len(after) > len(before) for before, after in itertools.pairwise(["", *lines])]
    s.tell("logged", new, tier="should")
    s.tell("named", among(lines[-1], "rescale", Path(__file__).name, reason), tier="may")


@scenario(
    ref="torch.compiler: recompilation / forbidden",
    needs=("torch_compile", "guards_text", "dynamic_shapes", "dynamo_config"),
    axes={"by": ("flag", "stance")},
    expect={
        "by=flag": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: raises torch._dynamo.exc.RecompileError while tracing
        call 4: reuses, equals eager
        named (may) = [rescale, introspection_guards.py, n == 7]
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: runs uncompiled, raises RuntimeError while running
        call 4: reuses, equals eager
        named (may) = [rescale, introspection_guards.py, n == 7]
        """,
    },
)
def forbidden_recompilation_says_why(s: Subject) -> None:
    """Where recompiling is forbidden, the error says what had changed; a call that needs no compilation goes on."""
    program, text = s.compile(rescale, dynamic=False), ""
    program(s.randn(3), 7, flag=True)
    stance = "fail_on_recompile" if s.axis("by") == "stance" else "default"
    s.config(error_on_recompile=s.axis("by") == "flag")
    with torch.compiler.set_stance(stance):
        for number in 7, 8, 7:
            try:
                program(s.randn(3), number, flag=True)
            except Exception as error:  # noqa: BLE001 - the story tells what was raised
                text = str(error)
    s.tell("named", among(text, "rescale", Path(__file__).name, "n == 7"), tier="may")


@scenario(
    ref="torch.compiler: recompilation / recompile limit",
    needs=("recompile_limit", "dynamo_config", "guards_text"),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    calls 3-5: runs uncompiled, equals eager
    logged (should) = [False, False, True, False, False]
    named (may) = [recompile_limit (2), rescale, introspection_guards.py, n == 6]
    """,
)
def limit_is_logged(s: Subject) -> None:
    """A function that reaches its recompile limit is logged once, with the limit and the last reason to recompile."""
    s.config(recompile_limit=2)
    program, logged = s.compile(rescale, dynamic=False), [""]
    with listening() as heard:
        for number in 5, 6, 7, 7, 8:
            program(s.ones(3), number, flag=True)
            logged.append(heard.getvalue())
    new = [len(after) > len(before) for before, after in itertools.pairwise(logged)]
    s.tell("logged", new, tier="should")
    parts = "recompile_limit (2)", "rescale", Path(__file__).name, "n == 6"
    s.tell("named", among(logged[-1], *parts), tier="may")
