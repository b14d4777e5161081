"""Can comptime print what the compiler knows of each value?"""

from __future__ import annotations

import collections
import contextlib
import io
from typing import TYPE_CHECKING

import torch
from torch._dynamo.comptime import comptime

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor
    from torch._dynamo.comptime import ComptimeContext

Point = collections.namedtuple("Point", "x y")  # noqa: PYI024 - this kind of tuple is what is printed


class Row(list[int]):
    """A list of a class of its own."""


class Opaque:
    """An object that is nothing but itself."""


def heard(call: Callable[..., object], *args: object) -> str:
    """What is printed during a call."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        call(*args)
    return printed.getvalue()


def count(text: str) -> int:
    """How many lines a text has."""
    return len(text.splitlines())


def show(*values: object) -> None:
    """Print what is known of some values."""
    for _value in values:

        @comptime
        def _(context: ComptimeContext) -> None:
            context.print(context.get_local("_value"))


@scenario(
    ref="torch._dynamo.comptime / print",
    seed=("test_print_single",),
    needs=("comptime", "dynamic_shapes"),
    tells=("ops",),
    axes={"dynamic": (None, True, False)},
    expect={
        # Until torch 2.12 a tensor was printed as the fake one that stands for it.
        "dynamic=True, torch<2.13": """
        call 1: compiles, 2 ops, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        values (may) =
            FakeTensor(..., size=(s0,))
            2
            [FakeTensor(..., size=(s0,)), 2]
            (FakeTensor(..., size=(s0,)), 2)
            {'foo': FakeTensor(..., size=(s0,))}
            s0
        lines of each call (should) = [6, 0, 0]
        """,
        "dynamic=True": """
        call 1: compiles, 2 ops, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        values (may) =
            Tensor(shape=(s0,), dtype=torch.float32)
            2
            [Tensor(shape=(s0,), dtype=torch.float32), 2]
            (Tensor(shape=(s0,), dtype=torch.float32), 2)
            {'foo': Tensor(shape=(s0,), dtype=torch.float32)}
            s0
        lines of each call (should) = [6, 0, 0]
        """,
        "torch<2.13": """
        call 1: compiles, 2 ops, equals eager
        call 2: reuses, equals eager
        call 3: compiles, 2 ops, equals eager
        values (may) =
            FakeTensor(..., size=(2,))
            2
            [FakeTensor(..., size=(2,)), 2]
            (FakeTensor(..., size=(2,)), 2)
            {'foo': FakeTensor(..., size=(2,))}
            2
        lines of each call (should) = [6, 0, 6]
        """,
        "otherwise": """
        call 1: compiles, 2 ops, equals eager
        call 2: reuses, equals eager
        call 3: compiles, 2 ops, equals eager
        values (may) =
            Tensor(shape=(2,), dtype=torch.float32)
            2
            [Tensor(shape=(2,), dtype=torch.float32), 2]
            (Tensor(shape=(2,), dtype=torch.float32), 2)
            {'foo': Tensor(shape=(2,), dtype=torch.float32)}
            2
        lines of each call (should) = [6, 0, 6]
        """,
    },
)
def values(s: Subject) -> None:
    """What is known of a value can be printed, in every compilation and in no other call."""

    def program(x: Tensor) -> Tensor:
        y = x * 2
        show(y, 2, [y, 2], (y, 2), {"foo": y}, x.size(0))
        return y + 3

    compiled = s.compile(program, dynamic=s.axis("dynamic"))
    texts = [heard(compiled, s.randn(size, dtype=torch.float32)) for size in (2, 2, 5)]
    s.tell("values", texts[0], tier="may")
    s.tell("lines of each call", [count(text) for text in texts], tier="should")


@scenario(
    ref="torch._dynamo.comptime / print",
    seed=("test_print_single",),
    needs=("comptime",),
    tells=("ops",),
    expect={
        # Until torch 2.12 sets were printed in another way than Python's own.
        "torch<2.13": """
        call 1: compiles, 2 ops, equals eager
        containers (may) =
            range(1, 3)
            Point(x='foo', y=2)
            UserDefinedListVariable(Row)
            torch.Size([2, 3])
            slice(0, 2, None)
            set()
            {'a'}
            {1,2}
            {1}
            defaultdict(<function containers.<locals>.program.<locals>.<lambda> at 0x...>, {})
        call 2: reuses, equals eager
        lines of a second call (should) = 0
        """,
        # Since torch 2.15 a list of any class is a list to the compiler.
        "torch>=2.15": """
        call 1: compiles, 2 ops, equals eager
        containers (may) =
            range(1, 3)
            Point(x='foo', y=2)
            [1, 2]
            torch.Size([2, 3])
            slice(0, 2, None)
            set()
            {'a'}
            {1, 2}
            frozenset({1})
            defaultdict(<function containers.<locals>.program.<locals>.<lambda> at 0x...>, {})
        call 2: reuses, equals eager
        lines of a second call (should) = 0
        """,
        "otherwise": """
        call 1: compiles, 2 ops, equals eager
        containers (may) =
            range(1, 3)
            Point(x='foo', y=2)
            UserDefinedListVariable(Row)
            torch.Size([2, 3])
            slice(0, 2, None)
            set()
            {'a'}
            {1, 2}
            frozenset({1})
            defaultdict(<function containers.<locals>.program.<locals>.<lambda> at 0x...>, {})
        call 2: reuses, equals eager
        lines of a second call (should) = 0
        """,
    },
)
def containers(s: Subject) -> None:
    """Containers are printed by comptime with what they hold."""

    def program(x: Tensor) -> Tensor:
        y = x * 2
        show(range(1, 3), Point("foo", 2), Row([1, 2]), torch.Size([2, 3]), slice(0, 2))
        # No set of two strings: their order is another in every process.
        show(set(), {"a"}, {1, 2}, frozenset({1}), collections.defaultdict(lambda: 0))
        return y + 3

    compiled = s.compile(program)
    s.tell("containers", heard(compiled, s.randn(2)), tier="may")
    s.tell("lines of a second call", count(heard(compiled, s.randn(2))), tier="should")


@scenario(
    ref="torch._dynamo.comptime / print",
    needs=("comptime",),
    tells=("ops",),
    expect="""
    call 1: compiles, 2 ops, equals eager
    values (may) =
        True
        7
        2.5
        None
        'text'
        torch.float32
        <built-in function len>
        <function show at 0x...>
        <class 'conformance.cases.comptime_values.Opaque'>
        UserDefinedObjectVariable(Opaque)
    call 2: reuses, equals eager
    lines of a second call (should) = 0
    """,
)
def plain_values(s: Subject) -> None:
    """Constants, functions, classes and instances of any class can be printed by comptime."""

    def program(x: Tensor) -> Tensor:
        y = x * 2
        show(True, 7, 2.5, None, "text")  # noqa: FBT003 - a value like the others
        show(torch.float32, len, show, Opaque, Opaque())
        return y + 3

    compiled = s.compile(program)
    s.tell("values", heard(compiled, s.randn(2)), tier="may")
    s.tell("lines of a second call", count(heard(compiled, s.randn(2))), tier="should")


@scenario(
    ref="torch._dynamo.comptime / print",
    seed=("test_print_direct",),
    needs=("comptime",),
    tells=("ops",),
    expect={
        # Until torch 2.12 a tensor was printed as the fake one that stands for it.
        "torch<2.13": """
        call 1: compiles, 2 ops, equals eager
        z (may) = FakeTensor(..., size=(2,))
        call 2: reuses, equals eager
        lines of a second call (should) = 0
        """,
        "otherwise": """
        call 1: compiles, 2 ops, equals eager
        z (may) = Tensor(shape=(2,), dtype=torch.float32)
        call 2: reuses, equals eager
        lines of a second call (should) = 0
        """,
    },
)
def captured_variable(s: Subject) -> None:
    """A variable that an inner function captures can be printed by comptime like any other."""

    def program(x: Tensor, z: Tensor) -> Tensor:
        y = x * 2
        lambda: z  # noqa: B018 - that it is there makes z a captured variable
        comptime.print(z)
        return y + 3

    compiled = s.compile(program)
    x, z = s.randn(2), s.randn(2, dtype=torch.float32)
    s.tell("z", heard(compiled, x, z), tier="may")
    s.tell("lines of a second call", count(heard(compiled, x, z)), tier="should")
