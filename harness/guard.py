"""The guard of one trial in a fresh interpreter: starts it, watches it, and leaves nothing of it. Far side.

Knows how a trial is ended. Must not know what it is about. It is a process between the near side and the trial, because
whoever adopts the orphans of a trial must have no other children. It prints one JSON line:

    {"status": n, "timed_out": false, "exceeded": false, "leftovers": n}
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from harness import kin
from harness.lifeline import die_with


def main(arguments: list[str]) -> None:
    """Run a command to its end: `guard PARENT DEADLINE MEMORY OUTPUT COMMAND...`, a monotonic time and bytes."""
    parent, deadline, memory, output, *command = arguments
    signal.signal(signal.SIGTERM, _leave)
    die_with(int(parent), signal.SIGTERM)
    kin.adopt()
    own = os.getpid()
    with Path(output).open("ab") as sink:
        process = subprocess.Popen(  # noqa: S603 - the interpreter that the profile names
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: die_with(own),  # noqa: PLW1509 - there is but one thread
        )
    timed_out = exceeded = False
    watch = kin.Watch(own, int(memory), Path(output))
    try:
        while process.poll() is None and not timed_out and not exceeded:
            try:
                process.wait(min(kin.TICK, max(0.001, float(deadline) - time.monotonic())))
            except subprocess.TimeoutExpired:
                timed_out = time.monotonic() >= float(deadline)
                exceeded = watch.exceeded()
    finally:
        leftovers = _end_all()
    said = {"status": process.wait(), "timed_out": timed_out, "exceeded": exceeded}
    print(json.dumps({**said, "leftovers": leftovers}), flush=True)  # noqa: T201 - its answer


def _end_all() -> int:
    """End all descendants, and wait for their end as long as that is a matter of moments; how many were alive."""
    left = kin.end_strays(())
    for _ in range(100):
        if not any(kin.is_alive(each) for each in kin.children(os.getpid())):
            break
        kin.end_strays(())
        time.sleep(0.01)
    return left


def _leave(_: int, __: FrameType | None) -> None:
    sys.exit(1)
