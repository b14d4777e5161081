"""Do exceptions come out of a compiled program as they come out of eager, and does it work afterwards?"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


class Refused(Exception):  # noqa: N818 - the program's own
    """An exception that carries more than a text."""

    def __init__(self, reason: str, value: Any) -> None:
        super().__init__(reason, 7)
        self.value = value


def refuse(x: Tensor, how: str, table: dict[str, int]) -> Any:
    """Computes, or fails in one of many ways."""
    y = x + 1
    if how == "own":
        raise Refused("too much", [how, 2])
    if how == "from":
        try:
            table["missing"]
        except KeyError as error:
            raise ValueError("no entry") from error
    if how == "note":
        noted = TypeError("noted")
        noted.add_note("with a note")
        raise noted
    return y * table[how] if how == "key" else y * 2


def describe(error: BaseException | None) -> Any:
    """What a handler can see of an exception."""
    if error is None:
        return None
    own = vars(error)
    return (
        type(error).__name__,
        error.args,
        own,
        describe(error.__cause__),
        error.__suppress_context__,
    )


def catch(call: Callable[..., Any], *args: Any) -> BaseException | None:
    """The exception that comes out of a call."""
    try:
        call(*args)
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    return None


@scenario(
    ref="torch.compiler: core concepts / exceptions",
    axes={"how": ("own", "from", "note", "key")},
    tiers={"compiles": "may: whether a call that raises is compiled varies"},
    expect={
        "how=own, torch<2.15": """
        call 1: compiles, equals eager
        exception: equals eager
        call 2: compiles, raises conformance.cases.errors.Refused, equals eager
        exception: equals eager
        call 3: reuses, equals eager
        exception: equals eager
        call 4: reuses, raises conformance.cases.errors.Refused, equals eager
        exception: equals eager
        """,
        # Since torch 2.15 a call that ends in this exception is left alone.
        "how=own": """
        call 1: compiles, equals eager
        exception: equals eager
        call 2: runs uncompiled, raises conformance.cases.errors.Refused, equals eager
        exception: equals eager
        call 3: runs uncompiled, equals eager
        exception: equals eager
        call 4: runs uncompiled, raises conformance.cases.errors.Refused, equals eager
        exception: equals eager
        """,
        "how=from": """
        call 1: compiles, equals eager
        exception: equals eager
        call 2: runs uncompiled, raises ValueError, equals eager
        exception: equals eager
        call 3: runs uncompiled, equals eager
        exception: equals eager
        call 4: runs uncompiled, raises ValueError, equals eager
        exception: equals eager
        """,
        "how=note": """
        call 1: compiles, equals eager
        exception: equals eager
        call 2: compiles, raises TypeError, equals eager
        exception: equals eager
        call 3: reuses, equals eager
        exception: equals eager
        call 4: reuses, raises TypeError, equals eager
        exception: equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        exception: equals eager
        call 2: runs uncompiled, raises KeyError, equals eager
        exception: equals eager
        call 3: runs uncompiled, equals eager
        exception: equals eager
        call 4: runs uncompiled, raises KeyError, equals eager
        exception: equals eager
        """,
    },
)
def exception_comes_out(s: Subject) -> None:
    """An exception of the program comes out with its type, arguments, attributes, cause and notes."""
    program = s.compile(refuse)
    for how in "", s.axis("how"), "", s.axis("how"):
        s.note("exception", describe(catch(program, s.randn(2), how, {"a": 1})))


def fail_deep(x: Tensor, index: int) -> Tensor:
    """Calls something that may fail."""
    y = x + 1
    return helper(y, index) * 2


def helper(x: Tensor, index: int) -> Tensor:
    """Fails where there is no such number."""
    numbers = [1, 2, 3]
    return x * numbers[index]


@scenario(
    ref="torch.compiler: core concepts / exceptions",
    tiers={"compiles": "may: whether a call that raises is compiled varies"},
    expect="""
    call 1: compiles, equals eager
    where it was raised: equals eager
    call 2: runs uncompiled, raises IndexError, equals eager
    where it was raised: equals eager
    call 3: runs uncompiled, equals eager
    where it was raised: equals eager
    call 4: runs uncompiled, raises IndexError, equals eager
    where it was raised: equals eager
    """,
)
def traceback_leads_to_the_line(s: Subject) -> None:
    """The traceback of an exception has the function and the line of the program that raised it."""
    program = s.compile(fail_deep)
    for index in 0, 9, 1, 9:
        error = catch(program, s.randn(2), index)
        frames = traceback.extract_tb(error.__traceback__ if error else None)
        own = [(each.name, each.line) for each in frames if "numbers" in str(each.line)]
        s.note("where it was raised", own[-1:])


def handle(x: Tensor, y: Tensor, log: list[str]) -> Tensor:
    """Has an answer to an error of its own, and to one of torch."""
    try:
        z = x @ y
        log.append("multiplied")
    except RuntimeError:
        log.append("refused")
        z = x * 3
    finally:
        log.append("finally")
    try:
        z = z.view(2, 2)
    except (TypeError, RuntimeError) as error:
        log.append(type(error).__name__)
    return z - 1


@scenario(
    ref="torch.compiler: core concepts / exceptions",
    tiers={"compiles": "may: whether a call that raises is compiled varies"},
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: compiles, equals eager
    call 4: reuses, equals eager
    """,
)
def error_of_torch_is_handled(s: Subject) -> None:
    """A program that catches an operation's error goes on in its except block, in the calls that have the error."""
    program = s.compile(handle)
    for rows, columns in (2, 2), (3, 2), (2, 3), (2, 2):
        s.attempt(program, s.randn(2, 2), s.randn(rows, columns), [])


#: Ways to read an exception.
READINGS: dict[str, Callable[[BaseException], Any]] = {
    "str": str,
    "format": lambda error: f"{error}",
    "repr": repr,
    "args": lambda error: error.args,
}


@scenario(
    ref="torch.compiler: core concepts / exceptions",
    axes={"way": ("str", "format", "repr", "args")},
    tiers={"compiles": "may: which ways to read an exception can be traced varies"},
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    """,
)
def caught_exception_is_read(s: Subject) -> None:
    """An exception that the program catches has the text (str, repr) and the args that it has in eager."""
    read = READINGS[s.axis("way")]

    def program(x: Tensor, table: dict[str, int]) -> Any:
        try:
            return x + table["missing"]
        except KeyError as error:
            return x - 1, read(error)

    compiled = s.compile(program)
    for _ in range(2):
        compiled(s.randn(2), {"a": 1})


class Interrupted:
    """Functions that are interrupted in their first run, which is while they are compiled."""

    def __init__(self) -> None:
        self.pending = True

    def interrupt(self) -> None:
        """Interrupt, once."""
        if self.pending:
            self.pending = False
            raise KeyboardInterrupt("stop")

    def factor(self) -> int:
        """A number."""
        self.interrupt()
        return 3

    def scale(self, x: Tensor) -> Tensor:
        """Three times the argument."""
        self.interrupt()
        return x * 3


def interrupted_program(own: Interrupted, log: list[object], where: str) -> Callable[..., Any]:
    """Writes to a list, and changes the grad mode, around what may be interrupted."""
    constant: Any = torch.compiler.assume_constant_result(lambda: own.factor())  # noqa: PLW0108 - a method cannot be marked
    operator: Any = torch._dynamo.allow_in_graph(lambda x: own.scale(x))  # noqa: PLW0108, SLF001 - likewise, and the documented name

    def program(x: Tensor) -> Tensor:
        with torch.no_grad():
            log.append("begins")
            y = x.sin()
            if where == "behind a break":
                torch._dynamo.graph_break()  # noqa: SLF001 - has no public name
            z: Tensor = y * constant() if where == "constant" else operator(y)
            log.append("ends")
        return z + x

    return program


def is_interrupted(call: Callable[..., Any], *args: Any) -> bool:
    """Whether an interruption comes out of a call."""
    try:
        call(*args)
    except KeyboardInterrupt:
        return True
    return False


@scenario(
    ref="torch.compiler: core concepts / exceptions",
    needs=("torch_compile",),
    axes={"where": ("constant", "operator", "behind a break")},
    expect={
        "where=behind a break": """
        interrupted: equals eager
        the grad mode: equals eager
        call 1: compiles 2 graphs, equals eager
        what it has written: equals eager
        call 2: reuses, equals eager
        what it has written: equals eager
        """,
        "otherwise": """
        interrupted: equals eager
        the grad mode: equals eager
        call 1: compiles, equals eager
        what it has written: equals eager
        call 2: reuses, equals eager
        what it has written: equals eager
        """,
    },
)
def interruption_passes(s: Subject) -> None:
    """KeyboardInterrupt during compilation reaches the caller, and the next call compiles and is right."""
    log: list[object] = []
    program = s.compile(interrupted_program(Interrupted(), log, s.axis("where")))
    s.note("interrupted", is_interrupted(program.target, s.randn(3)))
    s.note("the grad mode", torch.is_grad_enabled())
    for _ in range(2):
        log.clear()
        program(s.randn(3).requires_grad_())
        s.note("what it has written", log)
