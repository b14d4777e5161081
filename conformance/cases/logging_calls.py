"""Is what a program prints and logs printed and logged, where such calls need not break the graph?"""

from __future__ import annotations

import contextlib
import io
import logging
from typing import TYPE_CHECKING, Any

import torch
from torch.profiler import ProfilerActivity, profile

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

HEARD: list[str] = []


def hear(text: str, x: Tensor | None = None) -> None:
    """A function of the program's own that keeps what it is told."""
    HEARD.append(text if x is None else f"{text} {x.tolist()}")


def printed(program: Callable[..., Any], *args: Any) -> str:
    """What a call prints."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        program(*args)
    return output.getvalue()


@scenario(
    ref="torch.compiler: graph breaks / reorderable_logging_functions",
    needs=("dynamo_config", "fullgraph"),
    expect="""
    call 1: compiles, equals eager
    heard: equals eager
    call 2: reuses, equals eager
    heard: equals eager
    call 3: reuses, equals eager
    heard: equals eager
    """,
)
def reordered_calls_say_what_they_are_told(s: Subject) -> None:
    """A function in reorderable_logging_functions is called as often, in the order and with the values of eager."""
    s.config(reorderable_logging_functions={hear})

    def program(x: Tensor) -> Tensor:
        hear("before", x)
        y = x * 2
        hear("doubled", y)
        hear("after")
        return y + 1

    compiled = s.compile(program, fullgraph=True)
    for _ in range(3):
        HEARD.clear()
        compiled(s.randn(3))
        s.note("heard", list(HEARD))


@scenario(
    ref="torch.compiler: graph breaks / reorderable_logging_functions",
    needs=("dynamo_config", "fullgraph"),
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    printed (diverge) = [before [2.0, 2.0], after [2.0, 2.0]]
    call 2: reuses, mutates argument 0, equals eager
    printed (diverge) = [before [2.0, 2.0], after [2.0, 2.0]]
    """,
)
def reordered_calls_see_later_writes(s: Subject) -> None:
    """A function in reorderable_logging_functions runs at the end of the program, and sees later in-place writes."""
    s.config(reorderable_logging_functions={hear})

    def program(x: Tensor) -> Tensor:
        hear("before", x)
        x.add_(1)
        hear("after", x)
        return x * 3

    compiled = s.compile(program, fullgraph=True)
    for _ in range(2):
        HEARD.clear()
        compiled(s.ones(2))
        s.tell("printed", HEARD, tier="diverge")


class Talking(torch.nn.Module):
    """Logs what it is called with."""

    def forward(self, x: Tensor) -> Tensor:
        """Twice the argument."""
        hear("within", x)
        return x * 2


@scenario(
    ref="torch.compiler: graph breaks / reorderable_logging_functions",
    needs=("dynamo_config", "fullgraph"),
    expect="""
    call 1: compiles, equals eager
    heard: equals eager
    call 2: reuses, equals eager
    heard: equals eager
    """,
)
def submodules_log_as_well(s: Subject) -> None:
    """A function in reorderable_logging_functions is called for what a submodule logs, too."""
    s.config(reorderable_logging_functions={hear})
    talking = Talking()

    def program(x: Tensor) -> Tensor:
        return talking(x) + 1  # type: ignore[no-any-return]

    compiled = s.compile(program, fullgraph=True)
    for _ in range(2):
        HEARD.clear()
        compiled(s.randn(3))
        s.note("heard", list(HEARD))


@scenario(
    ref="torch.compiler: graph breaks / reorderable_logging_functions",
    needs=("dynamo_config",),
    expect="""
    call 1: compiles 2 graphs, equals eager
    printed: equals eager
    call 2: reuses, equals eager
    printed: equals eager
    """,
)
def print_with_options_keeps_them(s: Subject) -> None:
    """A print with `sep` and `end` obeys them, also where print is in reorderable_logging_functions."""
    s.config(reorderable_logging_functions={print})

    def program(x: Tensor) -> Tensor:
        y = x * 2
        print("doubled", y, sep=": ", end=";\n")  # noqa: T201 - what it is about
        return y + 1

    compiled = s.compile(program)
    for number in 1, 3:
        s.note("printed", printed(compiled, s.full((2,), number).cpu()))


class Hearing(logging.Handler):
    """Keeps what is logged."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        hear(record.getMessage())


LOGGER = logging.getLogger("touchstone.program")
LOGGER.addHandler(Hearing())


def log_function(x: Tensor) -> Tensor:
    """Calls a function of its own."""
    y = x * 2
    hear("doubled")
    return y + 1


def log_logger(x: Tensor) -> Tensor:
    """Calls a method of a logger."""
    y = x * 2
    LOGGER.error("doubled")
    return y + 1


IGNORED: dict[str, tuple[Callable[[Tensor], Tensor], Callable[..., Any]]] = {
    "function": (log_function, hear),
    "logger": (log_logger, LOGGER.error),
    "all loggers": (log_logger, logging.Logger.error),
}


@scenario(
    ref="torch.compiler: fullgraph / ignore_logging_functions",
    needs=("torch_compile", "dynamo_config", "fullgraph"),
    axes={"ignored": ("function", "logger", "all loggers")},
    expect="""
    call 1: compiles, equals eager
    heard (diverge) = []
    call 2: reuses, equals eager
    heard (diverge) = []
    change: eager is forced
    call 3: runs uncompiled, equals eager
    heard (diverge) = [doubled]
    change: eager is no longer forced
    call 4: reuses, equals eager
    heard (diverge) = []
    """,
)
def ignored_calls_are_left_out(s: Subject) -> None:
    """A function in ignore_logging_functions is not called by compiled code, and is called under force_eager."""
    program, ignored = IGNORED[s.axis("ignored")]
    s.config(ignore_logging_functions={ignored})
    compiled = s.compile(program, fullgraph=True)
    for stance in "default", "default", "force_eager", "default":
        if stance == "force_eager":
            s.change("eager is forced")
        HEARD.clear()
        with torch.compiler.set_stance(stance):
            compiled(s.randn(3))
        s.tell("heard", HEARD, tier="diverge")
        if stance == "force_eager":
            s.change("eager is no longer forced")


def in_a_region(x: Tensor) -> Tensor:
    """A part of it is a region that a profile is to show."""
    with torch.profiler.record_function("its own region"):
        y = x * 2
    return y + 1


@scenario(
    ref="torch._dynamo.config.capture_profiler_record_function",
    needs=("dynamo_config", "fullgraph"),
    axes={"captured": (False, True)},
    expect={
        "captured=False": """
        call 1: compiles, equals eager
        its regions (diverge) = 0
        """,
        "otherwise": """
        call 1: compiles, equals eager
        its regions (diverge) = 2
        """,
    },
)
def regions_are_shown_if_captured(s: Subject) -> None:
    """A profile shows a program's record_function regions only if capture_profiler_record_function is on."""
    s.config(capture_profiler_record_function=s.axis("captured"))
    compiled = s.compile(in_a_region, fullgraph=True)
    compiled(s.randn(3))
    x = s.randn(3)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(2):
            compiled.target(x)
    names = [each.name for each in profiled.events()]
    s.tell("its regions", names.count("its own region"), tier="diverge")
