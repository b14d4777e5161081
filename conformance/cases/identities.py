"""Does each call see which object it is given, of which class, and to what it is equal?"""

from __future__ import annotations

import abc
import functools
import weakref
from typing import TYPE_CHECKING, Any

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


class Plan:
    """Something with attributes that a program reads."""

    step: Any = 1

    def __init__(self, **own: object) -> None:
        vars(self).update(own)

    def apply(self, x: Tensor) -> Tensor:
        """One step."""
        return x + self.step  # type: ignore[no-any-return]


def apply(x: Tensor, plan: Any) -> Tensor:
    """Applies a plan."""
    return plan.apply(x) * 2  # type: ignore[no-any-return]


class Back(Plan):
    """A plan that goes back."""

    def apply(self, x: Tensor) -> Tensor:
        """One step back."""
        return x - self.step  # type: ignore[no-any-return]


@scenario(
    ref="torch.compiler: core concepts / guards on types",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    """,
)
def type_is_asked(s: Subject) -> None:
    """An isinstance() on an argument is answered by the type that it has in the call."""
    program = s.compile(lambda x, plan: x + 1 if isinstance(plan, Back) else x - 1)
    for plan in Plan(), Back(), Plan(), Back():
        program(s.ones(3), plan)


@scenario(
    ref="torch.compiler: core concepts / guards on types",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    """,
)
def subclass_overrides(s: Subject) -> None:
    """An instance of a subclass runs the subclass's method, at one graph for each class."""
    program = s.compile(apply)
    for plan in Plan(), Back(), Plan(), Back():
        program(s.ones(3), plan)


@scenario(
    ref="torch.compiler: core concepts / guards on types",
    expect="""
    change: the object's class is Plan
    call 1: compiles, equals eager
    change: the object's class is Back
    call 2: compiles, equals eager
    change: the object's class is Plan
    call 3: reuses, equals eager
    """,
)
def class_is_changed(s: Subject) -> None:
    """An object whose __class__ is changed has the methods of its new class from the next call on."""
    program, plan = s.compile(apply), Plan()
    for kind in Plan, Back, Plan:
        s.change(f"the object's class is {kind.__name__}")
        plan.__class__ = kind
        program(s.ones(3), plan)


class Name:
    """Equal to every other name that is spelt alike."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        """Whether they are spelt alike."""
        return isinstance(other, Name) and self.text.lower() == other.text.lower()

    def __hash__(self) -> int:
        """Of the spelling."""
        return hash(self.text.lower())

    def __bool__(self) -> bool:
        """Whether there is a text."""
        return bool(self.text)


@scenario(
    ref="torch.compiler: core concepts / guards on attributes",
    expect="""
    call 1: compiles, equals eager
    change: the first object's text is 'b'
    call 2: compiles, equals eager
    change: the first object's text is ''
    call 3: compiles, equals eager
    change: the first object's text is 'A'
    call 4: compiles, equals eager
    """,
)
def objects_are_compared(s: Subject) -> None:
    """Objects are equal, and true, as their own __eq__ and __bool__ say at the time of the call."""

    def compare(x: Tensor, one: Name, other: Name) -> Tensor:
        x = x + 1 if one == other else x - 1
        return x * 2 if one else x * 3

    program, one, other = s.compile(compare), Name("a"), Name("A")
    program(s.ones(3), one, other)
    for text in "b", "", "A":
        s.change(f"the first object's text is {text!r}")
        one.text = text
        program(s.ones(3), one, other)


@scenario(
    ref="torch.compiler: core concepts / guards on identity",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    """,
)
def objects_become_one(s: Subject) -> None:
    """Whether two arguments are the same object (`is`) is asked anew in each call."""

    def compare(x: Tensor, one: Plan, other: Plan) -> Tensor:
        return x + 1 if one is other else x - 1

    program, same = s.compile(compare), Plan()
    for one, other in (Plan(), Plan()), (same, same), (Plan(), same), (same, same):
        program(s.randn(3), one, other)


@scenario(
    ref="torch.compiler: core concepts / guards on identity",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    change: another object stands for nothing given
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    """,
)
def sentinel_is_replaced(s: Subject) -> None:
    """A sentinel object is told from others by identity, also when another object takes its place."""
    missing = object()

    def follow(x: Tensor, given: object) -> Tensor:
        return x + 1 if given is missing else x - 1

    program, first = s.compile(follow), missing
    program(s.ones(3), first)
    program(s.ones(3), object())
    s.change("another object stands for nothing given")
    missing = object()
    program(s.ones(3), first)
    program(s.ones(3), missing)


@scenario(
    ref="torch.compiler: core concepts / guards on identity",
    expect="""
    call 1: compiles, equals eager
    change: the object dies
    the object lives: equals eager
    call 2: compiles, equals eager
    """,
)
def weak_reference_dies(s: Subject) -> None:
    """A weak reference that is passed gives its object as long as that lives, and then None."""

    def follow(x: Tensor, reference: Callable[[], Plan | None]) -> Tensor:
        plan = reference()
        return x - 1 if plan is None else x + plan.step

    program, plan = s.compile(follow), Plan(step=5)
    reference = weakref.ref(plan)
    program(s.ones(3), reference)
    s.change("the object dies")
    del plan
    s.note("the object lives", reference() is not None)
    program(s.ones(3), reference)


@scenario(
    ref="torch.compiler: core concepts / guards on types",
    expect="""
    call 1: compiles, equals eager
    change: an implementation is registered for the type
    call 2: compiles, equals eager
    """,
)
def implementation_is_registered(s: Subject) -> None:
    """A functools.singledispatch function runs the implementation that is registered at the time of the call."""

    @functools.singledispatch
    def amount(_: object) -> int:
        return 1

    program = s.compile(lambda x, plan: x + amount(plan))
    program(s.ones(3), Plan())
    s.change("an implementation is registered for the type")
    amount.register(Plan, lambda _: 10)
    program(s.ones(3), Plan())


@scenario(
    ref="torch.compiler: core concepts / guards on types",
    expect="""
    call 1: compiles, equals eager
    change: the type is registered
    call 2: compiles, equals eager
    """,
)
def type_is_registered(s: Subject) -> None:
    """An instance of a class that is registered with an abstract class passes isinstance() from the next call on."""

    class Known(abc.ABC):  # noqa: B024 - types are registered with it
        pass

    program = s.compile(lambda x, plan: x + 1 if isinstance(plan, Known) else x - 1)
    program(s.randn(3), Plan())
    s.change("the type is registered")
    Known.register(Plan)
    program(s.randn(3), Plan())
