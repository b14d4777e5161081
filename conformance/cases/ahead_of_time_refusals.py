"""Is what cannot be compiled ahead of time, saved or loaded refused, with a message that helps?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch._dynamo import graph_break

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor


def add(x: Tensor, y: Tensor) -> Tensor:
    """The sum of two tensors."""
    return x + y


def complaint(do: Callable[..., object], *args: object, **kwargs: object) -> str:
    """The message of the exception that belongs to the claim; the story tells its type."""
    try:
        do(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - the story tells what was raised
        return str(error)
    return ""


def among(text: str, *parts: str) -> list[str]:
    """Those of the parts that a text has."""
    return [part for part in parts if part in text]


def break_graph(x: Tensor, y: Tensor) -> Tensor:
    """Cannot be one graph."""
    z = x + x
    graph_break()
    return z + y


@scenario(
    ref="torch.compiler: ahead-of-time compilation / graph breaks",
    seed=("test_aot_compile_graph_break_error_fmt",),
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: raises torch._dynamo.exc.Unsupported while tracing
    the message has (may) = [`torch._dynamo.graph_break()`, Explanation:, Hint:, gb0025, in break_graph]
    """,
)
def graph_break_is_explained(s: Subject) -> None:
    """A graph break makes the compilation fail, with a message that says what broke it, where, and what to do."""
    text = complaint(s.ahead, break_graph, (s.ones(3), s.ones(3)))
    parts = "`torch._dynamo.graph_break()`", "Explanation:", "Hint:", "gb0025", "in break_graph"
    s.tell("the message has", among(text, *parts), tier="may")


@scenario(
    ref="torch.compiler: ahead-of-time compilation / graph breaks",
    needs=("ahead_of_time",),
    expect="""
    compile ahead of time: raises RuntimeError while running
    the message has (may) = [fullgraph=True]
    """,
)
def graph_breaks_cannot_be_allowed(s: Subject) -> None:
    """Compilation ahead of time without fullgraph=True is refused, with a message that says so."""
    text = complaint(s.ahead, add, (s.ones(3), s.ones(3)), fullgraph=False)
    s.tell("the message has", among(text, "fullgraph=True"), tier="may")


def demand_rows(program: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A decorator that demands more than one row of each argument."""

    def run(*args: Tensor) -> Tensor:
        assert all(len(each) > 1 for each in args)
        return program(*args)

    return run


def keep_all(entries: Sequence[Any]) -> list[bool]:
    """A filter that keeps every guard."""
    return [True for _ in entries]


@scenario(
    ref="torch.compiler: ahead-of-time compilation / filters of guards",
    seed=("test_guard_filter_override_aot",),
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: raises torch._dynamo.exc.PackageError while tracing
    the message has (may) = [CLOSURE_MATCH guard cannot be serialized]
    """,
)
def guard_that_cannot_be_saved_is_refused(s: Subject) -> None:
    """Compilation ahead of time fails if guard_filter_fn keeps a guard that cannot be saved; the message names it."""
    args = s.ones(3), s.ones(3)
    text = complaint(s.ahead, demand_rows(add), args, options={"guard_filter_fn": keep_all})
    s.tell("the message has", among(text, "CLOSURE_MATCH guard cannot be serialized"), tier="may")


@scenario(
    ref="torch.compiler: ahead-of-time compilation / backends of one's own",
    needs=("ahead_of_time", "fullgraph", "torch_compile"),
    expect="""
    compile ahead of time: raises RuntimeError while running
    the message has (may) = [SerializableCallable]
    """,
)
def backend_that_cannot_be_saved_is_refused(s: Subject) -> None:
    """A backend whose result is no SerializableCallable is refused ahead of time, with a message that says so."""
    text = complaint(s.ahead, add, (s.ones(3), s.ones(3)), backend=lambda graph, _: graph.forward)
    s.tell("the message has", among(text, "SerializableCallable"), tier="may")


@scenario(
    ref="torch.compiler: ahead-of-time compilation / load",
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    save: succeeds
    cut the file short: succeeds
    load: raises _pickle.UnpicklingError while running
    """,
)
def incomplete_file_is_refused(s: Subject) -> None:
    """A file that was cut short cannot be loaded."""
    ready = s.ahead(add, (s.randn(3, 4), s.randn(3, 4)))
    ready.save(s.path("add"))
    s.act("cut the file short", lambda: cut(s.path("add")))
    s.attempt(s.load, s.path("add"))


def cut(path: str) -> None:
    """Leave the first half of a file."""
    data = Path(path).read_bytes()
    Path(path).write_bytes(data[: len(data) // 2])


@dataclass
class Named:
    """A result of a class of one's own."""

    value: Tensor


def name_sum(x: Tensor, y: Tensor) -> Named:
    """The sum, in an object."""
    return Named(x + y)


@scenario(
    ref="torch.compiler.load_compiled_function: f_globals",
    seed=("test_external_refs_validation",),
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: raises RuntimeError while tracing
    the message has (may) = [Named, f_globals]
    load: succeeds
    call 2: reuses, equals eager
    """,
)
def missing_globals_are_named(s: Subject) -> None:
    """A program that uses a class of its module cannot be loaded without f_globals; the message names the class."""
    ready = s.ahead(name_sum, (s.randn(3), s.randn(3)))
    ready(s.randn(3), s.randn(3))
    ready.save(s.path("name"))
    s.elsewhere(name_loaded, s.path("name"))


def name_loaded(s: Subject, path: str) -> None:
    """Load what was saved, without globals and with them."""
    text = complaint(s.load, path)
    s.tell("the message has", among(text, "Named", "f_globals"), tier="may")
    loaded = s.load(path, f_globals=globals())
    loaded(s.randn(3), s.randn(3))


class Linear(torch.nn.Module):
    """Holds one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        return self.linear(x)  # type: ignore[no-any-return]


def double_after(module: Linear) -> Callable[[Tensor], Tensor]:
    """A function that has captured a module."""

    def run(x: Tensor) -> Tensor:
        return module(x) * 2  # type: ignore[no-any-return]

    return run


@scenario(
    ref="torch.compiler.load_compiled_function: external_data",
    seed=("test_aot_compile_with_captured_module", "test_aot_compile_with_captured_module_2"),
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    save: raises RuntimeError while running
    the message has (may) = [Linear, external_data]
    save it: succeeds
    change: a fresh process goes on
    load: raises RuntimeError while running
    the message has (may) = [module, external_data]
    load: succeeds
    call 2: reuses, equals eager
    """,
)
def captured_module_is_external(s: Subject) -> None:
    """A module in a closure must be named in external_data on save and given on load; without that, each raises."""
    module, path = s.place(Linear()), s.path("double")
    ready = s.ahead(double_after(module), (s.randn(4, 3),))
    ready(s.randn(4, 3))
    text = complaint(ready.save, path)
    s.tell("the message has", among(text, "Linear", "external_data"), tier="may")
    named = {"module": module}
    s.act("save it", lambda: ready.save_compiled_function(path, external_data=named))
    s.elsewhere(double_loaded, path, module)


def double_loaded(s: Subject, path: str, module: Linear) -> None:
    """Load what was saved, without the module and with it."""
    text = complaint(s.load, path)
    s.tell("the message has", among(text, "module", "external_data"), tier="may")
    loaded = s.load(path, external_data={"module": module})
    loaded(s.randn(4, 3))
