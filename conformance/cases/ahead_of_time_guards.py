"""Is a program that was compiled ahead of time kept from calls that it was not compiled for?"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any

import torch
from torch._dynamo import mark_dynamic

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


@scenario(
    ref="torch.compiler: ahead-of-time compilation / guards",
    needs=("ahead_of_time", "fullgraph", "dynamic_shapes"),
    axes={"dynamic": (None, True, False)},
    expect={
        "dynamic=True": """
        compile ahead of time: compiles, succeeds
        calls 1-3: reuses, equals eager
        call 4: raises RuntimeError while running
        call it with one argument: raises TypeError while running
        save: succeeds
        change: a fresh process goes on
        load: succeeds
        calls 5-7: reuses, equals eager
        call 8: raises RuntimeError while running
        call it with one argument: raises TypeError while running
        """,
        "otherwise": """
        compile ahead of time: compiles, succeeds
        call 1: reuses, equals eager
        call 2: reuses, equals eager
        call 3: raises RuntimeError while running
        call 4: raises RuntimeError while running
        call it with one argument: raises TypeError while running
        save: succeeds
        change: a fresh process goes on
        load: succeeds
        call 5: reuses, equals eager
        call 6: reuses, equals eager
        call 7: raises RuntimeError while running
        call 8: raises RuntimeError while running
        call it with one argument: raises TypeError while running
        """,
    },
)
def other_inputs_are_refused(s: Subject) -> None:
    """A call with inputs that the program was not compiled for raises, here and after loading; nothing is compiled."""
    ready = s.ahead(add, (s.randn(3, 4), s.randn(3, 4)), dynamic=s.axis("dynamic"))
    use(s, ready)
    ready.save(s.path("add"))
    s.elsewhere(use_loaded, s.path("add"))


def use_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and call it as before."""
    use(s, s.load(path))


def use(s: Subject, ready: Any) -> None:
    """Call it as it was compiled, with a keyword, other sizes, another dtype, and too few arguments."""
    x, y = s.randn(3, 4), s.randn(3, 4)
    ready(x, y)
    ready(x, y=y)
    s.attempt(ready, s.randn(5, 4), s.randn(5, 4))
    s.attempt(ready, x.double(), y.double())
    s.attempt(s.act, "call it with one argument", lambda: ready.target(x))


@scenario(
    ref="torch.compiler: dynamic shapes / torch._dynamo.mark_dynamic",
    needs=("ahead_of_time", "fullgraph", "dynamic_shapes"),
    expect="""
    compile ahead of time: compiles, succeeds
    calls 1-3: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    calls 4-6: reuses, equals eager
    """,
)
def marked_dimension_round_trip(s: Subject) -> None:
    """A program compiled ahead of time with mark_dynamic takes other sizes of that dimension, here and once loaded."""
    ready = s.ahead(add, (marked(s.randn(3, 4)), marked(s.randn(3, 4))))
    vary(s, ready)
    ready.save(s.path("add"))
    s.elsewhere(vary_loaded, s.path("add"))


def vary_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and call it as before."""
    vary(s, s.load(path))


def vary(s: Subject, ready: Any) -> None:
    """Call it with several numbers of rows."""
    ready(s.randn(3, 4), s.randn(3, 4))
    ready(s.randn(5, 4), s.randn(5, 4))
    ready(marked(s.randn(6, 4)), marked(s.randn(6, 4)))


def marked(x: Tensor) -> Tensor:
    """The tensor, its rows marked as dynamic."""
    mark_dynamic(x, 0)
    return x


@scenario(
    ref="torch.compiler: ahead-of-time compilation / closures",
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    change: the captured number is rebound
    call 2: raises RuntimeError while running
    the message names it (may) = True
    """,
)
def rebound_capture_is_refused(s: Subject) -> None:
    """If a number in a closure changes after compilation ahead of time, a call raises rather than use the old one."""
    amount = 2

    def add_captured(x: Tensor) -> Tensor:
        return x + amount

    ready = s.ahead(add_captured, (s.randn(3, 4),))
    ready(s.randn(3, 4))
    s.change("the captured number is rebound")
    amount = 5
    text = complaint(ready, s.randn(3, 4))
    s.tell("the message names it", "amount" in text, tier="may")


OFFSET: Any = None


def add_offset(x: Tensor) -> Tensor:
    """The argument plus a global of this module."""
    return x + OFFSET  # type: ignore[no-any-return]


def rebind_offset(value: float) -> None:
    """Give the global of this module another value."""
    globals()["OFFSET"] = torch.tensor(value)


@scenario(
    ref="torch.compiler: ahead-of-time compilation / globals",
    needs=("ahead_of_time", "fullgraph"),
    tiers={"outcome": "diverge: guards on globals are dropped, unless a filter keeps them"},
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    save: succeeds
    change: the global is rebound
    call 2: reuses, differs from eager in value of result
    load: succeeds
    call 3 of what was loaded: reuses, differs from eager in value of result
    load: succeeds
    call 4 of what was loaded with globals: reuses, equals eager
    """,
)
def rebound_global_is_not_seen(s: Subject) -> None:
    """A global tensor keeps its value from compilation ahead of time, unless the program is loaded with f_globals."""
    rebind_offset(1.0)
    ready = s.ahead(add_offset, (s.randn(3, 4),))
    ready(s.randn(3, 4))
    ready.save(s.path("add"))
    s.change("the global is rebound")
    rebind_offset(100.0)
    ready(s.randn(3, 4))
    s.load(s.path("add"), name="what was loaded")(s.randn(3, 4))
    s.load(s.path("add"), name="what was loaded with globals", f_globals=globals())(s.randn(3, 4))


@scenario(
    ref="torch.compiler: ahead-of-time compilation / guards",
    seed=("test_aot_compile_disable_guard_check",),
    needs=("ahead_of_time", "fullgraph"),
    axes={"compiled_with_grad": (False, True)},
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: raises RuntimeError while running
    the message names it (may) = True
    disable the check: succeeds
    call 2: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 3: raises RuntimeError while running
    the message names it (may) = True
    disable the check: succeeds
    call 4: reuses, equals eager
    """,
)
def guard_check_is_disabled(s: Subject) -> None:
    """A call in another grad mode raises until disable_guard_check() is called, here and again after loading."""
    with torch.set_grad_enabled(s.axis("compiled_with_grad")):
        ready = s.ahead(add, (s.randn(3, 4), s.randn(3, 4)))
    disable(s, ready)
    ready.save(s.path("add"))
    s.elsewhere(disable_loaded, s.path("add"))


def disable_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and disable its check."""
    disable(s, s.load(path))


def disable(s: Subject, ready: Any) -> None:
    """Call it in the other grad mode, before and after its check is disabled."""
    x, y = s.randn(3, 4), s.randn(3, 4)
    with torch.set_grad_enabled(not s.axis("compiled_with_grad")):
        text = complaint(ready, x, y)
        s.tell("the message names it", "grad_mode" in text, tier="may")
        s.act("disable the check", lambda: ready.disable_guard_check())  # noqa: PLW0108 - the oracle has none
        ready(x, y)


@scenario(
    ref="torch.compiler: ahead-of-time compilation / guards",
    seed=("test_aot_compile_grad_mode_after_prior_compile",),
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    call 1: compiles, equals eager
    compile ahead of time: compiles, succeeds
    call 2: reuses, equals eager
    call 3: raises RuntimeError while running
    """,
)
def earlier_compilation_leaves_no_guard(s: Subject) -> None:
    """The grad mode that is guarded is that of compilation ahead of time, not that of an earlier torch.compile."""
    x, y = s.randn(3, 4), s.randn(3, 4)
    s.compile(add)(x, y)
    with torch.no_grad():
        ready = s.ahead(add, (x, y))
        ready(x, y)
    s.attempt(ready, x, y)


Pair = namedtuple("Pair", ["x", "y"])  # noqa: PYI024 - untyped on purpose


def add_pair(pair: tuple[Tensor, Tensor]) -> Tensor:
    """The sum of two tensors in a tuple."""
    return pair[0] + pair[1]


@scenario(
    ref="torch.compiler.keep_portable_guards_unsafe",
    seed=("test_aot_compile_portable_guards_unsafe",),
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    call 2: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 3: reuses, equals eager
    compile ahead of time: compiles, succeeds
    call 4: raises RuntimeError while running
    """,
)
def portable_guards_allow_other_tuples(s: Subject) -> None:
    """With keep_portable_guards_unsafe a named tuple may be passed for a tuple; without it, that raises."""
    keep = {"guard_filter_fn": torch.compiler.keep_portable_guards_unsafe}
    ready = s.ahead(add_pair, ((s.randn(3), s.randn(3)),), options=keep)
    ready((s.randn(3), s.randn(3)))
    ready(Pair(s.randn(3), s.randn(3)))
    ready.save(s.path("add"))
    s.elsewhere(add_loaded_pair, s.path("add"))
    strict = s.ahead(add_pair, ((s.randn(3), s.randn(3)),))
    s.attempt(strict, Pair(s.randn(3), s.randn(3)))


def add_loaded_pair(s: Subject, path: str) -> None:
    """Load what was saved, and call it with a named tuple."""
    loaded = s.load(path)
    loaded(Pair(s.randn(3), s.randn(3)))


def keep_tensors(entries: Sequence[Any]) -> list[bool]:
    """A filter that keeps the guards on tensors."""
    return [entry.guard_type == "TENSOR_MATCH" for entry in entries]


def demand_rows(program: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A decorator that demands more than one row of each argument."""

    def run(*args: Tensor) -> Tensor:
        assert all(len(each) > 1 for each in args)
        return program(*args)

    return run


@scenario(
    ref="torch.compiler: ahead-of-time compilation / filters of guards",
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    call 2: reuses, equals eager
    call 3: raises RuntimeError while running
    """,
)
def filtered_guard_is_not_checked(s: Subject) -> None:
    """Guards that guard_filter_fn drops are not checked, and those that it keeps are."""
    x, y = s.randn(3, 4), s.randn(3, 4)
    ready = s.ahead(demand_rows(add), (x, y), options={"guard_filter_fn": keep_tensors})
    ready(x, y)
    with torch.no_grad():
        ready(x, y)
    s.attempt(ready, s.randn(5, 4), s.randn(5, 4))


@scenario(
    ref="torch.compiler: ahead-of-time compilation / decorated functions",
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    call 2: raises RuntimeError while running
    """,
)
def what_a_decorator_demands_is_guarded(s: Subject) -> None:
    """A decorator's assertion becomes a guard: a call that would fail it raises RuntimeError, not AssertionError."""
    ready = s.ahead(demand_rows(add), (s.ones(3), s.ones(3)), dynamic=True)
    ready(s.ones(4), s.ones(4))
    s.attempt(ready, s.ones(1), s.ones(1))


def multiply(x: Tensor, times: float = 2) -> Tensor:
    """The argument, by default twice."""
    return x * times


@scenario(
    ref="torch.compiler: ahead-of-time compilation / signatures",
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    call 2: raises RuntimeError while running
    """,
)
def other_value_than_the_default_is_refused(s: Subject) -> None:
    """A call with another value than the default that the program was compiled with raises."""
    ready = s.ahead(multiply, (s.randn(3, 4),))
    ready(s.randn(3, 4), 2)
    s.attempt(ready, s.randn(3, 4), 3)


class Scales(torch.nn.Module):
    """Multiplies by a number of its own."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """The argument times the number."""
        return x * self.factor


@scenario(
    ref="torch.compiler: ahead-of-time compilation / modules",
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    call 2: raises RuntimeError while running
    call 3: raises RuntimeError while running
    """,
)
def other_module_is_refused(s: Subject) -> None:
    """A call with a module whose float attribute differs from the compiled one raises, as does one without a module."""
    ready = s.ahead(Scales(2.0), (s.randn(3),))
    ready(Scales(2.0), s.randn(3))
    s.attempt(ready, Scales(3.0), s.randn(3))
    s.attempt(ready, s.randn(3))
