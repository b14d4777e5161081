"""Can comptime print the state of a compilation while it goes on, and does the graph stay whole?"""

from __future__ import annotations

import contextlib
import io
import re
from typing import TYPE_CHECKING

import torch
from torch._dynamo.comptime import comptime

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor
    from torch._dynamo.comptime import ComptimeContext

#: Where code at compile time writes: it may use globals, but no variables of the function around it.
PAGE = io.StringIO()


def read(call: Callable[..., object], *args: object) -> tuple[str, str]:
    """What is written on the page during a call, and what is printed."""
    PAGE.seek(0)
    PAGE.truncate()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        call(*args)
    return PAGE.getvalue(), printed.getvalue()


def count(*texts: str) -> int:
    """How many lines there are in some texts."""
    return sum(len(text.splitlines()) for text in texts)


@scenario(
    ref="torch._dynamo.comptime / print_locals",
    seed=("test_print_locals",),
    needs=("comptime", "dynamic_shapes"),
    tells=("ops",),
    axes={"dynamic": (None, True)},
    expect={
        # Until torch 2.12 a tensor was printed as the fake one that stands for it.
        "dynamic=None, torch<2.13": """
        call 1: compiles, 2 ops, equals eager
        variables (may) =
            x = FakeTensor(..., size=(2,))
            y = FakeTensor(..., size=(2,))
        new variables (may) = _ = None
        call 2: reuses, equals eager
        lines of a second call (should) = 0
        """,
        "dynamic=None": """
        call 1: compiles, 2 ops, equals eager
        variables (may) =
            x = Tensor(shape=(2,), dtype=torch.float32)
            y = Tensor(shape=(2,), dtype=torch.float32)
        new variables (may) = _ = None
        call 2: reuses, equals eager
        lines of a second call (should) = 0
        """,
        "dynamic=True, torch<2.13": """
        call 1: compiles, 2 ops, equals eager
        variables (may) =
            x = FakeTensor(..., size=(s0,))
            y = FakeTensor(..., size=(s0,))
        new variables (may) = _ = None
        call 2: reuses, equals eager
        lines of a second call (should) = 0
        """,
        "dynamic=True": """
        call 1: compiles, 2 ops, equals eager
        variables (may) =
            x = Tensor(shape=(s0,), dtype=torch.float32)
            y = Tensor(shape=(s0,), dtype=torch.float32)
        new variables (may) = _ = None
        call 2: reuses, equals eager
        lines of a second call (should) = 0
        """,
    },
)
def local_variables(s: Subject) -> None:
    """Local variables that have a value so far can be printed by comptime, with what is known of them."""

    def program(x: Tensor) -> Tensor:
        y = x * 2

        @comptime
        def _(context: ComptimeContext) -> None:
            context.print_locals(file=PAGE)

        comptime.print_locals()
        return y + 3

    compiled = s.compile(program, dynamic=s.axis("dynamic"))
    first, then = read(compiled, s.randn(2, dtype=torch.float32))
    s.tell("variables", first, tier="may")
    s.tell("new variables", then.removeprefix(first), tier="may")
    s.tell("lines of a second call", count(*read(compiled, s.randn(2))), tier="should")


@scenario(
    ref="torch._dynamo.comptime / print_value_stack",
    seed=("test_print_value_stack",),
    needs=("comptime",),
    tells=("ops",),
    expect={
        # Until torch 2.12 a tensor was printed as the fake one that stands for it.
        "torch<2.13": """
        call 1: compiles, 3 ops, equals eager
        operands of the caller (may) = - FakeTensor(..., size=(2,))
        operands of the expression (may) = - FakeTensor(..., size=(2,))
        call 2: reuses, equals eager
        lines of a second call (should) = 0
        """,
        "otherwise": """
        call 1: compiles, 3 ops, equals eager
        operands of the caller (may) = - Tensor(shape=(2,), dtype=torch.float32)
        operands of the expression (may) = - Tensor(shape=(2,), dtype=torch.float32)
        call 2: reuses, equals eager
        lines of a second call (should) = 0
        """,
    },
)
def value_stack(s: Subject) -> None:
    """The value stack of a frame can be printed by comptime, from a callee and inside an expression."""

    def operand(x: Tensor) -> Tensor:
        comptime(lambda context: context.print_value_stack(stacklevel=1, file=PAGE))
        comptime.print_value_stack()  # between statements none waits
        return x

    def program(x: Tensor) -> object:
        y = x + operand(x)
        return y + comptime.print_value_stack_and_return(y * 2)

    compiled = s.compile(program)
    outer, inner = read(compiled, s.randn(2, dtype=torch.float32))
    s.tell("operands of the caller", outer, tier="may")
    s.tell("operands of the expression", inner, tier="may")
    s.tell("lines of a second call", count(*read(compiled, s.randn(2))), tier="should")


def write_graph(context: ComptimeContext) -> None:
    """Write the graph down in its short form."""
    context.print_graph(verbose=False, file=PAGE)


@scenario(
    ref="torch._dynamo.comptime / print_graph",
    seed=("test_print_graph",),
    needs=("comptime",),
    tells=("ops",),
    expect="""
    call 1: compiles, 3 ops, equals eager
    graph (may) =
        def forward(self, L_x_ : torch.Tensor):
            l_x_ = L_x_
            y = l_x_ * 2;  l_x_ = y = None
    in the verbose graph (may) = [# File: , def forward, "f32[2], l_x_ * 2, y.sin()]
    call 2: reuses, equals eager
    lines of a second call (should) = 0
    """,
)
def graph(s: Subject) -> None:
    """The graph can be printed by comptime as far as it is traced, in short form or in full."""

    def program(x: Tensor) -> Tensor:
        y = x * 2
        comptime(write_graph)
        y = y.sin()
        comptime.print_graph()
        return y + 3

    compiled, x = s.compile(program), s.randn(2, dtype=torch.float32)
    short, verbose = read(compiled, x)
    s.tell("graph", short, tier="may")
    marks = "# File: ", "def forward", '"f32[2]', "l_x_ * 2", "y.sin()", "+ 3"
    s.tell("in the verbose graph", [mark for mark in marks if mark in verbose], tier="may")
    s.tell("lines of a second call", count(*read(compiled, x)), tier="should")


@scenario(
    ref="torch._dynamo.comptime / print_disas",
    seed=("test_print_disas",),
    needs=("comptime",),
    tells=("ops",),
    expect="""
    call 1: compiles, 2 ops, equals eager
    order (may) = [BINARY, STORE_FAST, -->, STORE_FAST, POP_TOP, BINARY]
    order later (may) = [BINARY, STORE_FAST, STORE_FAST, -->, POP_TOP, BINARY]
    call 2: reuses, equals eager
    lines of a second call (should) = 0
    """,
)
def bytecode(s: Subject) -> None:
    """The bytecode of the frame can be printed by comptime, with one arrow at the instruction that comes next."""

    def program(x: Tensor) -> Tensor:
        y = x * 2

        @comptime
        def _(context: ComptimeContext) -> None:
            context.print_disas(file=PAGE)

        comptime.print_disas()
        return y + 3

    compiled = s.compile(program)
    texts = read(compiled, s.randn(2))
    for name, text in zip(("order", "order later"), texts, strict=True):
        s.tell(name, re.findall("BINARY|STORE_FAST|POP_TOP|-->", text), tier="may")
    s.tell("lines of a second call", count(*read(compiled, s.randn(2))), tier="should")


@scenario(
    ref="torch._dynamo.comptime / print_bt",
    seed=("test_print_bt",),
    needs=("comptime",),
    tells=("ops",),
    expect="""
    call 1: compiles, 3 ops, equals eager
    stack (may) =
        File "conformance/cases/comptime_print.py", line N, in program
          y = g(y)
        File "conformance/cases/comptime_print.py", line N, in g
          comptime(lambda context: context.print_bt(file=PAGE))
    later stack (may) =
        File "conformance/cases/comptime_print.py", line N, in program
          y = g(y)
        File "conformance/cases/comptime_print.py", line N, in g
          comptime.print_bt()
    call 2: reuses, equals eager
    lines of a second call (should) = 0
    """,
)
def backtrace(s: Subject) -> None:
    """The stack of the code that is traced can be printed by comptime, callees included."""

    def g(x: Tensor) -> Tensor:
        comptime(lambda context: context.print_bt(file=PAGE))
        comptime.print_bt()
        return x + 3

    def program(x: Tensor) -> Tensor:
        y = x * 2
        y = g(y)
        return y + 3

    compiled = s.compile(program)
    stack, later = read(compiled, s.randn(2))
    s.tell("stack", stack, tier="may")
    s.tell("later stack", later, tier="may")
    s.tell("lines of a second call", count(*read(compiled, s.randn(2))), tier="should")


def kinds(guards: str) -> list[str]:
    """Whose guards are in a printed text, and of which kind."""
    return re.findall(r"^ *(\w+ \S+ [A-Z_]+)$", guards, re.MULTILINE)


@scenario(
    ref="torch._dynamo.comptime / print_guards",
    seed=("test_print_guards",),
    needs=("comptime", "dynamic_shapes"),
    tells=("ops",),
    axes={"dynamic": (None, True)},
    expect="""
    call 1: compiles, 2 ops, equals eager
    guards (may) =
        local "L['x']" TENSOR_MATCH
        global '' AUTOGRAD_SAVED_TENSORS_HOOKS
        global '' GRAD_MODE
        global '' DETERMINISTIC_ALGORITHMS
        global '' GLOBAL_STATE
        global '' TORCH_FUNCTION_STATE
        global '' DEFAULT_DEVICE
        shape_env '' SHAPE_ENV
    details (may) = ['code': None, 'guard_types': None, 'guarded_class': None, 'obj_weakref': None]
    new guards (may) =
        global "G['__import_torch_dot__dynamo_dot_comptime']" MODULE_MATCH
        global "G['comptime'].print_guards" CLOSURE_MATCH
    call 2: reuses, equals eager
    lines of a second call (should) = 0
    """,
)
def guards(s: Subject) -> None:
    """The guards that there are so far can be printed."""

    def program(x: Tensor) -> Tensor:
        y = x * 2
        comptime(lambda context: context.print_guards(file=PAGE))
        comptime.print_guards()
        return y + 3

    compiled = s.compile(program, dynamic=s.axis("dynamic"))
    first, then = read(compiled, s.randn(2))
    s.tell("guards", "\n".join(kinds(first)), tier="may")
    s.tell("details", sorted(set(re.findall(r"'\w+': \w+", first))), tier="may")
    s.tell("new guards", "\n".join(sorted(set(kinds(then)) - set(kinds(first)))), tier="may")
    s.tell("lines of a second call", count(*read(compiled, s.randn(2))), tier="should")


@scenario(
    ref="torch._dynamo.comptime / print_guards",
    needs=("comptime", "dynamic_shapes", "symbolic_scalars"),
    axes={"dynamic": (None, True)},
    expect={
        "dynamic=None": """
        call 1: compiles, equals eager
        guards (may) = [local "L['n']" CONSTANT_MATCH]
        """,
        "dynamic=True": """
        call 1: compiles, equals eager
        guards (may) = [local "L['n']" TYPE_MATCH]
        """,
    },
)
def guards_of_a_number(s: Subject) -> None:
    """Guards that comptime prints show whether a number is guarded by its value or only by its type."""

    def program(x: Tensor, n: int) -> Tensor:
        y = x * n
        comptime(lambda context: context.print_guards(file=PAGE))
        return y + 3

    text, _ = read(s.compile(program, dynamic=s.axis("dynamic")), s.randn(2), 4)
    s.tell("guards", [each for each in kinds(text) if "L['n']" in each], tier="may")
