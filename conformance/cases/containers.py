"""Does each call see what a container argument holds, in which order, and of which type it is?"""

from __future__ import annotations

import collections
import dataclasses
import types
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor


@scenario(
    ref="torch.compiler: core concepts / guards on containers",
    expect="""
    call 1: compiles, equals eager
    change: the list: append
    call 2: compiles, equals eager
    change: the list: append
    call 3: compiles, equals eager
    change: the list: pop
    call 4: reuses, equals eager
    change: the list: clear
    call 5: compiles, equals eager
    change: the list: append
    call 6: reuses, equals eager
    """,
)
def list_grows_and_shrinks(s: Subject) -> None:
    """A list argument is read as it is at the time of the call, be it empty, grown or shrunk."""

    def program(tensors: list[Tensor]) -> tuple[Any, ...]:
        return sum(tensors, torch.ones(())), len(tensors), tensors[-1:] == []

    compiled, tensors = s.compile(program), [s.randn(2)]
    compiled(tensors)
    for change in "append", "append", "pop", "clear", "append":
        s.change(f"the list: {change}")
        getattr(tensors, change)(*[s.randn(2)] * (change == "append"))
        compiled(tensors)


@scenario(
    ref="torch.compiler: core concepts / guards on containers",
    expect="""
    call 1: compiles, equals eager
    change: the first entry becomes the last
    call 2: compiles, equals eager
    change: another dict in the first order, then one whose values are exchanged
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    """,
)
def entries_change_places(s: Subject) -> None:
    """A dict argument is iterated in its order at the time of the call, with each value under its own key."""

    def program(table: dict[str, Tensor]) -> tuple[Any, ...]:
        total = torch.zeros(())
        for key, value in table.items():
            total = total * 10 + value.sum() + len(key)
        return total, list(table), table["a"] - 1

    compiled, table = s.compile(program), {"a": s.ones(2), "bb": s.full((2,), 2)}
    compiled(table)
    s.change("the first entry becomes the last")
    table["a"] = table.pop("a")
    compiled(table)
    s.change("another dict in the first order, then one whose values are exchanged")
    compiled({"a": s.randn(2), "bb": s.randn(2)})
    compiled({"a": table["bb"], "bb": table["a"]})


@scenario(
    ref="torch.compiler: core concepts / guards on containers",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    call 4: compiles, equals eager
    call 5: compiles, equals eager
    call 6: reuses, equals eager
    """,
)
def keys_come_and_go(s: Subject) -> None:
    """Whether a dict has a key is asked in each call; keys that the program never asks for cause no recompilation."""

    def program(x: Tensor, table: dict[str, Any]) -> Tensor:
        return x * table.get("scale", 2) + (10 if "shift" in table else 0)  # type: ignore[no-any-return]

    compiled, x = s.compile(program), s.ones(2)
    compiled(x, {"unread": 1})
    for table in {}, {"unread": s.ones(3)}, {"scale": 3}, {"shift": None}, {"other": 1, "more": 2}:
        compiled(x, table)


#: Containers that differ in one respect, each with a program to which that matters.
PAIRS: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "length of a dict": (lambda x, c: x + len(c), {"a": 1}, {"a": 1, "b": 2}),
    "members of a set": (lambda x, c: x + 1 if "b" in c else -x, {"a", "c"}, {"a", "b"}),
    "frozen set": (lambda x, c: x + 1 if 2 in c else -x, frozenset({1}), frozenset({1, 2})),  # noqa: PLR2004
    "list or tuple": (lambda x, c: x + 1 if isinstance(c, list) else -x, ["a"], ("a",)),
    "nesting": (lambda x, c: x + 1 if isinstance(c[0], tuple) else -x, [("a",)], ["a"]),
    "deep value": (lambda x, c: x * c["a"][0]["b"], {"a": [{"b": 2.5}]}, {"a": [{"b": 3.5}]}),
    "truth": (lambda x, c: x + 1 if c else -x, [], [None]),
    "equality": (lambda x, c: x + 1 if c == ["a", ["b"]] else -x, ["a", ["b"]], ["a", ["c"]]),
    "kinds of keys": (lambda x, c: x + 1 if "1" in c else -x, {1: "a"}, {"1": "a"}),
    "none inside": (lambda x, c: x + 1 if c["y"] is None else x + c["y"], {"y": None}, {"y": 1.5}),
}


@scenario(
    ref="torch.compiler: core concepts / guards on containers",
    axes={
        "respect": (
            "length of a dict",
            "members of a set",
            "frozen set",
            "list or tuple",
            "nesting",
            "deep value",
            "truth",
            "equality",
            "kinds of keys",
            "none inside",
        )
    },
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    """,
)
def containers_differ(s: Subject) -> None:
    """Containers that differ in type, length, members, nesting or values are told apart, at one graph each."""
    function, first, other = PAIRS[s.axis("respect")]
    program = s.compile(function)
    for container in first, other, first, other:
        program(s.ones(2), container)


class Pair(NamedTuple):
    """Two tensors and a flag, as a tuple."""

    x: Tensor
    y: Tensor
    flag: bool = True


@dataclasses.dataclass
class Record:
    """Two tensors and a flag, as a data class."""

    x: Tensor
    y: Tensor
    flag: bool = True


#: Containers that a program may be given in place of each other.
KINDS: dict[str, Callable[[Tensor, Tensor, bool], Any]] = {
    "named tuple": Pair,
    "data class": Record,
    "namespace": lambda x, y, flag: types.SimpleNamespace(x=x, y=y, flag=flag),
}


@scenario(
    ref="torch.compiler: core concepts / guards on containers",
    axes={"kind": ("named tuple", "data class", "namespace")},
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: compiles, equals eager
    call 4: reuses, equals eager
    call 5: reuses, equals eager
    """,
)
def fields_are_read(s: Subject) -> None:
    """The fields of a named tuple, dataclass or namespace are those of the call, at one graph a value of its flag."""
    make = KINDS[s.axis("kind")]
    program = s.compile(lambda record: record.x * 2 - record.y if record.flag else -record.y)
    for flag in True, True, False, True, False:
        program(make(s.randn(2), s.randn(2), flag))


#: Containers of Python's library with a way of their own.
LIBRARY: dict[str, Callable[[Sequence[Tensor]], Any]] = {
    "deque": lambda tensors: collections.deque(tensors, maxlen=3),
    "ordered dict": lambda tensors: collections.OrderedDict(enumerate(tensors)),
    "default dict": lambda tensors: collections.defaultdict(lambda: tensors[0], enumerate(tensors)),
    "view of a dict": lambda tensors: types.MappingProxyType(dict(enumerate(tensors))),
    "chain of dicts": lambda tensors: collections.ChainMap(
        {0: tensors[-1]}, dict(enumerate(tensors))
    ),
    "size": lambda tensors: torch.Size([len(tensors), 2]),
}


@scenario(
    ref="torch.compiler: core concepts / guards on containers",
    axes={
        "kind": (
            "deque",
            "ordered dict",
            "default dict",
            "view of a dict",
            "chain of dicts",
            "size",
        )
    },
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    """,
)
def containers_of_the_library(s: Subject) -> None:
    """A deque, OrderedDict, defaultdict, ChainMap or the like is read as it is in the call, in its own order."""

    def program(x: Tensor, container: Any) -> Tensor:
        found = container.values() if hasattr(container, "values") else container
        for number, each in enumerate(found):
            x = x * 2 + each + number
        return x

    make, compiled = LIBRARY[s.axis("kind")], s.compile(program)
    for count in 2, 3, 2, 3:
        compiled(s.zeros(2), make([s.randn(2) for _ in range(count)]))


class Table(collections.UserDict):  # type: ignore[type-arg]
    """A mapping of one's own."""


class Noting(dict):  # type: ignore[type-arg]
    """A dict that doubles what is read from it."""

    def __getitem__(self, key: str) -> Any:
        """Twice the entry."""
        return super().__getitem__(key) * 2


@scenario(
    ref="torch.compiler: core concepts / guards on containers",
    expect="""
    calls 1-3: compiles, equals eager
    call 4: reuses, equals eager
    call 5: reuses, equals eager
    call 6: compiles, equals eager
    """,
)
def mappings_of_ones_own(s: Subject) -> None:
    """A dict subclass or UserDict that is passed instead of a dict is read by its own methods."""

    def program(table: Mapping[str, Tensor]) -> Tensor:
        return table["x"] + len(table) * 100

    compiled = s.compile(program)
    for make in dict, Noting, Table, dict, Noting:
        compiled(make(x=s.randn(2)))
    compiled(Noting(x=s.randn(2), y=s.randn(2)))


@scenario(
    ref="torch.compiler: core concepts / guards on containers",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    """,
)
def tensors_are_keys(s: Subject) -> None:
    """A tensor as a dict key is looked up by identity: another tensor of equal values is not found."""

    def program(x: Tensor, table: dict[Any, Any]) -> Tensor:
        return x * table[x] if x in table else x - 1

    compiled, known, other = s.compile(program), s.ones(2), s.ones(2)
    compiled(known, {known: 2.5})
    compiled(other, {known: 2.5})
    compiled(known, {known: 2.5})


@scenario(
    ref="torch.compiler: core concepts / guards on containers",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    """,
)
def entry_is_another_container(s: Subject) -> None:
    """Where one list is passed as two arguments, what the program appends to the first is also in the second."""

    def program(x: Tensor, first: list[Any], second: list[Any]) -> Tensor:
        first.append(x * 2)
        return x * len(second) + (second[-1] if second else 0)

    compiled, same, other = s.compile(program), [s.ones(2)], [s.randn(2)]
    compiled(s.randn(2), [s.ones(2)], list(other))
    for first, second in (same, same), (list(same), list(other)), (other, other):
        compiled(s.randn(2), first, second)


def look_up(table: dict[str, int]) -> int:
    """An entry, or what to take instead where that is missing."""
    try:
        return table["key"]
    except KeyError:
        return -1


#: Ways to find out that there is no such entry.
LOOKUPS: dict[str, Callable[[dict[str, int]], int]] = {
    "error": look_up,
    "get": lambda table: table.get("key", -1),
    "in": lambda table: 1 if "key" in table else -1,
}


@scenario(
    ref="torch.compiler: core concepts / guards on containers",
    axes={"way": ("error", "get", "in")},
    expect="""
    call 1: compiles, equals eager
    change: the entry is made
    call 2: compiles, equals eager
    change: it is deleted
    call 3: reuses, equals eager
    """,
)
def missing_entry_appears(s: Subject) -> None:
    """A program that found a key missing from a dict finds it in calls after it was added."""
    table, find = {"other": 1}, LOOKUPS[s.axis("way")]
    program = s.compile(lambda x: x + find(table))
    program(s.ones(3))
    s.change("the entry is made")
    table["key"] = 1
    program(s.ones(3))
    s.change("it is deleted")
    del table["key"]
    program(s.ones(3))
