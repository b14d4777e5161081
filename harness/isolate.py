"""Running one job in isolation, in one of three ways with one interface: `run(job) -> Exit`. Near side.

Knows processes, time limits and answer files. Must not import torch (except in mode `none`, whose purpose
that is) and must not judge.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from harness import toolchain
from harness.model import Exit, Failure, Implementation, Job, Observation
from harness.story import StoryError, from_json

BOOT = Path(__file__).with_name("boot.py")
OUTPUT_KEPT = 16_000
#: Seconds that the near side waits for a zygote to come up or to report an end that it was told to make.
PATIENCE = 120.0

#: Variables that would change what is judged, or how torch behaves in a process that only forks.
_DROPPED = (
    "TORCHDYNAMO_",
    "TORCH_COMPILE",
    "TORCHINDUCTOR_",
    "TORCH_LOGS",
    "TORCH_TRACE",
    "TORCH_DYNAMO",
    "TORCH_FR",
    "PYTEST_",
)
_SET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
}


class IsolationError(Exception):
    """A far-side process cannot be started; the message says which, why, and what to do."""


class ZygoteError(Exception):
    """The zygote ended or fell silent while it was needed."""


class Isolation(Protocol):
    """A way to run jobs."""

    def run(self, job: Job, implementation: Implementation) -> Exit:
        """Run one job to its end, whatever that is."""

    def hello(self, implementation: Implementation) -> Mapping[str, Any]:
        """The fingerprint of the environment.

        Raises:
            IsolationError: the environment cannot run anything.
        """


def interpreter(implementation: Implementation) -> str:
    """The path of the interpreter that runs an implementation.

    Raises:
        IsolationError: there is no such interpreter.
    """
    named = implementation.python or sys.executable
    found = shutil.which(Path(named).expanduser())
    if found is None:
        raise IsolationError(
            f"implementation {implementation.name!r} names the interpreter {named!r}, which does not exist "
            "or cannot be executed; correct `python` in its profile"
        )
    return found


def environ(implementation: Implementation, folder: Path) -> dict[str, str]:
    """The environment of an implementation's processes: ours without what would change the judgement."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_DROPPED) and not (implementation.python and name == "PYTHONPATH")
    }
    return {**kept, **_SET, **toolchain.install(folder), **implementation.environ}


@dataclasses.dataclass(slots=True)
class Spawn:
    """A fresh interpreter for each job: slow, and the arbiter when a fork is suspected."""

    folder: Path

    def run(self, job: Job, implementation: Implementation) -> Exit:
        """Run one job in an interpreter of its own."""
        with _papers(self.folder) as (answer, output):
            order = answer.with_suffix(".job")
            order.write_text(json.dumps(dataclasses.asdict(job)), encoding="utf-8")
            started = time.monotonic()
            with output.open("wb") as sink:
                process = subprocess.Popen(  # noqa: S603 - the interpreter that the profile names
                    [
                        *(interpreter(implementation), "-P", str(BOOT), "child"),
                        *(str(order), str(answer), str(time.time() + job.time_limit)),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    env=environ(implementation, self.folder),
                    start_new_session=True,
                )
            timed_out = False
            try:
                process.wait(job.time_limit)
            except subprocess.TimeoutExpired:
                timed_out = True
            finally:
                leftovers = _end_group(process)
            order.unlink()
            return _read_exit(
                answer,
                output,
                status=process.returncode,
                timed_out=timed_out,
                seconds=time.monotonic() - started,
                leftovers=0 if timed_out else leftovers,
            )

    def hello(self, implementation: Implementation) -> Mapping[str, Any]:
        """The fingerprint, from a zygote started for this one question."""
        fork = Fork(self.folder, os.getpid())
        try:
            return fork.hello(implementation)
        finally:
            fork.close()


def _end_group(process: subprocess.Popen[bytes]) -> int:
    """End a process and its group; 1 if the process had ended and others of its group were left."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return 0
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


@dataclasses.dataclass(slots=True)
class Here:
    """The job runs in this very process: for debuggers, and as the yardstick of what isolation costs."""

    folder: Path

    def run(self, job: Job, implementation: Implementation) -> Exit:  # noqa: ARG002 - one interface
        """Run one job here; no time limit, no protection."""
        from harness import child  # noqa: PLC0415 - the one mode whose purpose is to import torch

        with _papers(self.folder) as (answer, output):
            started = time.monotonic()
            child.prepare()
            child.forget()
            child.run(job, child.answer_to(answer))
            return _read_exit(answer, output, status=0, seconds=time.monotonic() - started)

    def hello(self, implementation: Implementation) -> Mapping[str, Any]:  # noqa: ARG002 - one interface
        """The fingerprint of this process."""
        from harness import fingerprint  # noqa: PLC0415 - the one mode whose purpose is to import torch

        return fingerprint.take()


class Fork:
    """A child of a warm zygote for each job; one zygote per environment, shared by all processes of a run.

    Args:
        folder: where the sockets are: the same for all processes of a run.
        guardian: pid of the process whose end ends the zygotes.
        warm: whether the zygote compiles something trivial before it serves.
    """

    def __init__(self, folder: Path, guardian: int, *, warm: bool = True) -> None:
        self._folder = folder
        self._guardian = guardian
        self._warm = warm
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
        with _papers(self._folder) as (answer, output):
            order = {"job": dataclasses.asdict(job), "answer": str(answer), "output": str(output)}
            timed_out = False
            status: int | None = None
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
                return _read_exit(answer, output, bug=bug, seconds=time.monotonic() - started)
            status = end["status"]
            return _read_exit(
                answer,
                output,
                status=status,
                timed_out=timed_out,
                seconds=time.monotonic() - started,
                leftovers=0 if timed_out else end["leftovers"],
            )

    def hello(self, implementation: Implementation) -> Mapping[str, Any]:
        """The fingerprint of the zygote's environment."""
        try:
            with _Line(self._connect(implementation)) as line:
                line.send({"hello": True})
                return dict(line.receive(PATIENCE)["hello"])
        except (ZygoteError, TimeoutError) as error:
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

        Warming up runs the implementation's code: it may fail, and it may take no longer than a trial.
        """
        line = _Line(self._connect(implementation))
        if not self._warm or not job.name or implementation.backend == "eager":
            return line
        try:
            warm = _dial_branch(line, profile(implementation), job.time_limit)
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
                    self._spawn(implementation, path)
                    return _dial(path)

    def _spawn(self, implementation: Implementation, path: Path) -> None:
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
                        *(str(self._guardian), "warm" if self._warm else "cold"),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environ(implementation, self._folder),
                    pass_fds=[listener.fileno()],
                    start_new_session=True,
                )
            )

    def _socket(self, implementation: Implementation) -> Path:
        settings = [implementation.python, sorted(implementation.environ.items())]
        return self._folder / f"zygote-{_short(settings)}.sock"

    def _log(self, implementation: Implementation) -> str:
        path = self._socket(implementation).with_suffix(".log")
        return _tail(path, 2000) if path.exists() else ""

    def _obituary(self, implementation: Implementation) -> str:
        last = self._log(implementation).strip().splitlines()[-1:] or ["it printed nothing"]
        return f"the zygote of {implementation.name!r} ended while this trial ran: {last[0]}"

    def _why_dead(self, implementation: Implementation) -> str:
        log = self._log(implementation)
        named = interpreter(implementation)
        if "No module named 'torch'" in log:
            return (
                f"implementation {implementation.name!r} runs on {named}, which has no torch; install torch "
                "there (for example: pip install torch==2.13.0), or set `python` in its profile"
            )
        last = log.strip().splitlines()[-1:] or ["it printed nothing"]
        return f"the interpreter {named} of implementation {implementation.name!r} cannot start: {last[0]}"


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
        return dict(json.loads(line))


def _dial_branch(line: _Line, asked: Mapping[str, Any], seconds: float) -> _Line | None:
    line.send({"branch": asked})
    path = line.receive(PATIENCE)["socket"]
    try:
        warm = _Line(_dial(Path(path))) if path else None
    except OSError:
        return None
    if warm is None:
        return None
    try:
        warm.send({"ping": True})
        warm.receive(seconds)
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


def _short(settings: object) -> str:
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:10]


def profile(implementation: Implementation) -> dict[str, Any]:
    """The implementation as JSON values, for the far side."""
    return json.loads(json.dumps(dataclasses.asdict(implementation)))  # type: ignore[no-any-return]


_serial = 0


@contextlib.contextmanager
def _papers(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Paths for one trial's answer and output, which are gone afterwards."""
    global _serial  # noqa: PLW0603 - a process-wide count is what makes the names unique
    _serial += 1
    stem = folder / f"trial-{os.getpid()}-{_serial}"
    answer, output = stem.with_suffix(".answer"), stem.with_suffix(".output")
    try:
        yield answer, output
    finally:
        answer.unlink(missing_ok=True)
        output.unlink(missing_ok=True)


def _tail(path: Path, size: int) -> str:
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - size))
        text = file.read().decode("utf-8", "backslashreplace")
    return f"[... {length - size} bytes before this ...]\n{text}" if length > size else text


def _read_exit(  # noqa: PLR0913 - one argument for each thing that was seen
    answer: Path,
    output: Path,
    *,
    status: int | None = None,
    timed_out: bool = False,
    bug: str = "",
    seconds: float = 0.0,
    leftovers: int = 0,
) -> Exit:
    observation, garbage = read_answer(answer)
    return Exit(
        observation=observation,
        status=status,
        timed_out=timed_out,
        bug=bug or garbage,
        output=_tail(output, OUTPUT_KEPT) if output.exists() else "",
        seconds=round(seconds, 6),
        leftovers=leftovers,
    )


def read_answer(path: Path) -> tuple[Observation, str]:
    """What an answer file says, and what is wrong with the file; a line cut short by a crash is not wrong."""
    found: dict[str, Any] = {"story": [], "evidence": []}
    text = path.read_bytes() if path.exists() else b""
    whole, _, _ = text.rpartition(b"\n")
    garbage = ""
    for number, row in enumerate(whole.split(b"\n") if whole else [], start=1):
        try:
            _read_line(json.loads(row), found)
        except (ValueError, TypeError, KeyError, AttributeError, StoryError) as error:
            garbage = f"line {number} of the answer is not ours: {row[:80]!r} ({error})"
            break
    story, evidence = tuple(found.pop("story")), tuple(found.pop("evidence"))
    return Observation(story=story, evidence=evidence, **found), garbage


def _read_line(line: Mapping[str, Any], found: dict[str, Any]) -> None:
    match line:
        case {"begin": versions}:
            found["versions"] = dict(versions)
        case {"event": event, "evidence": evidence}:
            found["story"].append(from_json(event))
            found["evidence"].append(dict(evidence))
        case {"failure": failure}:
            found["failure"] = Failure(**failure)
        case {"bug": bug}:
            found["bug"] = str(bug)
        case {"end": {"channels": channels, "artefacts": artefacts}}:
            found.update(ended=True, channels=dict(channels), artefacts=tuple(artefacts))
        case _:
            raise ValueError("expected begin, event, failure, bug or end")
