"""Do the effects of a program on Python objects, once each and in order, outlast the call?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


class Entry:
    """Something that a program makes and registers."""

    def __init__(self, value: Tensor) -> None:
        self.value = value


@scenario(
    ref="torch.compiler: core concepts / side effects",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: compiles no graphs, equals eager
    call 4: runs uncompiled, equals eager
    call 5: compiles no graphs, equals eager
    stored: equals eager
    one object: equals eager
    one tensor: equals eager
    """,
)
def stored_is_what_is_returned(s: Subject) -> None:
    """A tensor or object that a program both stores and returns is one object, which the next call finds."""
    store: dict[str, Any] = {}

    def program(x: Tensor, key: str) -> Any:
        if key in store:
            return store[key].value
        store[key] = Entry(x * 2)
        store["last"] = store[key].value
        return store[key]

    compiled = s.compile(program)
    results = [compiled(s.randn(2), key) for key in ("a", "b", "a", "b", "c")]
    s.note("stored", store)
    pairs = (results[0], "a"), (results[4], "c")
    s.note("one object", [each is store[key] for each, key in pairs])
    s.note("one tensor", [results[2] is store["a"].value, store["last"] is store["c"].value])


def work(x: Tensor, table: dict[str, Any], cut: str) -> Any:
    """Logs what it does, before and after what breaks the graph."""
    log = table["log"]
    log.append(table["count"])
    table["count"] = len(log)
    y = rest(x, log, cut)
    if cut == "in the middle":
        torch._dynamo.graph_break()  # noqa: SLF001 - the documented name
    table["count"] += 1
    log.append(y.sum())
    return y + table["count"]


def rest(x: Tensor, log: list[Any], cut: str) -> Tensor:
    """Logs its beginning and its end."""
    log.append("rest begins")
    if cut == "in a callee":
        torch._dynamo.graph_break()  # noqa: SLF001 - the documented name
    log.append("rest ends")
    return x * 2


@scenario(
    ref="torch.compiler: core concepts / side effects",
    axes={"cut": ("nowhere", "in the middle", "in a callee")},
    expect={
        "cut=nowhere": """
        calls 1-3: compiles, equals eager
        """,
        "otherwise": """
        calls 1-3: compiles 2 graphs, equals eager
        """,
    },
)
def effects_keep_their_order(s: Subject) -> None:
    """Side effects happen once each and in the order of the program, also on both sides of a graph break."""
    compiled, table = s.compile(work), {"count": 0, "log": []}
    for _ in range(3):
        compiled(s.randn(2), table, s.axis("cut"))


def check(limit: int, log: list[str]) -> None:
    """Refuses a limit below 0."""
    log.append("checks")
    if limit < 0:
        raise ValueError(f"{limit} is negative")
    log.append("checked")


def refuse(x: Tensor, table: dict[str, Any], limit: int, then: str) -> Tensor:
    """Logs what it does, whether or not its limit is refused."""
    log = table["log"]
    try:
        check(limit, log)
    except ValueError as error:
        log.append(str(error))
        if then == "another is raised":
            raise KeyError(limit) from error
        if then == "it goes on":
            raise
    finally:
        log.append("finally")
    table["last"] = x * 2
    return x + limit


@scenario(
    ref="torch.compiler: core concepts / exceptions",
    axes={"then": ("it goes on", "another is raised", "it is caught")},
    expect={
        "then=it goes on": """
        call 1: compiles, equals eager
        call 2: runs uncompiled, raises ValueError, equals eager
        call 3: runs uncompiled, equals eager
        call 4: runs uncompiled, raises ValueError, equals eager
        """,
        "then=another is raised": """
        call 1: compiles, equals eager
        call 2: runs uncompiled, raises KeyError, equals eager
        call 3: runs uncompiled, equals eager
        call 4: runs uncompiled, raises KeyError, equals eager
        """,
        "torch>=2.14": """
        calls 1-4: compiles, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        calls 2-4: runs uncompiled, equals eager
        """,
    },
)
def effects_before_an_exception_stay(s: Subject) -> None:
    """Side effects before an exception stay, once each, and nothing of what follows it happens."""
    compiled, table = s.compile(refuse), {"log": list[str]()}
    for limit in 1, -1, 1, -2:
        s.attempt(compiled, s.randn(2), table, limit, s.axis("then"))


def make_counter(start: int, value: Tensor) -> tuple[Callable[[int], int], Callable[[], Any]]:
    """Two functions that share two variables."""
    count, last = start, value

    def advance(step: int) -> int:
        nonlocal count, last
        count, last = count + step, last + step
        return count

    return advance, lambda: (count, last)


@scenario(
    ref="torch.compiler: core concepts / side effects",
    expect="""
    calls 1-3: compiles, equals eager
    before and after: equals eager
    """,
)
def made_functions_share_a_variable(s: Subject) -> None:
    """Closures that a program makes share the variables that they have captured, also when it has returned."""
    made: list[Any] = []

    def program(x: Tensor, start: int) -> Tensor:
        advance, read = make_counter(start, x * 2)
        advance(10)
        made.append((advance, read))
        return x + start

    compiled = s.compile(program)
    for start in 1, 1, 2:
        compiled(s.ones(2), start)
    s.note("before and after", [(read(), advance(5), read()) for advance, read in made])


@scenario(
    ref="torch.compiler: core concepts / side effects",
    expect="""
    call 1: compiles, equals eager
    the class: equals eager
    call 2: compiles, equals eager
    the class: equals eager
    call 3: compiles, equals eager
    the class: equals eager
    """,
)
def class_is_written(s: Subject) -> None:
    """An attribute of a class that a program sets has its new value for everybody when the call returns."""

    class Shared:
        made = 0
        numbers: ClassVar[list[int]] = []

        def __init__(self) -> None:
            type(self).made += 1
            self.number = Shared.made
            self.numbers.append(self.number)

    compiled = s.compile(lambda x: (x + Shared().number, Shared().number, Shared.made))
    for _ in range(3):
        compiled(s.randn(2))
        s.note("the class", (Shared.made, Shared.numbers))


def count_plainly(x: Tensor, counted: Any) -> Any:
    """Counts in an attribute that is there."""
    counted.calls += 1
    return counted(x) + counted.calls


def count_by_default(x: Tensor, counted: Any) -> Any:
    """Counts in an attribute that need not be there."""
    counted.calls = getattr(counted, "calls", 0) + 1
    return counted(x) + counted.calls


@scenario(
    ref="torch.compiler: core concepts / side effects",
    axes={"read": ("plainly", "with a default")},
    expect={
        "torch<2.14": """
        call 1: compiles, equals eager
        the function: equals eager
        call 2: compiles 2 graphs, equals eager
        the function: equals eager
        call 3: reuses, equals eager
        the function: equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        the function: equals eager
        call 2: compiles, equals eager
        the function: equals eager
        call 3: reuses, equals eager
        the function: equals eager
        """,
    },
)
def function_is_written(s: Subject) -> None:
    """An attribute of a function that a program sets is read in the next call, directly or by getattr."""

    def counted(x: Tensor) -> Tensor:
        return x * 2

    plainly = s.axis("read") == "plainly"
    if plainly:
        vars(counted)["calls"] = 0
    compiled = s.compile(count_plainly if plainly else count_by_default)
    for _ in range(3):
        compiled(s.randn(2), counted)
        s.note("the function", vars(counted))
