"""Forked children of warm zygotes: the usual way to isolate trials. Near side.

Knows how to start, find, ask and lose a zygote. Must not import torch or judge.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from harness.answer import open_papers, read_exit, tail
from harness.environment import BOOT, IsolationError, environ, interpreter, profile
from harness.model import Exit, Implementation, Job

#: Seconds that the near side waits for a zygote to come up or to report an end that it was told to make.
PATIENCE = 900.0

#: What a zygote compiles before it serves: all that helps many trials, what helps any trial at all, or nothing.
Warmth = Literal["warm", "mild", "cold"]


class ZygoteError(Exception):
    """The zygote ended or fell silent while it was needed."""


class Fork:
    """A child of a warm zygote for each job; one zygote per environment, shared by all processes of a run.

    Args:
        folder: where the sockets are: the same for all processes of a run.
        guardian: pid of the process whose end ends the zygotes.
        warmth: what the zygote compiles before it serves.
    """

    def __init__(self, folder: Path, guardian: int, warmth: Warmth = "warm") -> None:
        self._folder = folder
        self._guardian = guardian
        self._warmth = warmth
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, implementation: Implementation) -> None:
        """Start the zygote of an environment unless it runs; returns at once.

        Raises:
            IsolationError: there is no such interpreter.
        """
        self._connect(implementation).close()

    def run(self, job: Job, implementation: Implementation) -> Exit:
        """Run one job in a forked child."""
        started = time.monotonic()
        with open_papers(self._folder) as (answer, output):
            order = {"job": dataclasses.asdict(job), "answer": str(answer), "output": str(output)}
            timed_out = False
            try:
                with self._line(job, implementation) as line:
                    line.send(order)
                    line.receive(PATIENCE)
                    started = time.monotonic()
                    try:
                        end = line.receive(job.time_limit)
                    except TimeoutError:
                        timed_out = True
                        line.send({"kill": True})
                        end = line.receive(PATIENCE)
            except (ZygoteError, TimeoutError) as error:
                bug = f"{self._obituary(implementation)} ({str(error) or 'no answer in time'})"
                return read_exit(answer, output, bug=bug, seconds=time.monotonic() - started)
            return read_exit(
                answer,
                output,
                status=end["status"],
                timed_out=timed_out,
                seconds=time.monotonic() - started,
                leftovers=0 if timed_out else end["leftovers"],
                exceeded=0 if timed_out or not end["exceeded"] else job.memory_limit,
            )

    def hello(self, implementation: Implementation) -> Mapping[str, Any]:
        """The fingerprint of the zygote's environment."""
        try:
            with _Line(self._connect(implementation)) as line:
                line.send({"hello": True})
                return dict(line.receive(PATIENCE)["hello"])
        except TimeoutError as error:
            raise IsolationError(
                f"the environment of {implementation.name!r} has not come up within {PATIENCE:g} s; its last "
                f"words are: {self._last(implementation)}"
            ) from error
        except ZygoteError as error:
            raise IsolationError(self._why_dead(implementation)) from error

    def close(self) -> None:
        """End the zygotes of this folder."""
        for path in self._folder.glob("zygote-*.sock"):
            with contextlib.suppress(OSError, ZygoteError), _Line(_dial(path)) as line:
                line.send({"quit": True})
        for process in self._started:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def release(self) -> None:
        """Leave the zygotes to the other processes of the run."""
        for process in self._started:
            process.returncode = 0  # it is not ours to wait for: the guardian's end ends it
        self._started.clear()

    def _line(self, job: Job, implementation: Implementation) -> _Line:
        """A line to the zygote that is warm for the implementation, or to the base where there is none.

        Warming up runs the implementation's code: it may fail, and it may take no more than a trial.
        """
        line = _Line(self._connect(implementation))
        if self._warmth == "cold" or not job.name or implementation.backend == "eager":
            return line
        try:
            warm = _dial_branch(line, profile(implementation), job)
        except BaseException:
            line.close()
            raise
        if warm is None:
            return line
        line.close()
        return warm

    def _connect(self, implementation: Implementation) -> socket.socket:
        path = self._socket(implementation)
        try:
            return _dial(path)
        except OSError:
            with path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                try:
                    return _dial(path)
                except OSError:
                    return self._spawn(implementation, path)

    def _spawn(self, implementation: Implementation, path: Path) -> socket.socket:
        """Start a zygote; returns a connection, made while the socket is ours: one that dies at once refuses none."""
        command = interpreter(implementation)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with listener, path.with_suffix(".log").open("ab") as log:
            listener.bind(str(path))
            listener.listen(128)
            self._started.append(
                subprocess.Popen(  # noqa: S603 - the interpreter that the profile names
                    [
                        *(command, "-P", str(BOOT), "zygote", str(listener.fileno()), str(path)),
                        *(str(self._guardian), self._warmth),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environ(implementation, self._folder),
                    pass_fds=[listener.fileno()],
                    start_new_session=True,
                )
            )
            return _dial(path)

    def _socket(self, implementation: Implementation) -> Path:
        where = [implementation.python, implementation.requires, implementation.indexes]
        settings = [where, sorted(implementation.environ.items())]
        return self._folder / f"zygote-{_digest(settings)}.sock"

    def _log(self, implementation: Implementation) -> str:
        path = self._socket(implementation).with_suffix(".log")
        return tail(path, 2000) if path.exists() else ""

    def _obituary(self, implementation: Implementation) -> str:
        return f"the zygote of {implementation.name!r} ended while this trial ran: {self._last(implementation)}"

    def _last(self, implementation: Implementation) -> str:
        return (self._log(implementation).strip().splitlines() or ["it printed nothing"])[-1]

    def _why_dead(self, implementation: Implementation) -> str:
        log = self._log(implementation)
        named = interpreter(implementation)
        if "No module named 'torch'" in log:
            return (
                f"implementation {implementation.name!r} runs on {named}, which has no torch; install torch "
                "there (for example: pip install torch==2.13.0), or set `python` in its profile"
            )
        last = self._last(implementation)
        return f"the interpreter {named} of implementation {implementation.name!r} cannot start: {last}"


class _Line:
    """A connection on which JSON lines go both ways."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def send(self, message: Mapping[str, Any]) -> None:
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise ZygoteError(str(error)) from error

    def receive(self, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            self._connection.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                received = self._connection.recv(1 << 16)
            except TimeoutError:
                raise
            except OSError as error:
                raise ZygoteError(str(error)) from error
            if not received:
                raise ZygoteError("it closed the connection")
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            return dict(json.loads(line))
        except (ValueError, TypeError, RecursionError) as error:
            raise ZygoteError(f"it said {line[:80]!r}, which is not ours") from error


def _dial_branch(line: _Line, asked: Mapping[str, Any], job: Job) -> _Line | None:
    line.send({"branch": asked, "memory_limit": job.memory_limit})
    path = line.receive(PATIENCE)["socket"]
    try:
        warm = _Line(_dial(Path(path))) if path else None
    except OSError:
        return None
    if warm is None:
        return None
    try:
        warm.send({"ping": True})
        warm.receive(job.time_limit)
    except (ZygoteError, TimeoutError):
        warm.close()
        line.send({"prune": asked})
        return None
    return warm


def _dial(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection


def _digest(settings: object) -> str:
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:10]
