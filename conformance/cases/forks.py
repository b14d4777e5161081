"""Is what was compiled as good in a process that was forked from the one that compiled it?"""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, Dataset

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from torch import Tensor

#: Seconds that a forked process has for what it does.
PATIENCE = 30.0


def in_fork(do: Callable[[], Tensor]) -> object:
    """The numbers that are computed in a forked process, or how that has ended."""
    forking = multiprocessing.get_context("fork")
    ours, theirs = forking.Pipe()
    process = forking.Process(target=answer, args=(theirs, do), daemon=True)
    process.start()
    theirs.close()
    try:
        return torch.tensor(ours.recv()) if ours.poll(PATIENCE) else "nothing"
    except EOFError:
        process.join()
        return f"ended with {process.exitcode}"
    finally:
        process.kill()
        process.join()


def answer(line: Connection, do: Callable[[], Tensor]) -> None:
    """Send what comes of it."""
    line.send(do().tolist())


def mix(x: Tensor, y: Tensor) -> Tensor:
    """A program whose result tells its arguments apart."""
    return (x.sin() - y * 2).cumsum(0)


def slope(program: Callable[..., Tensor], x: Tensor, y: Tensor) -> Tensor:
    """The gradients of both."""
    x, y = x.detach().requires_grad_(), y.detach().requires_grad_()
    program(x, y).sum().backward()
    return torch.stack([each for each in (x.grad, y.grad) if each is not None])


@scenario(
    ref="torch.compile / forked processes",
    axes={"child": ("reuses", "compiles")},
    expect="""
    call 1: compiles, equals eager
    result in the child: equals eager
    call 2: reuses, equals eager
    result in the child: equals eager
    call 3: reuses, equals eager
    """,
)
def forked_process_calls_the_program(s: Subject) -> None:
    """A process forked after a program was compiled can call it, at other sizes too; so can the parent afterwards."""
    program = s.compile(mix)
    program(s.randn(3), s.randn(3))
    for _ in range(2):
        size = 3 if s.axis("child") == "reuses" else 4
        x, y = s.randn(size), s.randn(size)
        s.note("result in the child", in_fork(lambda x=x, y=y: program.target(x, y)))  # type: ignore[misc]
        program(s.randn(3), s.randn(3))


@scenario(
    ref="torch.compile / forked processes",
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    gradients in the child: equals eager
    gradients in the child: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    """,
)
def forked_process_differentiates(s: Subject) -> None:
    """A process forked after a program ran its backward pass can run forward and backward passes, too."""
    program = s.compile(mix)
    s.note("gradients", slope(program, s.randn(3), s.randn(3)))
    for size in 3, 4:
        x, y = s.randn(size), s.randn(size)
        s.note("gradients in the child", in_fork(lambda x=x, y=y: slope(program.target, x, y)))  # type: ignore[misc]
    s.note("gradients", slope(program, s.randn(3), s.randn(3)))


class Rows(Dataset[Any]):
    """Prepares each row with a program."""

    def __init__(self, rows: Tensor, prepare: Callable[..., Tensor]) -> None:
        self.rows, self.prepare = rows, prepare

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        return self.prepare(self.rows[index], self.rows[0]).cpu()


@scenario(
    ref="torch.utils.data.DataLoader / forked workers",
    axes={"warm": (False, True)},
    expect={
        "warm=False": """
        batches: equals eager
        batches: equals eager
        call 1: compiles, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        batches: equals eager
        batches: equals eager
        call 2: reuses, equals eager
        """,
    },
)
def workers_of_a_loader_prepare_rows(s: Subject) -> None:
    """Forked workers of a DataLoader can call a compiled program, whether or not the parent has called it before."""
    program, rows = s.compile(mix), s.randn(6, 3)
    if s.axis("warm"):
        program(rows[1], rows[0])
    loader = DataLoader(
        Rows(rows, program.target), batch_size=2, num_workers=2, timeout=PATIENCE,
        multiprocessing_context="fork",
    )  # fmt: skip
    for _ in range(2):
        s.note("batches", batches_of(loader))
    program(rows[1], rows[0])


def batches_of(loader: DataLoader[Any]) -> object:
    """What a loader gives, or why its workers cannot; on some devices that is eager's answer as well."""
    try:
        return list(loader)
    except RuntimeError as error:
        return type(error)
