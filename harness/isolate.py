"""Running one job in isolation, in one of three ways with one interface: `run(job) -> Exit`. Near side.

Knows processes and time limits; `fork` has the third and usual way. Must not import torch (except in
mode `none`, whose purpose that is) and must not judge.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from harness.answer import open_papers, read_exit
from harness.environment import BOOT, IsolationError, environ, interpreter, is_separate
from harness.fork import Fork
from harness.model import Exit, Implementation, Job


class Isolation(Protocol):
    """A way to run jobs."""

    def run(self, job: Job, implementation: Implementation) -> Exit:
        """Run one job to its end, whatever that is."""

    def hello(self, implementation: Implementation) -> Mapping[str, Any]:
        """The fingerprint of the environment.

        Raises:
            IsolationError: the environment cannot run anything.
        """


@dataclasses.dataclass(slots=True)
class Spawn:
    """A fresh interpreter for each job: slow, and the arbiter when a fork is suspected."""

    folder: Path

    def run(self, job: Job, implementation: Implementation) -> Exit:
        """Run one job in an interpreter of its own."""
        with open_papers(self.folder) as (answer, output):
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
            return read_exit(
                answer,
                output,
                status=process.returncode,
                timed_out=timed_out,
                seconds=time.monotonic() - started,
                leftovers=0 if timed_out else leftovers,
            )

    def hello(self, implementation: Implementation) -> Mapping[str, Any]:
        """The fingerprint, from a zygote started for this one question."""
        with tempfile.TemporaryDirectory(dir=self.folder) as own:
            fork = Fork(Path(own), os.getpid(), warm=False)
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

        with open_papers(self.folder) as (answer, output):
            started = time.monotonic()
            child.prepare()
            child.forget()
            child.run(job, child.Answer(answer))
            return read_exit(answer, output, status=0, seconds=time.monotonic() - started)

    def hello(self, implementation: Implementation) -> Mapping[str, Any]:
        """The fingerprint of this process."""
        if is_separate(implementation) or implementation.environ:
            raise IsolationError(
                f"implementation {implementation.name!r} asks for an interpreter or environment of its own, which "
                "isolation `none` cannot give; use fork or spawn"
            )
        from harness import fingerprint  # noqa: PLC0415 - the one mode whose purpose is to import torch

        return fingerprint.take()
