"""Do the threads of a process each get what eager would give them?"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

Found = TypeVar("Found")

#: Seconds until a thread that waits for another one gives up.
PATIENCE = 20.0


def in_thread(do: Callable[[], Found]) -> Found:
    """What is done in a thread of its own, which has ended when this returns."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(do).result()


def at_once(do: Sequence[Callable[[], Found]]) -> list[Found]:
    """What is done in a thread each, all of which start at the same time."""
    start = threading.Barrier(len(do))

    def run(each: Callable[[], Found]) -> Found:
        start.wait(PATIENCE)
        return each()

    with ThreadPoolExecutor(len(do)) as pool:
        return list(pool.map(run, do))


def mix(x: Tensor, y: Tensor) -> Tensor:
    """A program whose result tells its arguments apart."""
    return (x.sin() - y * 2).cumsum(0)


@scenario(
    ref="torch.compile / threads",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: compiles, equals eager
    call 4: reuses, equals eager
    call 5: compiles, equals eager
    call 6: reuses, equals eager
    """,
)
def threads_share_what_was_compiled(s: Subject) -> None:
    """What one thread has compiled is reused by the others, also when that thread has ended."""
    program = s.compile(mix)
    program(s.randn(3), s.randn(3))
    in_thread(lambda: program(s.randn(3), s.randn(3)))
    in_thread(lambda: program(s.randn(4), s.randn(4)))
    program(s.randn(5), s.randn(5))
    in_thread(lambda: program(s.randn(6, dtype=torch.float64), s.randn(6)))
    program(s.randn(6, dtype=torch.float64), s.randn(6))


@scenario(
    ref="torch.compile / threads",
    axes={"warm": (False, True)},
    expect={
        "warm=False": """
        results: equals eager
        results: equals eager
        results: equals eager
        call 1: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        results: equals eager
        results: equals eager
        results: equals eager
        call 2: reuses, equals eager
        """,
    },
)
def threads_call_at_once(s: Subject) -> None:
    """Threads that call a program at the same time each get their own result, compiled before or not."""
    program = s.compile(mix)
    if s.axis("warm"):
        program(s.randn(3), s.randn(3))
    for _ in range(3):
        pairs = [(s.randn(size), s.randn(size)) for size in (3, 4, 3, 5)]
        calls = [lambda pair=pair: program.target(*pair) for pair in pairs]
        s.note("results", at_once(calls))
    program(s.randn(3), s.randn(3))


@scenario(
    ref="torch.compile / threads",
    expect="""
    gradients: equals eager
    gradients: equals eager
    """,
)
def threads_compile_at_once(s: Subject) -> None:
    """Threads that compile different programs at the same time, and differentiate them, each get eager's gradients."""
    programs = [s.compile(each).target for each in (mix, torch.atan2, torch.mul, torch.matmul)]
    for _ in range(2):
        args = [[s.randn(3).requires_grad_() for _ in range(2)] for _ in programs]
        pairs = zip(programs, args, strict=True)
        at_once([lambda pair=pair: pair[0](*pair[1]).sum().backward() for pair in pairs])  # type: ignore[misc]
        s.note("gradients", [each.grad for pair in args for each in pair])


@scenario(
    ref="torch.compile / threads and modes",
    needs=("autocast",),
    expect="""
    calls 1-3: compiles, equals eager
    calls 4-8: reuses, equals eager
    """,
)
def modes_belong_to_a_thread(s: Subject) -> None:
    """A grad mode or autocast that one thread has entered does not hold for calls from another thread."""
    program = s.compile(make_and_scale)
    x = s.randn(3).requires_grad_()
    for _ in range(2):
        with torch.no_grad(), torch.autocast(s.device, dtype=torch.bfloat16):
            program(x)
            in_thread(lambda: program(x))
        in_thread(lambda: within(torch.inference_mode(), program, x.detach()))
        program(x)


def make_and_scale(x: Tensor) -> tuple[Tensor, bool]:
    """What it gives depends on the modes: whether gradients are recorded, and autocast."""
    return torch.outer(x, x) @ x.view(-1, 1), torch.is_grad_enabled()


def within(context: Any, program: Callable[..., Found], *args: Any) -> Found:
    """A call in a context."""
    with context:
        return program(*args)


class Own(threading.local):
    """Has a number of its own in each thread."""

    number = 4.0


@scenario(
    ref="torch.compiler: core concepts / guards on attributes of objects",
    needs=("symbolic_scalars",),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    calls 3-9: reuses, equals eager
    """,
)
def value_of_the_thread_is_seen(s: Subject) -> None:
    """A threading.local that a program reads has the value of the thread that calls the program."""
    own, x = Own(), s.randn(3)
    program = s.compile(lambda x: x * own.number)
    for number in 2.0, 3.0, 2.0:
        program(x)
        in_thread(lambda number=number: set_and_call(own, number, program, x))  # type: ignore[misc]
        program(x)


def set_and_call(own: Own, number: float, program: Callable[..., Found], x: Tensor) -> Found:
    """Give the thread a number, and call the program in it."""
    own.number = number
    return program(x)


@scenario(
    ref="torch.compile / threads and gradients",
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    call 3: reuses, equals eager
    gradients: equals eager
    """,
)
def backward_runs_in_another_thread(s: Subject) -> None:
    """A result that one thread has computed can be differentiated in another thread."""
    program = s.compile(mix)
    for _ in range(3):
        x, y = s.randn(3).requires_grad_(), s.randn(3).requires_grad_()
        result = in_thread(lambda x=x, y=y: program(x, y))  # type: ignore[misc]
        in_thread(result.sum().backward)
        s.note("gradients", [x.grad, y.grad])


class Meeting:
    """Where threads wait for each other in the middle of a program."""

    def __init__(self, threads: int) -> None:
        self.barrier = threading.Barrier(threads)

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def wait(self) -> None:
        """Return when all have come."""
        self.barrier.wait(PATIENCE)


def meet_in_the_middle(x: Tensor, meeting: Meeting, mode: Any) -> list[Any]:
    """Computes on both sides of a meeting, in a mode."""
    with mode():
        y = x * 2
        meeting.wait()
        return [y + x, torch.is_grad_enabled()]


@scenario(
    ref="torch.compile / threads and graph breaks",
    needs=("torch_compile",),
    expect="""
    results: equals eager
    results: equals eager
    results: equals eager
    mode afterwards: equals eager
    """,
)
def threads_meet_in_the_middle(s: Subject) -> None:
    """Threads that are inside one program at the same time keep their own values and grad modes."""
    program, meeting = s.compile(meet_in_the_middle).target, Meeting(2)
    for _ in range(3):
        modes = torch.no_grad, torch.enable_grad
        each = [(s.randn(3).requires_grad_(), meeting, mode) for mode in modes]
        s.note("results", at_once([lambda args=args: program(*args) for args in each]))  # type: ignore[misc]
    s.note("mode afterwards", torch.is_grad_enabled())
