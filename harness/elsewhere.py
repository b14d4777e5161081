"""Elsewhere: the steps of a scenario that run in another process than the rest of it. Far side.

Knows how a fresh process is had from inside a trial: a spare, forked before anything was compiled, that does nothing
but fork; or a brand-new interpreter. Must not know scenarios, nor what the processes do.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, Protocol

from harness.lifeline import die_with

BOOT = Path(__file__).with_name("boot.py")


@dataclass(frozen=True, slots=True)
class Order:
    """What a fresh process is told.

    Attributes:
        step: name of the function in the scenario's module; "" for the scenario's own body.
        arguments: what it is called with, after the subject.
        sights: what the oracle saw from here on.
        cache: directory of its compile caches.
        calls: how many calls the story has so far.
        generator: state of the generator that tensors are drawn from; None for a new one.
    """

    step: str
    arguments: tuple[Any, ...]
    sights: tuple[Any, ...]
    cache: str
    calls: int = 0
    generator: Any = None


@dataclass(frozen=True, slots=True)
class Return:
    """What a process leaves behind.

    Attributes:
        sights, calls, generator: as in the order, where the step has left them.
        channels: each channel of observation to "available" or to why it is not.
        artefacts: what the implementation returned for the graphs compiled there.
    """

    sights: tuple[Any, ...]
    calls: int
    generator: Any
    channels: dict[str, str] = field(default_factory=dict)
    artefacts: list[str] = field(default_factory=list)


class StoryEnded(BaseException):
    """The other process has told how the story ended; there is nothing to add."""


class Going(Protocol):
    """A way to go on in another process."""

    def run(self, order: Order, *, interpreter: bool) -> Return:
        """Run an order to its end, or raise `StoryEnded`."""

    def close(self) -> None:
        """Give back what it holds."""


@dataclass(frozen=True, slots=True)
class HandingOver:
    """Leaves the order for a process of another environment; the story ends here."""

    path: Path

    def run(self, order: Order, *, interpreter: bool) -> Return:  # noqa: ARG002 - one interface
        """Leave the order."""
        self.path.write_bytes(pickle.dumps(order))
        raise StoryEnded

    def close(self) -> None:
        """Nothing is held."""


class Elsewhere:
    """Runs orders in fresh processes; one spare is forked when this is made.

    Args:
        work: runs one order in the process that it is called in; None if the story ended in it.
        command: what follows the interpreter and `boot.py` to have one order run by a brand-new interpreter;
            the path of the order is appended.
        folder: where orders and returns lie.
    """

    def __init__(
        self, work: Callable[[Order], Return | None], command: Sequence[str], folder: Path
    ) -> None:
        self._work, self._command, self._folder = work, tuple(command), folder
        ours, theirs = Pipe()
        parent = os.getpid()
        self._spare = os.fork()
        if self._spare == 0:
            ours.close()
            die_with(parent)
            self._serve(theirs)
        theirs.close()
        self._line = ours

    def run(self, order: Order, *, interpreter: bool) -> Return:
        """Run an order to its end.

        Raises:
            StoryEnded: the story ended in the other process, which has told how.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as own:
            path = Path(own) / "order"
            path.write_bytes(pickle.dumps(order))
            if interpreter:
                command = [sys.executable, "-P", str(BOOT), *self._command, str(path)]
                status = subprocess.run(command, check=False).returncode  # noqa: S603 - this interpreter
            else:
                self._line.send(str(path))
                status = os.waitstatus_to_exitcode(self._line.recv())
            if status:
                _die_alike(status)
            answer = path.with_suffix(".return")
            if not answer.exists():
                raise StoryEnded
            back = pickle.loads(answer.read_bytes())  # noqa: S301 - written by our own process
            assert isinstance(back, Return)
            return back

    def close(self) -> None:
        """End the spare."""
        self._line.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._spare, 0)

    def _serve(self, line: Connection) -> None:
        """Fork one process for each order; never returns."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                path = Path(line.recv())
                spare, pid = os.getpid(), os.fork()
                if pid == 0:
                    die_with(spare)
                    line.close()
                    _work_and_leave(self._work, path)
                line.send(os.waitpid(pid, 0)[1])
        os._exit(0)


def read_order(path: Path) -> Order:
    """The order that was left at a path."""
    order = pickle.loads(path.read_bytes())  # noqa: S301 - written by our own process
    assert isinstance(order, Order)
    return order


def fulfil(work: Callable[[Order], Return | None], path: Path) -> None:
    """Run the order at a path and leave what comes back beside it."""
    back = work(read_order(path))
    if back is not None:
        path.with_suffix(".return").write_bytes(pickle.dumps(back))


def _work_and_leave(work: Callable[[Order], Return | None], path: Path) -> None:
    status = 1
    try:
        fulfil(work, path)
        status = 0
    except BaseException:  # noqa: BLE001 - the last frame of the process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _die_alike(status: int) -> None:
    """End as the other process did: a crash of a step is a crash of its trial."""
    sys.stdout.flush()
    sys.stderr.flush()
    if status < 0:
        os.kill(os.getpid(), -status)
    os._exit(status if status > 0 else 1)
