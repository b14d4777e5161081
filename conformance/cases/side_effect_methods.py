"""Do special methods, iterators and print in a program do their work once each, as in eager?"""

from __future__ import annotations

import contextlib
import io
import itertools
from typing import TYPE_CHECKING, Any, Self

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor


#: Ways to hand out one number after the other.
ITERATORS: dict[str, Callable[[], Any]] = {
    "list": lambda: iter([1, 2, 3, 4, 5, 6, 7]),
    "count": lambda: itertools.count(3, 2),
    "generator": lambda: (n * n for n in range(9)),
}


@scenario(
    ref="torch.compiler: core concepts / side effects",
    axes={"kind": ("list", "count", "generator")},
    tiers={"compiles": "may: which iterators can be traced varies"},
    expect={
        "kind=count": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        what is left: equals eager
        """,
        # Since torch 2.14 a frame without tensors is left alone.
        "kind=generator, torch>=2.14": """
        call 1: runs uncompiled, equals eager
        call 2: runs uncompiled, equals eager
        what is left: equals eager
        """,
        "otherwise": """
        call 1: compiles no graphs, equals eager
        call 2: reuses, equals eager
        what is left: equals eager
        """,
    },
)
def iterator_is_advanced(s: Subject) -> None:
    """An iterator that is passed advances by what the program takes, and the next call goes on from there."""

    def program(x: Any, numbers: Any) -> Any:
        x = x * next(numbers)
        for number in numbers:
            x = x + number
            if not number % 3:
                break
        return x

    compiled, numbers = s.compile(program), ITERATORS[s.axis("kind")]()
    for _ in range(2):
        compiled(s.ones(2), numbers)
    s.note("what is left", list(itertools.islice(numbers, 3)))


class Watched:
    """Logs whatever is done to it."""

    log: list[str]
    limit = 3

    def __init__(self) -> None:
        vars(self)["log"] = []

    def __setattr__(self, name: str, value: object) -> None:
        self.log.append(f"set {name}")
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        self.log.append(f"delete {name}")
        super().__delattr__(name)

    @property
    def level(self) -> Any:
        """Doubled where it is set."""
        self.log.append("get level")
        return vars(self)["_level"]

    @level.setter
    def level(self, value: Any) -> None:
        vars(self)["_level"] = value * 2

    def __setitem__(self, key: str, value: object) -> None:
        self.log.append(f"item {key}")
        vars(self)[key] = value

    def __iadd__(self, value: Any) -> Self:
        self.log.append("add")
        vars(self)["total"] = vars(self).get("total", 0) + value
        return self


@scenario(
    ref="torch.compiler: core concepts / side effects",
    tiers={"compiles": "may: which of these writes can be traced varies"},
    expect="""
    calls 1-3: compiles 2 graphs, equals eager
    what was done: equals eager
    """,
)
def writes_go_through_methods(s: Subject) -> None:
    """Writes go through a class's own __setattr__, __setitem__, __iadd__ or property setter, once each time."""

    def program(x: Tensor, watched: Any) -> Any:
        watched.spare = 1
        watched.level = x + 1
        watched["item"] = watched.level
        watched += x.sum()
        setattr(watched, "spare", watched.spare + 1)  # noqa: B010 - another way
        del watched.spare
        return x * watched.limit

    compiled, watched = s.compile(program), Watched()
    for limit in 3, 3, 5:
        watched.limit = limit
        compiled(s.randn(2), watched)
    s.note("what was done", watched.log)


class Asked:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}

    def _count(self, what: str) -> None:
        self.asked[what] = self.asked.get(what, 0) + 1

    def __len__(self) -> int:
        self._count("length")
        return 2

    def __getitem__(self, index: int) -> float:
        self._count("item")
        return [0.5, 1.5][index]

    def __contains__(self, value: object) -> bool:
        self._count("contents")
        return value == 1

    def __call__(self, x: Tensor) -> Tensor:
        """One step."""
        self._count("call")
        return x + 1

    def __lt__(self, other: object) -> bool:
        self._count("order")
        return True

    def __iter__(self) -> Iterator[int]:
        self._count("iterator")
        return iter((1, 2))

    def __bool__(self) -> bool:
        self._count("truth")
        return True

    def __enter__(self) -> None:
        self._count("enter")

    def __exit__(self, *_: object) -> None:
        self._count("exit")


@scenario(
    ref="torch.compiler: core concepts / side effects",
    tiers={"compiles": "may: which of these methods can be traced varies"},
    expect="""
    call 1: compiles, equals eager
    how often: equals eager
    call 2: compiles, equals eager
    how often: equals eager
    """,
)
def methods_run_as_often(s: Subject) -> None:
    """Special methods such as __len__, __iter__, __bool__ and __enter__ run as often as in eager."""

    def program(x: Tensor, asked: Any) -> Any:
        if asked and 1 in asked and None not in asked and asked < 1:
            x = asked(asked(x))
        for number in asked:
            x = x * number
        with asked:
            return x + asked[-1] + len(asked)

    compiled, asked = s.compile(program), Asked()
    for _ in range(2):
        compiled(s.randn(2), asked)
        s.note("how often", dict(asked.asked))


@scenario(
    ref="torch.compiler: core concepts / graph breaks",
    expect="""
    call 1: compiles 2 graphs, equals eager
    output: equals eager
    call 2: compiles, equals eager
    output: equals eager
    call 3: compiles 2 graphs, equals eager
    output: equals eager
    call 4: reuses, equals eager
    output: equals eager
    """,
)
def print_is_seen(s: Subject) -> None:
    """What a program prints is printed in each call, once, with the values of that call."""

    def program(x: Tensor, name: str) -> Tensor:
        y = x + 1
        print(name, "has", tuple(y.shape), y[0].item(), sep=": ", end=";")  # noqa: T201 - what it is about
        return y * 2

    compiled = s.compile(program)
    for name, size in ("first", 2), ("second", 2), ("second", 3), ("first", 2):
        with contextlib.redirect_stdout(io.StringIO()) as output:
            compiled(s.arange(size), name)
        s.note("output", output.getvalue())
