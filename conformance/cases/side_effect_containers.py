"""Do lists, dicts and other containers hold after a call what the program has put into them?"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from typing import TYPE_CHECKING, Any

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def change_list(held: Any, x: Tensor) -> None:
    """Every way to write a list."""
    held.append(x * 2)
    held[0] = len(held)
    held += ["a", x.sum()]
    held.insert(1, held.pop())
    held[2:4] = [x]
    del held[-1]
    held.reverse()


def change_dict(held: Any, x: Tensor) -> None:
    """Every way to write a dict; its order counts as well."""
    held["count"] = held.setdefault("count", 0) + 1
    held["first"] = held.pop("first", x + 1) * 2
    held |= {"spare": 1, "sum": x.sum()}
    held.update(last=len(held))
    del held["spare"]


def change_set(held: Any, x: Tensor) -> None:
    """Every way to write a set."""
    held.add(len(held) + x.dim())
    held.discard(1)
    held |= {7, "b"}
    held ^= {"a", "b"}


def change_deque(held: Any, x: Tensor) -> None:
    """Writes both ends of a queue."""
    held.append(x * 2)
    held.appendleft(len(held))
    held.extend([x.sum(), "a"])
    held.rotate(1)
    held.pop()


def change_order(held: Any, x: Tensor) -> None:
    """Writes a dict that can be ordered anew."""
    held["a"], held["b"] = x + 1, len(held)
    held.move_to_end("a")
    held["c"] = held.popitem(last=False)[0]
    held.move_to_end("c", last=False)


def change_default(held: Any, x: Tensor) -> None:
    """Reads entries that are then made."""
    held["many"].append(x * 2)
    held["none"]
    held["all"] += held["many"]


def change_counter(held: Any, x: Tensor) -> None:
    """Counts."""
    held.update("abba")
    held["c"] += x.dim()
    held.subtract("a")


#: For each container, how it is made and how it is changed.
CONTAINERS: dict[str, tuple[Callable[[], Any], Callable[[Any, Tensor], None]]] = {
    "list": (lambda: [0], change_list),
    "dict": (dict, change_dict),
    "set": (lambda: {0}, change_set),
    "deque": (lambda: deque([1, 2]), change_deque),
    "bounded deque": (lambda: deque([1, 2], maxlen=3), change_deque),
    "OrderedDict": (OrderedDict, change_order),
    "defaultdict": (lambda: defaultdict(list), change_default),
    "Counter": (Counter, change_counter),
}


@scenario(
    ref="torch.compiler: core concepts / side effects",
    axes={
        "container": (
            "list",
            "dict",
            "set",
            "deque",
            "bounded deque",
            "OrderedDict",
            "defaultdict",
            "Counter",
        )
    },
    tiers={"compiles": "may: which containers can be traced, and what of them is guarded, varies"},
    expect={
        "container=list": """
        call 1: compiles, equals eager
        call 2: compiles, mutates argument 1[0], equals eager
        call 3: reuses, equals eager
        call 4: compiles, mutates argument 1[0], mutates argument 1[1], equals eager
        """,
        "container=dict": """
        call 1: compiles, equals eager
        call 2: compiles, mutates argument 1['sum'], equals eager
        call 3: reuses, equals eager
        call 4: compiles, mutates argument 1['sum'], mutates argument 1['first'], equals eager
        """,
        "container=deque, torch>=2.14": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: compiles, equals eager
        """,
        "container=deque": """
        call 1: compiles 2 graphs, equals eager
        call 2: compiles 2 graphs, equals eager
        call 3: reuses, equals eager
        call 4: compiles 2 graphs, equals eager
        """,
        "container=OrderedDict": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: compiles, mutates argument 1['a'], equals eager
        """,
        "container=defaultdict": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: compiles, mutates argument 1['all'][1], equals eager
        """,
        "container=Counter, torch>=2.15": """
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
def container_is_changed(s: Subject) -> None:
    """A list, dict, set, deque or the like that a program changes has eager's content and order after each call."""
    make, change = CONTAINERS[s.axis("container")]

    def program(x: Tensor, held: Any) -> Tensor:
        change(held, x)
        return x + len(held)

    compiled, held = s.compile(program), make()
    for which in held, held, make(), held:
        compiled(s.randn(2), which)


@scenario(
    ref="torch.compiler: core concepts / side effects",
    expect="""
    call 1: compiles, equals eager
    one object: equals eager
    call 2: compiles, equals eager
    one object: equals eager
    call 3: compiles, equals eager
    one object: equals eager
    """,
)
def container_has_two_names(s: Subject) -> None:
    """A container with two names is one: what is written by one is read by the other, also after the call."""

    def program(x: Tensor, held: list[Any], table: dict[str, Any]) -> Tensor:
        table["log"].append(x + 1)
        fresh: list[Any] = [len(held)]
        table["first"] = table["second"] = fresh
        held.append(fresh)
        fresh.append(x * 2)
        return -x * len(table["log"])

    compiled = s.compile(program)
    held: list[Any] = []
    tables: list[dict[str, Any]] = [{"log": held}, {"log": []}, {"log": held}]
    for table in tables:
        compiled(s.randn(2), held, table)
        same = (table["first"], table["second"]), (table["first"], held[-1]), (table["log"], held)
        s.note("one object", [a is b for a, b in same])


@scenario(
    ref="torch.compiler: core concepts / side effects",
    expect="""
    call 1: compiles, equals eager
    the container itself: equals eager
    call 2: compiles, equals eager
    the container itself: equals eager
    """,
)
def containers_hold_each_other(s: Subject) -> None:
    """Containers that a program puts into each other refer to each other afterwards, not to copies."""

    def program(x: Tensor, table: dict[str, Any]) -> Tensor:
        inner: list[Any] = [x * 2]
        table["inner"] = inner
        inner.append(table)
        inner.append(inner)
        return x + 1

    compiled = s.compile(program)
    tables: list[dict[str, Any]] = [{}, {"other": 1}]
    for table in tables:
        compiled(s.randn(2), table)
        inner = table["inner"]
        s.note("the container itself", [inner[1] is table, inner[2] is inner])


def grow(x: Tensor, held: list[Any], limit: int) -> Tensor:
    """Walks through a list that grows meanwhile."""
    for item in held:
        if len(held) < limit:
            held.append(item * 2)
        x = x + item
    return x


@scenario(
    ref="torch.compiler: core concepts / side effects",
    expect="""
    calls 1-3: compiles, equals eager
    """,
)
def list_grows_while_it_is_read(s: Subject) -> None:
    """A loop over a list also reaches what is appended to the list while the loop runs."""
    compiled, held = s.compile(grow), [s.randn(2)]
    for limit in 3, 3, 4:
        compiled(s.randn(2), held, limit)
