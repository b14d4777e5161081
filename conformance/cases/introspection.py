"""Can one find out what was compiled, and where and why a graph broke?"""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch._logging._internal import set_logs

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

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


def whole(x: Tensor) -> Tensor:
    """Is one graph."""
    return torch.sin(x * 2)


def in_two(x: Tensor) -> Tensor:
    """Breaks once."""
    y = torch.sin(x * 2)
    torch._dynamo.graph_break()  # noqa: SLF001 - the documented name
    return y + 1


def in_three(x: Tensor) -> Tensor:
    """Breaks once more, in what it calls."""
    y = in_two(x + 3) * 2
    torch._dynamo.graph_break()  # noqa: SLF001 - likewise
    return y - 1


PIECES: list[Callable[[Tensor], Tensor]] = [whole, in_two]

#: Seconds that an explanation may take.
PATIENCE = 50.0


def explain(program: Callable[[Tensor], Tensor], x: Tensor) -> Explained:
    """What torch explains of a program, in a forked process: what is compiled there is no implementation's."""
    forking = multiprocessing.get_context("fork")
    ours, theirs = forking.Pipe()
    process = forking.Process(target=send_explanation, args=(theirs, program, x), daemon=True)
    process.start()
    theirs.close()
    try:
        return Explained(*ours.recv()) if ours.poll(PATIENCE) else Explained(-1, -1, [], [])
    finally:
        process.kill()
        process.join()


@dataclass(frozen=True)
class Explained:
    """Counts, and for each reason the file, the function, the line and the text."""

    graphs: int
    breaks: int
    operations: list[int]
    reasons: list[tuple[str, str, str, str]]


def send_explanation(to: Connection, program: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """Explain a program, and send what comes of it."""
    found: Any = torch._dynamo.explain(program)(x)  # noqa: SLF001 - the documented name
    last = [(each.reason, each.user_stack[-1]) for each in found.break_reasons]
    reasons = [(Path(at.filename).name, at.name, at.line, reason) for reason, at in last]
    operations = [len(each) for each in found.ops_per_graph]
    to.send((found.graph_count, found.graph_break_count, operations, reasons))


@scenario(
    ref="torch._dynamo.explain",
    needs=("torch_compile",),
    tells=("ops",),
    axes={"breaks": (0, 1)},
    expect={
        "breaks=0": """
        call 1: compiles, 2 ops, equals eager
        explain it: succeeds
        graphs (should) = 1
        graph breaks (should) = 0
        operations (should) = [2]
        """,
        "otherwise": """
        call 1: compiles 2 graphs, 3 ops, equals eager
        explain it: succeeds
        graphs (should) = 2
        graph breaks (should) = 1
        operations (should) = [2, 1]
        """,
    },
)
def explanation_counts(s: Subject) -> None:
    """The graphs, graph breaks and operations that torch._dynamo.explain counts are those of compiling the program."""
    program, x = PIECES[s.axis("breaks")], s.randn(3)
    s.compile(program)(x)
    found = s.act("explain it", lambda: explain(program, x))
    s.tell("graphs", found and found.graphs, tier="should")
    s.tell("graph breaks", found and found.breaks, tier="should")
    s.tell("operations", found and found.operations, tier="should")


@scenario(
    ref="torch._dynamo.explain",
    needs=("torch_compile",),
    expect="""
    explain it: succeeds
    places (may) = [introspection.py: in_three, introspection.py: in_two]
    lines (may) = [torch._dynamo.graph_break()]
    all are explained (may) = True
    """,
)
def explanation_names_the_lines(s: Subject) -> None:
    """For each graph break, torch._dynamo.explain gives a reason, and the line and function that it is in."""
    x = s.randn(3)
    found = s.act("explain it", lambda: explain(in_three, x))
    reasons = found.reasons if found else ()
    s.tell("places", sorted({f"{file}: {function}" for file, function, *_ in reasons}), tier="may")
    s.tell(
        "lines", sorted({line.strip().partition("  #")[0] for *_, line, _ in reasons}), tier="may"
    )
    parts = "graph_break()", "Explanation:", "Hint:"
    told = [all(part in text for part in parts) for *_, text in reasons]
    s.tell("all are explained", bool(told) and all(told), tier="may")


def prints(x: Tensor) -> Tensor:
    """Prints, where the graph ends."""
    print("here")  # noqa: T201 - the program's own
    return x + 1


def branches(x: Tensor) -> Tensor:
    """Depends on the numbers."""
    if x.sum() > 0:
        return x + 1
    return x - 1


@torch.compiler.disable  # type: ignore[untyped-decorator]
def uncompiled(x: Tensor) -> Tensor:
    """Is not to be compiled."""
    return x * 2


def calls_uncompiled(x: Tensor) -> Tensor:
    """Calls what is not to be compiled."""
    return uncompiled(x) + 1  # type: ignore[no-any-return]


CAUSES: dict[str, Callable[[Tensor], Tensor]] = {
    "asked for": in_two,
    "print": prints,
    "branch": branches,
    "disabled": calls_uncompiled,
}


def registered(text: str) -> list[str]:
    """What the registry of graph breaks has under the numbers that the addresses in a text end with."""
    registry = Path(torch._dynamo.__file__).with_name("graph_break_registry.json")  # noqa: SLF001 - documented
    kinds = json.loads(registry.read_text(encoding="utf-8"))
    found = re.findall(r"https://\S+/gb(\d{4})\.html", text)
    return [kinds["GB" + each][0]["Gb_type"] for each in found]


@scenario(
    ref="torch.compiler: graph breaks / logs",
    needs=("torch_compile",),
    axes={"cause": ("asked for", "print", "branch", "disabled")},
    expect={
        "cause=asked for": """
        call 1: compiles 2 graphs, equals eager
        call 2: reuses, equals eager
        only the first call is logged (should) = True
        place (may) = [introspection.py, True]
        parts (may) = [Explanation:, Hint:, User code traceback:]
        kind (may) = [Call to `torch._dynamo.graph_break()`]
        """,
        "cause=print": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        only the first call is logged (should) = True
        place (may) = [introspection.py, True]
        parts (may) = [Explanation:, Hint:, User code traceback:]
        kind (may) = [Failed to trace builtin operator]
        """,
        "cause=branch": """
        call 1: compiles 2 graphs, equals eager
        call 2: reuses, equals eager
        only the first call is logged (should) = True
        place (may) = [introspection.py, True]
        parts (may) = [Explanation:, Hint:, User code traceback:]
        kind (may) = [Data-dependent branching]
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        only the first call is logged (should) = True
        place (may) = [introspection.py, True]
        parts (may) = [Explanation:, Hint:, User code traceback:]
        kind (may) = [Skip calling `torch.compiler.disable()`d function]
        """,
    },
)
def graph_break_is_logged(s: Subject) -> None:
    """The log of graph breaks names the line of each once, with an explanation and a link to a page about it."""
    program, lines = s.compile(CAUSES[s.axis("cause")]), []
    with listening(graph_breaks=True) as heard, contextlib.redirect_stdout(io.StringIO()):
        for _ in range(2):
            program(s.ones(3))
            lines.append(heard.getvalue())
    s.tell("only the first call is logged", bool(lines[0]) and lines[0] == lines[1], tier="should")
    line = re.search(r"Graph break in user code at \S*?(\w+\.py):(\d+)", lines[0])
    code = CAUSES[s.axis("cause")].__code__
    within = [int(line[2]) in {each for *_, each in code.co_lines()}] if line else []
    s.tell("place", [line and line[1], *within], tier="may")
    s.tell("parts", among(lines[0], "Explanation:", "Hint:", "User code traceback:"), tier="may")
    s.tell("kind", registered(lines[0]), tier="may")


def calls_causes(x: Tensor, cause: Callable[[Tensor], Tensor]) -> Tensor:
    """Calls what cannot be part of a graph."""
    return cause(x) * 2


@scenario(
    ref="torch.compiler: fullgraph",
    needs=("torch_compile", "fullgraph"),
    axes={"cause": ("asked for", "print", "branch", "disabled")},
    expect={
        "cause=asked for": """
        call 1: raises torch._dynamo.exc.Unsupported while tracing
        functions (may) = [calls_causes, in_two]
        lines (may) = [cause(x) * 2, graph_break()]
        kind (may) = [Call to `torch._dynamo.graph_break()`]
        """,
        "cause=print": """
        call 1: raises torch._dynamo.exc.Unsupported while tracing
        functions (may) = [calls_causes, prints]
        lines (may) = [cause(x) * 2, print(]
        kind (may) = [Failed to trace builtin operator]
        """,
        "cause=branch": """
        call 1: raises torch._dynamo.exc.Unsupported while tracing
        functions (may) = [calls_causes, branches]
        lines (may) = [cause(x) * 2, if x.sum()]
        kind (may) = [Data-dependent branching]
        """,
        "otherwise": """
        call 1: raises torch._dynamo.exc.Unsupported while tracing
        functions (may) = [calls_causes, calls_uncompiled]
        lines (may) = [cause(x) * 2, uncompiled(x)]
        kind (may) = [Skip calling `torch.compiler.disable()`d function]
        """,
    },
)
def error_leads_to_the_lines(s: Subject) -> None:
    """An error of fullgraph=True has the lines of the program that led to it, and a link to a page about it."""
    cause, text = CAUSES[s.axis("cause")], ""
    try:
        s.compile(calls_causes, fullgraph=True)(s.ones(3), cause)
    except Exception as error:  # noqa: BLE001 - the story tells what was raised
        text = str(error)
    traced = text.partition("from user code:")[2]
    s.tell("functions", re.findall(r"line \d+, in (\w+)", traced), tier="may")
    s.tell(
        "lines",
        among(traced, "cause(x) * 2", "graph_break()", "print(", "if x.sum()", "uncompiled(x)"),
        tier="may",
    )
    s.tell("kind", registered(text), tier="may")
