"""Does compiled code let go of what a caller has let go of?"""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def lives(reference: weakref.ref[Any]) -> bool:
    """Whether what a weak reference stands for is still there, cycles apart."""
    if reference() is not None:
        gc.collect()
    return reference() is not None


class Box:
    """Holds a tensor."""

    def __init__(self, value: Tensor) -> None:
        self.value = value


def open_and_add(box: Box, rows: list[Tensor], x: Tensor) -> Tensor:
    """Reads an object, a list and a tensor."""
    return box.value + rows[0] * x


@scenario(
    ref="torch.compile / lifetime of arguments",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, equals eager
    still there: equals eager
    call 2: reuses, equals eager
    still there: equals eager
    call 3: compiles, equals eager
    still there: equals eager
    call 4: reuses, equals eager
    still there: equals eager
    """,
)
def arguments_are_let_go(s: Subject) -> None:
    """When a call has returned, the program holds no reference to its arguments, compiled for them or not."""
    program = s.compile(open_and_add)
    for size in 3, 3, 4, 5:
        box, rows, x = Box(s.randn(size)), [s.randn(size)], s.randn(size)
        kept = [weakref.ref(each) for each in (box, box.value, rows[0], x)]
        program(box, rows, x)
        del box, rows, x
        s.note("still there", [lives(each) for each in kept])


def square_and_break(x: Tensor, y: Tensor) -> Tensor:
    """What it computes first is needed behind a graph break."""
    z = x * x
    torch._dynamo.graph_break()  # noqa: SLF001 - has no public name
    return (z * y).sum()


@scenario(
    ref="torch.compile / lifetime of saved tensors",
    expect="""
    call 1: compiles 2 graphs, equals eager
    saved: equals eager
    after the result: equals eager
    call 2: reuses, equals eager
    saved: equals eager
    after the backward pass: equals eager
    after the result: equals eager
    call 3: reuses, equals eager
    saved: equals eager
    after the result: equals eager
    call 4: reuses, equals eager
    saved: equals eager
    after the backward pass: equals eager
    after the result: equals eager
    """,
)
def saved_tensors_are_let_go(s: Subject) -> None:
    """A tensor saved for the backward pass lives until that has run, or until the result is freed without it."""
    program = s.compile(square_and_break)
    for differentiated in False, True, False, True:
        x, y = s.randn(3).requires_grad_(), s.randn(3)
        kept, result = weakref.ref(y), program(x, y)
        del y
        s.note("saved", lives(kept))
        if differentiated:
            result.backward()
            s.note("after the backward pass", lives(kept))
        del result
        s.note("after the result", lives(kept))


class Scale(torch.nn.Module):
    """Has one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        """Each element by its weight."""
        return x * self.weight


def apply_both(module: torch.nn.Module, x: Tensor) -> Tensor:
    """Calls a module."""
    return module(x) + 1  # type: ignore[no-any-return]


@scenario(
    ref="torch.compile / lifetime of modules",
    expect="""
    call 1 of module: compiles, equals eager
    call 2 of function: compiles, equals eager
    still there: equals eager
    call 3 of module: reuses, equals eager
    call 4 of function: reuses, equals eager
    still there: equals eager
    """,
)
def modules_are_let_go(s: Subject) -> None:
    """A compiled module, or one that a compiled function was called with, is freed when nobody else holds it."""
    program = s.compile(apply_both, name="function")
    for _ in range(2):
        own, given = s.place(Scale()), s.place(Scale())
        compiled = s.compile(own, name="module")
        compiled(s.randn(3)).sum().backward()
        program(given, s.randn(3)).sum().backward()
        kept = [weakref.ref(each) for each in (own, own.weight, given, given.weight)]
        del own, given, compiled
        s.note("still there", [lives(each) for each in kept])


def adding(x: Tensor) -> Callable[[Tensor], Tensor]:
    """A function that has captured a tensor."""

    def add(y: Tensor) -> Tensor:
        return x + y

    return add


@scenario(
    ref="torch.compile / lifetime of functions",
    expect="""
    call 1: compiles, equals eager
    still there: equals eager
    call 2: reuses, equals eager
    still there: equals eager
    call 3: reuses, equals eager
    still there: equals eager
    """,
)
def functions_are_let_go(s: Subject) -> None:
    """A compiled function is freed when nobody else holds it, and so is what it has captured."""
    for _ in range(3):
        captured = s.randn(3)
        add = adding(captured)
        program = s.compile(add)
        program(s.randn(3))
        kept = weakref.ref(captured), weakref.ref(add)
        del captured, add, program
        s.note("still there", [lives(each) for each in kept])


def fail_late(x: Tensor, y: Tensor) -> Tensor:
    """Computes, and raises if there is more than one row."""
    z = x * y
    if len(x) > 1:
        raise ValueError("too many rows")
    return z


def fails(program: Callable[..., object], *args: object) -> bool:
    """Whether a call raises a `ValueError`; the exception is gone afterwards."""
    try:
        program(*args)
    except ValueError:
        return True
    return False


@scenario(
    ref="torch.compile / lifetime of arguments",
    expect="""
    raised: equals eager
    still there: equals eager
    raised: equals eager
    still there: equals eager
    raised: equals eager
    still there: equals eager
    raised: equals eager
    still there: equals eager
    """,
)
def arguments_of_failed_calls_are_let_go(s: Subject) -> None:
    """When the exception that a call has raised is gone, the arguments of the call are freed."""
    program = s.compile(fail_late)
    for rows in 1, 2, 2, 1:
        x, y = s.randn(rows), s.randn(rows)
        kept = weakref.ref(x), weakref.ref(y)
        s.note("raised", fails(program.target, x, y))
        del x, y
        s.note("still there", [lives(each) for each in kept])


def train(model: torch.nn.Module, x: Tensor) -> Tensor:
    """One step of training."""
    loss = model(x).square().mean()
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.sub_(0.1 * parameter.grad)  # type: ignore[operator]
            parameter.grad = None
    return loss.detach()  # type: ignore[no-any-return]


def count_tensors() -> int:
    """How many tensors there are."""
    gc.collect()
    return sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())


@scenario(
    ref="torch.compile / lifetime of intermediate results",
    expect="""
    more than after the second step: equals eager
    parameters: equals eager
    """,
)
def steps_leave_nothing_behind(s: Subject) -> None:
    """Training steps of a compiled module leave no more live tensors behind than eager steps do."""
    model = s.place(
        torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    )
    program = s.compile(model)
    found = []
    for steps in 2, 8:
        for _ in range(steps):
            train(program.target, s.randn(2, 3))
        found.append(count_tensors())
    s.note("more than after the second step", found[1] - found[0])
    s.note("parameters", list(model.parameters()))


@scenario(
    ref="torch.compiler: core concepts / guards on classes",
    expect="""
    calls 1-6: compiles, equals eager
    """,
)
def successor_of_a_dead_class_is_told_apart(s: Subject) -> None:
    """Code that was compiled for a class is not used for another class that is made after the first was freed."""
    program = s.compile(lambda scaler, x: scaler.scale(x))
    for number in range(2, 8):
        made = type("Scaler", (), {"scale": scaling(number), "number": number})
        program(made(), s.ones(3))
        del made
        gc.collect()


def scaling(number: int) -> Callable[[Any, Tensor], Tensor]:
    """A method; those for odd and for even numbers have different code."""
    if number % 2:
        return lambda self, x: x * self.number
    return lambda self, x: x - self.number


@scenario(
    ref="torch.Tensor.backward",
    axes={"first": ("kept", "not kept")},
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    call 3: reuses, equals eager
    gradients: equals eager
    """,
)
def saved_values_are_kept_when_asked(s: Subject) -> None:
    """After backward(retain_graph=True) comes another backward pass, whether or not those before it retained theirs."""
    program = s.compile(lambda x, weight: ((x @ weight).sigmoid() @ weight).sin().sum())
    for keeps in (True, False, True) if s.axis("first") == "kept" else (False, True, True):
        x, weight = s.randn(3, 3).requires_grad_(), s.randn(3, 3).requires_grad_()
        loss = program(x, weight)
        s.note("gradients", passes(loss, x, weight, again=keeps))


def passes(loss: Tensor, *leaves: Tensor, again: bool) -> list[object]:
    """Gradients of one backward pass, or of two; what a pass refuses to do."""
    try:
        for last in (False, True) if again else (True,):
            loss.backward(retain_graph=not last)
    except RuntimeError as error:
        return [type(error).__name__]
    return [each.grad for each in leaves]
