"""Running one job in isolation, in one of three ways with one interface: `run(job) -> Exit`. Near side.

Knows processes and time limits; `fork` has the third and usual way. Must not import torch (except in
mode `none`, whose purpose that is) and must not judge.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from harness.answer import open_papers, read_exit
from harness.environment import BOOT, IsolationError, environ, interpreter, is_separate
from harness.fork import PATIENCE, Fork
from harness.model import Exit, Implementation, Job

#: Where Linux tells how much memory a container may use.
_CONTAINER = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def usual_memory() -> int:
    """Bytes that a trial may use unless told otherwise: half of what this host, or its container, has."""
    sizes = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for paper in map(Path, _CONTAINER):
        with contextlib.suppress(OSError, ValueError):  # there is no limit, or it is `max`
            sizes.append(int(paper.read_text(encoding="ascii")))
    return min(sizes) // 2


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
            deadline = str(started + job.time_limit)
            guard = subprocess.Popen(  # noqa: S603 - ourselves
                [
                    *(sys.executable, "-I", "-S", str(BOOT), "guard", str(os.getpid()), deadline),
                    *(str(job.memory_limit), str(output)),
                    *(interpreter(implementation), "-P", str(BOOT), "child"),
                    *(str(order), str(answer), deadline),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environ(implementation, self.folder),
                start_new_session=True,
            )
            try:
                said, complaint = guard.communicate(timeout=job.time_limit + PATIENCE)
            except BaseException:
                guard.terminate()  # it ends the trial first
                guard.communicate()
                raise
            seconds = time.monotonic() - started
            order.unlink()
            try:
                end = json.loads(said)
            except ValueError:
                last = complaint.decode(errors="replace").strip().splitlines()[-1:] or ["nothing"]
                bug = f"the guard of this trial ended with status {guard.returncode}: {last[0]}"
                return read_exit(answer, output, bug=bug, seconds=seconds)
            return read_exit(
                answer,
                output,
                status=end["status"],
                timed_out=end["timed_out"],
                seconds=seconds,
                leftovers=0 if end["timed_out"] else end["leftovers"],
                exceeded=job.memory_limit if end["exceeded"] else 0,
            )

    def hello(self, implementation: Implementation) -> Mapping[str, Any]:
        """The fingerprint, from a zygote started for this one question."""
        with tempfile.TemporaryDirectory(dir=self.folder) as own:
            fork = Fork(Path(own), os.getpid(), warmth="cold")
            try:
                return fork.hello(implementation)
            finally:
                fork.close()


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
