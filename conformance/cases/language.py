"""Do the constructs of Python do in a compiled program what they do in eager?"""

# ruff: noqa: B009, FURB110, PIE796, PLR0133, PLR0911, PLR2004, PLW0120, RUF021 - odd ways to say it are the subject

from __future__ import annotations

import contextlib
import enum
import functools
import itertools
import operator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor


class Color(enum.Enum):
    """Has members with values and a method."""

    RED = 1
    GREEN = 2
    CRIMSON = 1

    def weight(self) -> int:
        """Ten times the value."""
        return self.value * 10


class Point(NamedTuple):
    """Two tensors, or numbers."""

    x: Any
    y: Any = 5


@dataclass(order=True)
class Setting:
    """Has defaults, one of them made anew, and one that is computed."""

    scale: float
    name: str = "none"
    steps: list[int] = field(default_factory=list, compare=False)
    double: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.double = self.scale * 2


def match(x: Tensor, subject: Any) -> Any:
    """Has a case for each kind of value."""
    match subject:
        case 0 | 1 as number:
            return x * (number + 2)
        case int() | float() if subject > 10:
            return x * subject
        case str(text):
            return x, text.upper()
        case Point(x=0, y=second):
            return x * second
        case [first, *rest]:
            return x * first + sum(rest)
        case {"scale": scale, **others}:
            return x * scale, others
        case _:
            return -x


def unpack(x: Tensor, subject: Any) -> Any:
    """Takes things apart and puts them together."""
    first, *middle, last = [x, x + 1, *range(subject), x + 2]
    (a, b), *_ = zip(middle, "ab", strict=False)
    merged = {"a": 1, "b": subject, **dict.fromkeys("cb", 2)}
    middle.append(last)
    return first + last, a, b, merged, middle, [*{*"aa"}], x[..., None, :1]


def choose(x: Tensor, subject: Any) -> Any:
    """Chains comparisons and names values on the way."""
    if 0 < (n := subject + 1) <= 3 != n:
        return x + n, not n, n if n else None
    while (n := n - 2) > 1:
        x = x * n
    else:
        x = x - 1
    return x, n and "some" or "none", n is None, 2 in (1, 3)


def sort(x: Tensor, subject: Any) -> Any:
    """Sorts, groups, folds and accumulates."""
    words = sorted(["bb", "a", "ccc", "dd"], key=lambda each: (-len(each), each), reverse=True)
    groups = {key: list(each) for key, each in itertools.groupby(sorted(words, key=len), key=len)}
    folded = functools.reduce(operator.mul, range(1, subject + 2), x)
    pairs = list(itertools.zip_longest("ab", range(subject), fillvalue=x.dim()))
    sums = list(itertools.accumulate([1, 2, subject], initial=10))
    every = [
        *itertools.product("ab", repeat=2),
        *itertools.combinations("abc", 2),
        *itertools.pairwise([1, 2, 3]),
    ]
    return (
        folded,
        words,
        groups,
        pairs,
        sums,
        every,
        max(words, key=len),
        min([3, subject], default=0),
    )


def make(x: Tensor, subject: Any) -> Any:
    """Makes objects of many kinds."""
    one, other = Setting(subject, steps=[1]), Setting(subject)
    other.steps.append(2)
    point = Point(x, 1)._replace(y=subject)
    colors = [each.name for each in Color], Color(1) is Color.CRIMSON, Color["GREEN"].weight()
    return (
        replace(one, name="new"),
        one == other,
        one < Setting(subject + 1),
        other,
        point,
        colors,
        [*point][1],
    )


def text(x: Tensor, subject: Any) -> Any:
    """Makes texts."""
    size = f"{len(x)=} {x.dim():>3} {str(subject)!r:^7}|"
    words = " a,b ,c".strip().split(",")
    pieces = "%s-%d" % ("x", subject), "{:03d} {n}".format(subject, n=2), "_".join(words)  # noqa: UP031, UP032 - they are what it is about
    return (
        x * len(size),
        size,
        pieces,
        "abc"[::-1].title().replace("C", "d").find("b"),
        "a" < "b",
        "aXb".partition("X"),
    )


def run_functions(x: Tensor, subject: Any) -> Any:
    """Calls functions with all kinds of parameters, and itself."""

    def collect(first: Any, /, second: Any = 2, *rest: Any, key: Any = None, **more: Any) -> Any:
        return first, second, rest, key, more

    def fibonacci(n: int) -> int:
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    adders: list[Any] = [lambda y, n=n: y + n for n in range(1, 4)]
    late: list[Any] = [lambda y: y + n for n in range(1, 4)]  # noqa: B023 - that it is late is what it is about
    added = [adder(x) for adder in (*adders, *late)]
    some = functools.partial(collect, 1, key=subject)
    return (
        added,
        collect(1, *range(subject), key=3, z=4),
        some(7, 8, w=9),
        x * fibonacci(subject + 3),
    )


@contextlib.contextmanager
def scaled(log: list[str], name: str) -> Iterator[str]:
    """A context that logs."""
    log.append(f"enter {name}")
    try:
        yield name * 2
    except ValueError:
        log.append(f"swallow in {name}")
    finally:
        log.append(f"leave {name}")


def use_contexts(x: Tensor, subject: Any) -> Any:
    """Enters contexts, and leaves them in the ways that there are."""
    log: list[str] = []
    for number in range(3):
        with scaled(log, "a") as name, scaled(log, name) as inner:
            log.append(inner)
            if number == subject:
                break
            x = x + (number + 1)
            if number == 1:
                raise ValueError
    try:
        with scaled(log, "c") as name:
            log.append({"cc": "found"}[name * subject])
    except KeyError as error:
        log.append(f"caught {error.args}")
    else:
        log.append("nothing")
    return x, log


def generate(x: Tensor, subject: Any) -> Any:
    """Uses generators that are sent values, delegate, and are closed."""

    def count(limit: int) -> Any:
        total = 0
        try:
            while total < limit:
                got = yield total
                total += got or 1
        finally:
            closed.append(total)
        return total

    def delegate() -> Any:
        first = yield from count(2)
        yield first, x * 10
        yield from (x + n for n in range(1, subject + 1))

    closed: list[int] = []
    counter = count(100)
    sent = [next(counter), counter.send(5), next(counter), counter.send(subject)]
    counter.close()
    return (
        list(delegate()),
        sent,
        closed,
        any(n > 1 for n in range(3)),
        next((n for n in [3]), None),
    )


class Base:
    """Counts in cooperative calls."""

    def __init__(self, *names: str) -> None:
        self.names = ["base", *names]

    def run(self, x: Tensor) -> Tensor:
        """One step."""
        return x + 1


class Left(Base):
    """Doubles before."""

    def __init__(self, *names: str) -> None:
        super().__init__("left", *names)

    def run(self, x: Tensor) -> Tensor:
        """Two steps."""
        return super().run(x * 2)


class Right(Base):
    """Triples before."""

    def run(self, x: Tensor) -> Tensor:
        """Two steps."""
        return super().run(x * 3)

    def __add__(self, other: Any) -> Any:
        return len(self.names) + other

    def __radd__(self, other: Any) -> Any:
        return other * 2

    def __matmul__(self, other: Any) -> Any:
        return NotImplemented


class Both(Left, Right):
    """Is both."""

    __slots__ = ("slot",)

    def __rmatmul__(self, other: Any) -> Any:
        return "reflected"


def inherit(x: Tensor, subject: Any) -> Any:
    """Uses what classes inherit."""
    both: Any = Both("own")
    both.slot = x * (subject + 1)
    operated = both + 1, 1 + both, Right() @ both, sum([both, both])
    kinds = (
        isinstance(both, Right),
        issubclass(Both, (int, Base)),
        type(both).__mro__[1].__name__,
        callable(both),
    )
    return (
        both.run(x),
        both.slot,
        both.names,
        operated,
        kinds,
        hasattr(both, "missing"),
        getattr(both, "run")(x),
    )


#: Programs that are full of one part of the language.
PROGRAMS: dict[str, Callable[[Tensor, Any], Any]] = {
    "match": match,
    "unpack": unpack,
    "choose": choose,
    "sort": sort,
    "make": make,
    "text": text,
    "functions": run_functions,
    "contexts": use_contexts,
    "generators": generate,
    "classes": inherit,
}


@scenario(
    ref="torch.compiler: core concepts / Python",
    axes={
        "part": (
            "unpack",
            "choose",
            "sort",
            "make",
            "text",
            "functions",
            "contexts",
            "generators",
            "classes",
        )
    },
    tiers={"compiles": "may: which constructs can be traced varies"},
    expect={
        "part=unpack": """
        call 1: compiles, result[4][0] is result[1], result[6] shares storage with argument 0, equals eager
        call 2: compiles, result[4][0] is result[1], result[6] shares storage with argument 0, equals eager
        call 3: reuses, result[4][0] is result[1], result[6] shares storage with argument 0, equals eager
        call 4: compiles, result[4][0] is result[1], result[6] shares storage with argument 0, equals eager
        """,
        "part=make": """
        call 1: compiles no graphs, result[4][0] is argument 0, equals eager
        calls 2-4: runs uncompiled, result[4][0] is argument 0, equals eager
        """,
        "part=text": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        """,
        "part=generators, torch<2.14": """
        calls 1-4: runs uncompiled, equals eager
        """,
        "part=classes, torch<2.14": """
        call 1: compiles, equals eager
        calls 2-4: reuses, equals eager
        """,
        "part=classes": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: compiles, equals eager
        """,
    },
)
def construct_means_the_same(s: Subject) -> None:
    """Python's unpacking, generators, classes, context managers, string formatting and so on act as in eager."""
    program = s.compile(PROGRAMS[s.axis("part")])
    for number in 1, 3, 1, 2:
        program(s.randn(3), number)


#: What cases are asked to fit.
SUBJECTS: list[Any] = [1, 12, 0, "text", 3, Point(0), (2, 3, 4), {"scale": 3, "more": 1}, {}, None]


@scenario(
    ref="torch.compiler: core concepts / Python",
    tiers={"compiles": "may: which patterns can be traced varies"},
    expect="""
    calls 1-3: compiles, equals eager
    call 4: compiles no graphs, result[0] is argument 0, equals eager
    calls 5-10: runs uncompiled, equals eager
    """,
)
def case_fits(s: Subject) -> None:
    """A match statement takes the case that fits in each call, whatever the type of the value is."""
    program = s.compile(match)
    for subject in SUBJECTS:
        program(s.randn(2), subject)
