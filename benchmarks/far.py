"""The processes in which benchmark `isolation` runs trials in other ways than Touchstone's own.

`python far.py here FOLDER` and `python far.py forkserver FOLDER` read jobs from stdin, one JSON
line each, and answer each with a JSON line: the seconds that it took. What they print is in
FOLDER/ROLE.log.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from harness.answer import read_answer
from harness.implementations import find
from harness.isolate import Here
from harness.model import Job, Observation

EAGER = find("eager")

Run = Callable[[Job], Observation]


def require_end(seen: Observation, job: Job) -> None:
    """Make sure that a trial came to its end; otherwise its time means nothing.

    Raises:
        RuntimeError: it did not.
    """
    if not seen.ended or seen.bug:
        raise RuntimeError(f"{job.module}.{job.name} did not come to its end: {seen.bug or seen}")


def here(folder: Path) -> Run:
    """Trials in this process, without isolation."""
    isolation = Here(folder)
    return lambda job: isolation.run(job, EAGER).observation


def tidy() -> None:
    """Stop the observers of ended trials, which would slow down those that follow here."""
    for logger in map(logging.getLogger, ("torch", "torch.__trace")):
        for handler in list(logger.handlers):
            if type(handler).__module__.startswith("harness."):
                logger.removeHandler(handler)


def forkserver(folder: Path) -> Run:
    """Trials in processes of multiprocessing's fork server, which has torch and our far side."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "torch._dynamo", "harness.child"])
    answer = folder / "forkserver.answer"

    def run(job: Job) -> Observation:
        process = context.Process(target=trial, args=(job, answer))
        process.start()
        process.join()
        seen, _ = read_answer(answer)
        answer.unlink()
        return seen

    return run


def trial(job: Job, answer: Path) -> None:
    """One trial in a process that has torch."""
    from harness import child  # noqa: PLC0415 - imports torch, which only this process's children may have

    child.prepare()
    child.run(job, child.Answer(answer))


def main() -> None:
    """Serve jobs from stdin."""
    role, folder = sys.argv[1], Path(sys.argv[2])
    run = {"here": here, "forkserver": forkserver}[role](folder)
    with (
        os.fdopen(os.dup(1), "w", buffering=1) as answers,
        (folder / f"{role}.log").open("wb") as log,
    ):
        for standard in (1, 2):  # what a scenario prints is no answer
            os.dup2(log.fileno(), standard)
        for line in sys.stdin:
            job = Job(**json.loads(line))
            started = time.perf_counter()
            seen = run(job)
            taken = time.perf_counter() - started
            tidy()
            require_end(seen, job)
            print(json.dumps(taken), file=answers)


if __name__ == "__main__":
    main()
