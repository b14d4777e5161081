"""Are the records that tools read - traces, profiles, times, metrics - whole, and do they lead to the program?"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from torch import nn
from torch._dynamo import utils
from torch._dynamo.callback import callback_handler
from torch._logging import _internal
from torch.profiler import ProfilerActivity, profile

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor
    from torch._dynamo.callback import CallbackArgs


def mix(x: Tensor, y: Tensor) -> Tensor:
    """A program whose result tells its arguments apart."""
    return (x.sin() - y * 2).cumsum(0)


def break_graph(x: Tensor) -> Tensor:
    """Cannot be one graph."""
    torch._dynamo.graph_break()  # noqa: SLF001 - the documented name
    return x + 1


def be_killed(*_: object) -> Callable[..., Any]:
    """A backend that does not outlive its first graph."""
    os.kill(os.getpid(), signal.SIGKILL)
    return mix


def trace_until_killed(do: Callable[[], object], folder: str) -> None:
    """Do something in a forked process that is traced from its beginning, and that is killed while it compiles."""
    if child := os.fork():
        os.waitpid(child, 0)
        return
    try:
        with mock.patch.object(_internal, "LOG_TRACE_HANDLER", None):
            os.environ["TORCH_TRACE"] = folder
            _internal._init_logs()  # noqa: SLF001 - as a process begins for which the variable was set
        do()
        torch.compile(lambda x: x + 1, backend=be_killed)(torch.ones(3))
    finally:
        be_killed()


#: Who wrote a record, when and where, and what it says.
RECORD = re.compile(r"V\d{4} \S+ \d+ \S+:\d+\] (?P<says>\{.*\})")


def records_of(folder: str) -> list[tuple[dict[str, Any], str]]:
    """The records in a trace, with what belongs to each; an empty one for what cannot be read."""
    found: list[tuple[dict[str, Any], list[str]]] = []
    for file in Path(folder).glob("*.log"):
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("\t"):
                found[-1][1].append(line[1:])
            else:
                record = RECORD.fullmatch(line)
                found.append((json.loads(record["says"]) if record else {}, []))
    return [(says, "\n".join(lines)) for says, lines in found]


def is_whole(says: dict[str, Any], text: str) -> bool:
    """Whether all is there that belongs to a record."""
    return says.get("has_payload", "") in ("", hashlib.md5(text.encode()).hexdigest())  # noqa: S324 - its own sum


@scenario(
    ref="torch.compiler: observability / TORCH_TRACE",
    needs=("torch_compile", "dynamic_shapes"),
    expect="""
    trace a process that is killed: succeeds
    readable (may) = True
    whole (may) = True
    compiled (may) = [mix, mix]
    for a size (may) = [False, True]
    others (may) = {'dynamo_start': 3, 'dynamo_output_graph': 3, 'dynamo_cpp_guards_str': 2}
    """,
)
def trace_outlives_the_process(s: Subject) -> None:
    """What TORCH_TRACE wrote up to a process's death is all there after it was killed, each record complete."""
    program, args = s.compile(mix), [(s.randn(size), s.randn(size)) for size in (3, 3, 4)]
    do = lambda: [program.target(*each) for each in args]  # noqa: E731 - what the process does
    s.act("trace a process that is killed", lambda: trace_until_killed(do, s.path("trace")))
    records = records_of(s.path("trace"))
    s.tell("readable", all(says for says, _ in records), tier="may")
    s.tell("whole", all(is_whole(says, text) for says, text in records), tier="may")
    metrics = [says["compilation_metrics"] for says, _ in records if "compilation_metrics" in says]
    reasons = [each.get("recompile_reason") or "" for each in metrics]
    s.tell("compiled", [each["co_name"] for each in metrics], tier="may")
    s.tell("for a size", ["size mismatch" in each for each in reasons], tier="may")
    kinds = "dynamo_start", "dynamo_output_graph", "dynamo_cpp_guards_str"
    counts = {kind: sum(kind in says for says, _ in records) for kind in kinds}
    s.tell("others", counts, tier="may")


@scenario(
    ref="torch.compiler: profiling",
    needs=("torch_compile", "dynamic_shapes"),
    expect="""
    results: equals eager
    regions (may) = [0, 1, 1, 1]
    """,
)
def profile_names_the_regions(s: Subject) -> None:
    """A profile shows in each call the compiled region that ran, with the number of its compilation."""
    program, x, y = s.compile(mix), s.randn(3), s.randn(4)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        results = [program.target(each, each) for each in (x, y, x, y)]
    s.note("results", results)
    names = [each.name for each in profiled.events()]
    regions = [
        name.rpartition("/")[2] for name in names if name.startswith("Torch-Compiled Region")
    ]
    s.tell("regions", regions, tier="may")


def times() -> list[float]:
    """The seconds that each compilation has taken."""
    names, rows = utils.compile_times(repr="csv")
    found: dict[str, Any] = dict(zip(names, rows, strict=True))
    return [float(each) for each in str(found.get("_compile.compile_inner", "")).split(",") if each]


@scenario(
    ref="torch._dynamo.utils.compile_times",
    needs=("torch_compile", "dynamic_shapes"),
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: compiles, equals eager
    new entries (may) = [1, 0, 1]
    all take time (may) = True
    printed (may) = True
    """,
)
def compilations_are_timed(s: Subject) -> None:
    """In compile_times() each compilation has an entry above zero, and a call that reuses has none."""
    program, counts = s.compile(mix), [len(times())]
    for size in 3, 3, 4:
        program(s.randn(size), s.randn(size))
        counts.append(len(times()))
    new = [after - before for before, after in itertools.pairwise(counts)]
    s.tell("new entries", new, tier="may")
    s.tell("all take time", all(each > 0 for each in times()), tier="may")
    s.tell("printed", "_compile.compile_inner" in utils.compile_times("str"), tier="may")


@scenario(
    ref="torch.compiler: observability / compilation metrics",
    needs=("torch_compile", "dynamic_shapes", "fullgraph"),
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: compiles, equals eager
    call 4: raises torch._dynamo.exc.Unsupported while tracing
    functions (may) = [mix, mix, break_graph]
    begins at the line of the first (may) = [True, True, False]
    operations (may) = [4, 4, None]
    again (may) = [False, True, False]
    failed (may) = [None, None, Unsupported]
    """,
)
def metrics_tell_of_each_compilation(s: Subject) -> None:
    """Each compilation has metrics: its function, its number of operations, why it was made again, or why it failed."""
    utils.clear_compilation_metrics()
    program = s.compile(mix)
    for size in 3, 3, 4:
        program(s.randn(size), s.randn(size))
    s.attempt(s.compile(break_graph, fullgraph=True), s.randn(3))
    found = utils.get_compilation_metrics()
    places = [each.co_firstlineno == mix.__code__.co_firstlineno for each in found]
    s.tell("functions", [each.co_name for each in found], tier="may")
    s.tell("begins at the line of the first", places, tier="may")
    s.tell("operations", [each.graph_op_count for each in found], tier="may")
    s.tell("again", ["size" in (each.recompile_reason or "") for each in found], tier="may")
    s.tell("failed", [each.fail_type for each in found], tier="may")


class Stacked(nn.Module):
    """Layers in a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 3), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """What the layers give, and a sine of it."""
        y = self.layers(x)
        return torch.sin(y) + 1


@scenario(
    ref="torch.compiler: custom backends / what a graph's nodes know",
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    lines (may) = [self.layers(x), self.layers(x), torch.sin(y) + 1, torch.sin(y) + 1]
    layers (may) = [[Sequential, Linear], [Sequential, ReLU], [], []]
    """,
)
def nodes_lead_to_the_program(s: Subject) -> None:
    """Each node of a graph that a backend is given names the line of the program, and the module, that it is from."""
    nodes: list[Any] = []

    def keep(graph: torch.fx.GraphModule, _: Sequence[Any]) -> Callable[..., Any]:
        nodes.extend(each for each in graph.graph.nodes if each.op.startswith("call"))
        return lambda *args: graph(*args)  # noqa: PLW0108 - the graph itself would be no compiled code

    s.compile(s.place(Stacked()), backend=keep)(s.randn(2, 3))
    traces = [each.meta.get("stack_trace") or "" for each in nodes]
    lines = "self.layers(x)", "torch.sin(y) + 1"
    s.tell("lines", [next((a for a in lines if a in each), None) for each in traces], tier="may")
    layers = [list(each.meta.get("nn_module_stack", {}).values()) for each in nodes]
    s.tell("layers", [[kind.__name__ for _, kind in each] for each in layers], tier="may")


@scenario(
    ref="torch.compiler: observability / callbacks",
    needs=("torch_compile", "dynamic_shapes", "fullgraph"),
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: compiles, equals eager
    call 4: raises torch._dynamo.exc.Unsupported while tracing
    call 5: compiles, equals eager
    heard (may) = [begins, ends, called with 3, called with 3, begins, ends, called with 4, begins, ends]
    """,
)
def listeners_hear_of_each_compilation(s: Subject) -> None:
    """Registered callbacks run at the start and at the end of each compilation, also of one that fails."""
    heard: list[str] = []
    begins: Callable[[CallbackArgs], None] = lambda _: heard.append("begins")  # noqa: E731 - one of two
    ends: Callable[[CallbackArgs], None] = lambda _: heard.append("ends")  # noqa: E731 - the other
    program = s.compile(mix)
    callback_handler.register_start_callback(begins)
    callback_handler.register_end_callback(ends)
    for size in 3, 3, 4:
        program(s.randn(size), s.randn(size))
        heard.append(f"called with {size}")
    s.attempt(s.compile(break_graph, fullgraph=True), s.randn(3))
    callback_handler.remove_start_callback(begins)
    callback_handler.remove_end_callback(ends)
    program(s.randn(2, 2), s.randn(2, 2))
    s.tell("heard", heard, tier="may")
