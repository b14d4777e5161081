"""Is a graph that was compiled for one pattern of aliases among tensors not reused for another?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def add_into_first(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """The program of this family: what `c + 1` is depends on whether `c` is `a`."""
    a.add_(b)
    return c + 1


@scenario(
    ref="torch.compiler: core concepts / guards on identity of arguments",
    seed=("test_aliasing_guard_failures",),
    needs=("fullgraph",),
    tells=("ops",),
    axes={"dynamic": (None, True, False)},
    expect="""
    call 1: compiles, 2 ops, mutates argument 0, equals eager
    call 2: reuses, mutates argument 0, equals eager
    call 3: compiles, 2 ops, mutates argument 0, mutates argument 2, equals eager
    call 4: reuses, mutates argument 0, mutates argument 2, equals eager
    call 5: reuses, mutates argument 0, equals eager
    call 6: compiles, 2 ops, mutates argument 0, mutates argument 1, equals eager
    call 7: compiles, 2 ops, mutates argument 0, equals eager
    call 8: compiles, 2 ops, mutates argument 0, mutates argument 1, mutates argument 2, equals eager
    call 9: reuses, mutates argument 0, equals eager
    """,
)
def arguments_become_one(s: Subject) -> None:
    """A graph compiled for distinct arguments does not serve calls in which two of them are one tensor."""
    program = s.compile(add_into_first, fullgraph=True, dynamic=s.axis("dynamic"))
    for pattern in "abc", "abc", "aba", "aba", "abc", "aac", "abb", "aaa", "abc":
        tensors = {name: s.randn(3) for name in "abc"}
        program(*(tensors[name] for name in pattern))


@scenario(
    ref="torch.compiler: core concepts / guards on identity of arguments",
    seed=("test_aliasing_guard_failures",),
    needs=("fullgraph",),
    tells=("ops",),
    expect="""
    call 1: compiles, 2 ops, mutates argument 0, mutates argument 2, equals eager
    call 2: compiles, 2 ops, mutates argument 0, equals eager
    call 3: reuses, mutates argument 0, mutates argument 2, equals eager
    """,
)
def one_argument_becomes_two(s: Subject) -> None:
    """A graph compiled for one tensor passed twice does not serve calls with two distinct tensors."""
    program = s.compile(add_into_first, fullgraph=True)
    for pattern in "aba", "abc", "aba":
        tensors = {name: s.randn(3) for name in "abc"}
        program(*(tensors[name] for name in pattern))


@scenario(
    ref="torch.compiler: core concepts / guards on identity of captured tensors",
    seed=("test_aliasing_guard_failures_with_globals",),
    needs=("fullgraph",),
    tells=("ops",),
    axes={"dynamic": (None, True, False)},
    expect="""
    call 1: compiles, 2 ops, mutates argument 0, equals eager
    change: the captured tensor is rebound to a copy, which is passed
    call 2: compiles, 2 ops, mutates argument 0, equals eager
    change: the captured tensor is rebound to a copy, which is passed
    call 3: reuses, mutates argument 0, equals eager
    change: a distinct tensor is passed, then the captured tensor that is returned
    call 4: reuses, mutates argument 0, equals eager
    call 5: compiles, 2 ops, mutates argument 0, equals eager
    """,
)
def captured_tensor_is_passed(s: Subject) -> None:
    """A graph compiled for an argument that is no captured tensor is not reused when a captured tensor is passed."""
    added, returned = s.randn(3), s.randn(3)

    def add_captured(a: Tensor) -> Tensor:
        a.add_(added)
        return returned + 1

    program = s.compile(add_captured, fullgraph=True, dynamic=s.axis("dynamic"))
    program(s.randn(3))
    for _ in range(2):
        s.change("the captured tensor is rebound to a copy, which is passed")
        added = added.clone()
        program(added)
    s.change("a distinct tensor is passed, then the captured tensor that is returned")
    program(s.randn(3))
    program(returned)


@scenario(
    ref="torch.compiler: core concepts / results belong to the caller",
    expect="""
    call 1: compiles, equals eager
    calls 2-4: reuses, equals eager
    results that were kept: equals eager
    """,
)
def kept_results_stay(s: Subject) -> None:
    """A result that the caller keeps is not changed by later calls."""
    program = s.compile(lambda x: (x * 2 + 1) * x)
    kept = [program(s.randn(3)) for _ in range(4)]
    s.note("results that were kept", kept)


#: Operations that return what they are given, in a tensor of its own.
NEUTRAL: dict[str, Callable[[Tensor], Tensor]] = {
    "add 0": lambda x: x + 0,
    "subtract 0": lambda x: x - 0,
    "multiply by 1": lambda x: x * 1,
    "divide by 1": lambda x: x / 1,
}


@scenario(
    ref="torch.compiler: core concepts / results belong to the caller",
    axes={"operation": ("add 0", "subtract 0", "multiply by 1", "divide by 1")},
    expect="""
    call 1: compiles, equals eager
    argument after the result was changed: equals eager
    """,
)
def neutral_operation_makes_a_tensor(s: Subject) -> None:
    """An operation that changes no value, such as x + 0, returns a new tensor: writing to it leaves x as it is."""
    program, x = s.compile(NEUTRAL[s.axis("operation")]), s.randn(3)
    program(x).add_(1)
    s.note("argument after the result was changed", x)


#: What `add_global` adds, and what it returns; each body binds them anew.
ADDED: Any = None
RETURNED: Any = None


def add_global(a: Tensor) -> Tensor:
    """Adds one global of this module into its argument, and returns a sum with another."""
    a.add_(ADDED)
    return RETURNED + 1  # type: ignore[no-any-return]


def bind(added: Tensor, returned: Tensor) -> Tensor:
    """Give the globals of this module other values."""
    globals().update(ADDED=added, RETURNED=returned)
    return added


@scenario(
    ref="torch.compiler: core concepts / guards on identity of globals",
    needs=("fullgraph",),
    axes={"first": ("other", "global")},
    expect={
        "first=global": """
        call 1: compiles, mutates argument 0, equals eager
        call 2: reuses, mutates argument 0, equals eager
        change: the globals are rebound, and none is passed
        call 3: compiles, mutates argument 0, equals eager
        """,
        "otherwise": """
        call 1: compiles, mutates argument 0, equals eager
        call 2: compiles, mutates argument 0, equals eager
        change: the globals are rebound, and none is passed
        call 3: reuses, mutates argument 0, equals eager
        """,
    },
)
def global_is_passed(s: Subject) -> None:
    """A graph compiled where an argument is a global tensor is not reused where it is not, and the reverse."""
    program = s.compile(add_global, fullgraph=True)
    for passed in s.axis("first"), "global":
        added = bind(s.randn(3), s.randn(3))
        program(added if passed == "global" else s.randn(3))
    s.change("the globals are rebound, and none is passed")
    bind(s.randn(3), s.randn(3))
    program(s.randn(3))


@scenario(
    ref="torch.compiler: core concepts / arguments that share storage",
    tiers={"compiles": "may: code that serves both is as good as code for each"},
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    calls 2-4: reuses, mutates argument 0, mutates argument 2, equals eager
    """,
)
def arguments_come_to_share_storage(s: Subject) -> None:
    """After a call with separate tensors, arguments that are overlapping views of one tensor give eager's results."""
    program = s.compile(add_into_first)
    program(s.zeros(4), s.ones(4), s.full((4,), 5))
    for start, stop in (2, 6), (1, 5), (0, 4):
        base = s.arange(6)
        program(base[:4], s.ones(4), base[start:stop])


@scenario(
    ref="torch.compiler: core concepts / arguments that share storage",
    tiers={"compiles": "may: code that serves both is as good as code for each"},
    expect="""
    call 1: compiles, mutates argument 0, mutates argument 2, equals eager
    call 2: reuses, mutates argument 0, equals eager
    """,
)
def arguments_cease_to_share_storage(s: Subject) -> None:
    """After a call with overlapping views of one tensor, arguments that share no storage give eager's results."""
    program, base = s.compile(add_into_first), s.arange(6)
    program(base[:4], s.ones(4), base[2:])
    program(s.zeros(4), s.ones(4), s.full((4,), 5))


@scenario(
    ref="torch.compiler: compile caches",
    expect="""
    call 1: compiles, mutates argument 0, mutates argument 2, equals eager
    change: a fresh process goes on
    call 2: compiles, mutates argument 0, equals eager
    """,
)
def cached_graph_is_for_its_aliases(s: Subject) -> None:
    """A graph that another process has cached on disk for overlapping views is not used for separate tensors."""
    base = s.arange(6)
    s.compile(add_into_first)(base[:4], s.ones(4), base[2:])
    s.elsewhere(add_distinct, shares_caches=True)


def add_distinct(s: Subject) -> None:
    """Call the program of this family with three tensors."""
    s.compile(add_into_first)(s.zeros(4), s.ones(4), s.full((4,), 5))
