"""Does each call see what the attributes of an object and of its class have become?"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
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


def new_class() -> tuple[Any, Any, Any]:
    """A class of its own, with a base of its own, and an instance."""

    class Base(Plan):
        step = 1

    class Derived(Base):
        pass

    return Base, Derived, Derived()


@scenario(
    ref="torch.compiler: core concepts / guards on classes",
    axes={"owner": ("base", "class", "instance")},
    expect="""
    call 1: compiles, equals eager
    change: the attribute is given another value there
    call 2: compiles, equals eager
    change: the value is taken back
    call 3: reuses, equals eager
    """,
)
def attribute_is_shadowed(s: Subject) -> None:
    """An attribute is looked up in the instance, its class and the bases, as they are at the time of the call."""
    base, derived, instance = new_class()
    owner = {"base": base, "class": derived, "instance": instance}[s.axis("owner")]
    program = s.compile(apply)
    program(s.ones(3), instance)
    s.change("the attribute is given another value there")
    before = vars(owner).get("step")
    owner.step = 10
    program(s.ones(3), instance)
    s.change("the value is taken back")
    if before is None:
        del owner.step
    else:
        owner.step = before
    program(s.ones(3), instance)


#: For each kind of attribute, two values; with the first the program goes up.
VALUES: dict[str, tuple[object, object]] = {
    "text": ("up", "down"),
    "flag": (True, False),
    "nothing": ("up", None),
}


def follow_step(x: Tensor, plan: Plan) -> Tensor:
    """Goes up where the attribute says so, else down."""
    return x + 1 if plan.step in ("up", True) else x - 1


@scenario(
    ref="torch.compiler: core concepts / guards on attributes",
    axes={"kind": ("text", "flag", "nothing")},
    expect="""
    call 1: compiles, equals eager
    change: the attribute is changed
    call 2: compiles, equals eager
    change: the attribute is changed
    call 3: reuses, equals eager
    """,
)
def attribute_is_changed(s: Subject) -> None:
    """An attribute of an instance has its value at the time of the call, at one graph a value."""
    first, other = VALUES[s.axis("kind")]
    program, plan = s.compile(follow_step), Plan(step=first)
    program(s.ones(3), plan)
    for value in other, first:
        s.change("the attribute is changed")
        plan.step = value
        program(s.ones(3), plan)


@scenario(
    ref="torch.compiler: recompilation / what is guarded",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    change: an instance has another value
    call 4: compiles, equals eager
    call 5: reuses, equals eager
    """,
)
def equal_instances_share_a_graph(s: Subject) -> None:
    """Instances of one class with equal attributes share a graph; another attribute value has a graph of its own."""
    program = s.compile(apply)
    for step in "a", "a", "a":
        program(s.ones(3), Plan(step=2, name=step, unread=object()))
    s.change("an instance has another value")
    program(s.ones(3), Plan(step=2.5))
    program(s.ones(3), Plan(step=2))


@scenario(
    ref="torch.compiler: core concepts / guards on attributes",
    expect="""
    call 1: compiles, equals eager
    change: the object gains the attribute bias
    call 2: compiles, equals eager
    change: the object gains the attribute offset
    call 3: reuses, equals eager
    change: the object loses the first attribute
    call 4: compiles, equals eager
    """,
)
def attribute_appears(s: Subject) -> None:
    """Whether an object has an attribute (hasattr, getattr) is asked anew in each call."""

    def add_bias(x: Tensor, plan: Any) -> Tensor:
        return x + plan.bias if hasattr(plan, "bias") else x - getattr(plan, "offset", 1)

    program, plan = s.compile(add_bias), Plan()
    program(s.ones(3), plan)
    for name in "bias", "offset":
        s.change(f"the object gains the attribute {name}")
        setattr(plan, name, 5)
        program(s.ones(3), plan)
    s.change("the object loses the first attribute")
    del vars(plan)["bias"]
    program(s.ones(3), plan)


class Lazy:
    """Has attributes that it makes up from a table."""

    def __init__(self, **table: object) -> None:
        self.table = table

    def __getattr__(self, name: str) -> Any:
        """The entry of the table."""
        if name == "table" or name not in self.table:
            raise AttributeError(name)
        return self.table[name]


@scenario(
    ref="torch.compiler: core concepts / guards on attributes",
    expect="""
    call 1: compiles, equals eager
    change: the object makes up another value
    call 2: compiles, equals eager
    change: the object has the attribute
    call 3: compiles, equals eager
    """,
)
def attribute_is_made_up(s: Subject) -> None:
    """An attribute that __getattr__ computes is computed anew in each call, until the object has it itself."""
    program, lazy = s.compile(lambda x, lazy: x + lazy.step), Lazy(step=1)
    program(s.ones(3), lazy)
    s.change("the object makes up another value")
    lazy.table["step"] = 1.5
    program(s.ones(3), lazy)
    s.change("the object has the attribute")
    vars(lazy)["step"] = 7
    program(s.ones(3), lazy)


class Measured:
    """Has a property, and one that is computed once."""

    def __init__(self, size: int) -> None:
        self.size = size

    @property
    def double(self) -> int:
        """Computed anew."""
        return self.size * 2

    @functools.cached_property
    def triple(self) -> int:
        """Computed once."""
        return self.size * 3


@scenario(
    ref="torch.compiler: core concepts / guards on attributes",
    needs=("symbolic_scalars",),
    expect="""
    change: the size is 2
    call 1: compiles, equals eager
    change: the size is 5
    call 2: compiles, equals eager
    change: the size is 7
    call 3: reuses, equals eager
    """,
)
def property_is_computed(s: Subject) -> None:
    """A property is computed in each call, from what it reads at the time of the call."""
    program, measured = s.compile(lambda x, m: x * m.double), Measured(2)
    for size in 2, 5, 7:
        s.change(f"the size is {size}")
        measured.size = size
        program(s.ones(3), measured)


@scenario(
    ref="torch.compiler: core concepts / side effects",
    tiers={
        "compiles": "may: whether what is cached can be compiled depends on how Python locks it"
    },
    expect="""
    change: the size is 2
    call 1: runs uncompiled, equals eager
    the object: equals eager
    change: the size is 5
    call 2: runs uncompiled, equals eager
    the object: equals eager
    change: the cached value is deleted
    call 3: runs uncompiled, equals eager
    """,
)
def property_is_cached(s: Subject) -> None:
    """A cached_property is computed once, kept in the object, and computed anew once it is deleted there."""
    program, measured = s.compile(lambda x, m: x * m.triple), Measured(2)
    for size in 2, 5:
        s.change(f"the size is {size}")
        measured.size = size
        program(s.ones(3), measured)
        s.note("the object", dict(vars(measured)))
    s.change("the cached value is deleted")
    del vars(measured)["triple"]
    program(s.ones(3), measured)


@scenario(
    ref="torch.compiler: core concepts / side effects",
    expect="""
    call 1: compiles, equals eager
    the object: equals eager
    call 2: compiles, equals eager
    the object: equals eager
    call 3: compiles, equals eager
    the object: equals eager
    """,
)
def object_is_written(s: Subject) -> None:
    """Attributes of an object that a program sets, creates or deletes are so for the caller when it returns."""

    def write(x: Tensor, plan: Any) -> Tensor:
        plan.count += 1
        plan.last = x * plan.count
        if hasattr(plan, "spare"):
            del plan.spare
        plan.history.append(plan.count)
        return x - 1

    program, plan = s.compile(write), Plan(count=0, spare=1, history=[])
    for _ in range(3):
        program(s.randn(3), plan)
        s.note("the object", dict(vars(plan)))


@scenario(
    ref="torch.compiler: core concepts / results",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: compiles, equals eager
    the objects: equals eager
    one and the same: equals eager
    """,
)
def object_is_made(s: Subject) -> None:
    """An object that a program creates has its class and attributes, and is a new one in each call."""
    program = s.compile(lambda x, step: Plan(step=step, value=x * 2))
    made = [program(s.randn(3), step) for step in ("a", "a", "b")]
    s.note("the objects", [dict(vars(each)) for each in made])
    s.note("one and the same", made[0] is made[1])
