"""Elsewhere: the steps of a scenario that run in another process than the rest of it. Far side.

Knows how a fresh process is had from inside a trial: a spare, forked before anything was compiled, that does nothing
but fork; or a brand-new interpreter; and that several may run at once, as ranks. Must not know scenarios, nor what the
processes do.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, Protocol

from harness.lifeline import die_with

BOOT = Path(__file__).with_name("boot.py")


#: Seconds that ranks have to end after one of them has ended before its time.
GRACE = 15.0


@dataclass(frozen=True, slots=True)
class Rank:
    """Which of the processes that run a step together one is; they meet at a file."""

    number: int
    world: int
    meeting: str = ""


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
        rank: which one of several processes this is; None if it is alone.
        oracle: whether the step is run in eager, to see what it shows.
        answer: where what is told is written; "" for the answer of the trial.
    """

    step: str
    arguments: tuple[Any, ...]
    sights: tuple[Any, ...]
    cache: str
    calls: int = 0
    generator: Any = None
    rank: Rank | None = None
    oracle: bool = False
    answer: str = ""


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

    def run_ranks(self, orders: Sequence[Order]) -> list[Return]:
        """Run orders at the same time, each in a process of its own, or raise `StoryEnded`."""

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

    def run_ranks(self, orders: Sequence[Order]) -> list[Return]:
        """Never: ranks belong to one environment."""
        raise NotImplementedError(f"{len(orders)} ranks cannot be handed over")

    def close(self) -> None:
        """Nothing is held."""


class Elsewhere:
    """Runs orders in fresh processes; one spare is forked when this is made.

    Args:
        work: runs one order in the process that it is called in; None if the story ended in it.
        command: what follows the interpreter and `boot.py` to have one order run by a brand-new interpreter;
            the path of the order is appended.
        folder: where orders and returns lie.
        retell: appends one line of what a rank has told to the answer of the trial.
    """

    def __init__(
        self,
        work: Callable[[Order], Return | None],
        command: Sequence[str],
        folder: Path,
        retell: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._work, self._command, self._folder = work, tuple(command), folder
        self._retell = retell
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
                self._line.send([str(path)])
                ((_, status),) = self._line.recv()
            if status:
                _die_alike(status)
            return _take_back(path)

    def run_ranks(self, orders: Sequence[Order]) -> list[Return]:
        """Run orders at the same time; what the ranks have told is told one rank after the other.

        When one ends before its time, by a crash or because its story has ended, the others have a moment to follow.

        Raises:
            StoryEnded: the story ended in one of them.
            RuntimeError: one of them has ended although it runs in eager.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as own:
            paths = [Path(own) / f"rank_{number}" for number in range(len(orders))]
            for number, (order, path) in enumerate(zip(orders, paths, strict=True)):
                rank = Rank(number, len(orders), f"{own}/meeting")
                told = dataclasses.replace(order, rank=rank, answer=f"{path}.told")
                path.write_bytes(pickle.dumps(told))
            self._line.send([str(path) for path in paths])
            ends: list[tuple[int, int]] = self._line.recv()
            early = [(n, end) for n, end in ends if end or not _return_of(paths[n]).exists()]
            if early and orders[0].oracle:
                raise RuntimeError(f"in eager, rank {early[0][0]} ended with status {early[0][1]}")
            culprit = _first_of_its_kind(early, paths) if early else None
            for number, path in enumerate(paths):
                self._tell_again(path, culprit=culprit in (None, number))
                if number == culprit:
                    if status := dict(early)[number]:
                        _die_alike(status)
                    raise StoryEnded
            return [_take_back(path) for path in paths]

    def _tell_again(self, path: Path, *, culprit: bool) -> None:
        """Tell what a rank has told; how it ended only if it is the one that ended the story."""
        for said in _told(path):
            if culprit or "event" in said:
                self._retell(said)

    def close(self) -> None:
        """End the spare."""
        self._line.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._spare, 0)

    def _serve(self, line: Connection) -> None:
        """Fork one process for each order of several that run at once; never returns."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                running: dict[int, int] = {}
                paths = [Path(each) for each in line.recv()]
                for number, path in enumerate(paths):
                    spare, pid = os.getpid(), os.fork()
                    if pid == 0:
                        die_with(spare)
                        line.close()
                        _work_and_leave(self._work, path)
                    running[pid] = number
                line.send(list(_wait(running, paths)))
        os._exit(0)


def _wait(running: dict[int, int], paths: Sequence[Path]) -> Iterator[tuple[int, int]]:
    """The number and exit status of each process, as they end; they end soon after one that ends before its time."""
    deadline = float("inf")
    while running:
        pid, status = os.waitpid(-1, 0 if deadline == float("inf") else os.WNOHANG)
        if pid:
            number = running.pop(pid)
            yield number, os.waitstatus_to_exitcode(status)
            if status or not _return_of(paths[number]).exists():
                deadline = min(deadline, time.monotonic() + GRACE)
        elif time.monotonic() > deadline:
            for each in running:
                os.kill(each, signal.SIGKILL)
            deadline = float("inf")
        else:
            time.sleep(0.02)


def _first_of_its_kind(early: Sequence[tuple[int, int]], paths: Sequence[Path]) -> int:
    """Which rank ended the story: of those that ended as the first one did, the one with the least number.

    Ranks that fail on their own fail alike, and which of them is the first is chance; what fails because another rank
    has gone fails otherwise.
    """

    def how(number: int, status: int) -> tuple[int, list[tuple[str, str]]]:
        failures = [said["failure"] for said in _told(paths[number]) if "failure" in said]
        return status, [(each["type"], each["phase"]) for each in failures]

    first = how(*early[0])
    return min(number for number, status in early if how(number, status) == first)


def _told(path: Path) -> list[dict[str, Any]]:
    """The lines that a rank has told; one that it was ended in is none."""
    told = Path(f"{path}.told")
    whole = told.read_text("utf-8", errors="replace").rpartition("\n")[0] if told.exists() else ""
    return [json.loads(row) for row in whole.split("\n") if row]


def _return_of(path: Path) -> Path:
    """Where what comes back of the order at a path lies."""
    return path.with_suffix(".return")


def _take_back(path: Path) -> Return:
    if not _return_of(path).exists():
        raise StoryEnded
    back = pickle.loads(_return_of(path).read_bytes())  # noqa: S301 - written by our own process
    assert isinstance(back, Return)
    return back


def read_order(path: Path) -> Order:
    """The order that was left at a path."""
    order = pickle.loads(path.read_bytes())  # noqa: S301 - written by our own process
    assert isinstance(order, Order)
    return order


def fulfil(work: Callable[[Order], Return | None], path: Path) -> None:
    """Run the order at a path and leave what comes back beside it."""
    back = work(read_order(path))
    if back is not None:
        _return_of(path).write_bytes(pickle.dumps(back))


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
