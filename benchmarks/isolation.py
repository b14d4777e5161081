"""What isolation costs: the same trials, on the implementation `eager`, in six ways.

Method. Up to twelve scenarios spread evenly over the catalog, each in its first variant, are run
one after the other by every way in turn, a number of rounds; one round before these, in which the
long-lived processes warm up, does not count. A figure is the median over scenarios of the median
over rounds. Every way runs the same `harness.child.run` with the same observation, has the
environment variables of `harness.environment.environ`, and is timed on the near side of its process
boundary, from the request to the end of the process. What a trial answered is read inside that
time, except under pytest --forked, which this favours. No time counts unless the trial came to
its end.

    none        harness.isolate.Here in one warm process of its own: nothing is isolated, and what
                a trial leaves in torch's and Python's caches speeds up its next round
    fork        harness.fork.Fork, with the zygote up and warm
    fork, cold  the same with a zygote that has imported torch but compiled nothing
    spawn       harness.isolate.Spawn
    forked      `pytest --forked`, torch and torch._dynamo imported by the test module; a plugin
                takes the time around each test, without pytest's start and the import
    forkserver  a multiprocessing Process for each trial, from a fork server that has preloaded
                torch, torch._dynamo and our far side
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median

import measure
from far import EAGER, require_end
from forked import SECONDS
from measure import Target

from conformance.session import open_folder
from harness import catalog
from harness.answer import read_answer
from harness.environment import environ, profile
from harness.fork import Fork
from harness.isolate import Isolation, Spawn
from harness.model import Job

SCENARIOS = 12
FAR = Path(__file__).with_name("far.py")
FORKED = """
import json
from pathlib import Path

import pytest
import torch
import torch._dynamo
from harness import child
from harness.model import Job

child.prepare()
ORDERS = json.loads(Path(__file__).with_name("orders.json").read_text())


@pytest.mark.parametrize("order", ORDERS)
def test_trial(order):
    child.run(Job(**order["job"]), child.Answer(Path(order["answer"])))
"""

Round = Callable[[], list[float]]


def jobs(folder: Path) -> list[Job]:
    """First variants of scenarios spread over the catalog, of those that hold for every torch."""
    entries = [entry for entry in catalog.read() if not entry.torch]
    count = min(SCENARIOS, len(entries))
    return [
        Job(
            module=entry.module,
            file=str(entry.file),
            name=entry.name,
            settings=catalog.variants(entry)[0].settings,
            implementation=profile(EAGER),
            cache=str(folder / "cache"),
            time_limit=120.0,
        )
        for entry in (entries[number * len(entries) // count] for number in range(count))
    ]


def isolated(isolation: Isolation, todo: Sequence[Job]) -> list[float]:
    """Each job's seconds in one of Touchstone's own ways."""
    return [_isolated(isolation, job) for job in todo]


def _isolated(isolation: Isolation, job: Job) -> float:
    started = time.perf_counter()
    seen = isolation.run(job, EAGER)
    taken = time.perf_counter() - started
    require_end(seen.observation, job)
    return taken


@contextmanager
def served(role: str, folder: Path, todo: Sequence[Job]) -> Iterator[Round]:
    """Each job's seconds in a server of `far`, which lives as long as the context."""
    with subprocess.Popen(
        [sys.executable, str(FAR), role, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        env=environ(EAGER, folder),
    ) as server:

        def ask(job: Job) -> float:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(json.dumps(dataclasses.asdict(job)) + "\n")
            if not (answer := server.stdout.readline()):
                raise RuntimeError((folder / f"{role}.log").read_text(encoding="utf-8"))
            return float(answer)

        yield lambda: [ask(job) for job in todo]


def forked(todo: Sequence[Job]) -> list[float]:
    """Each job's seconds as a test under pytest --forked."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        answers = [folder / f"{number}.answer" for number in range(len(todo))]
        orders = [
            {"job": dataclasses.asdict(job), "answer": str(answer)}
            for job, answer in zip(todo, answers, strict=True)
        ]
        (folder / "orders.json").write_text(json.dumps(orders), encoding="utf-8")
        (folder / "test_trials.py").write_text(FORKED, encoding="utf-8")
        report = folder / "seconds.json"
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "--forked", "-c", os.devnull),
                *("-p", "forked", "-p", "no:cacheprovider", f"--rootdir={name}", name),
            ],
            cwd=name,
            env={**environ(EAGER, folder), "PYTHONPATH": str(FAR.parent), SECONDS: str(report)},
            stdout=subprocess.DEVNULL,
            timeout=measure.PATIENCE,
            check=True,
        )
        for job, answer in zip(todo, answers, strict=True):
            require_end(read_answer(answer)[0], job)
        return [float(each) for each in json.loads(report.read_text(encoding="utf-8"))]


def rounds(todo: Sequence[Job], folder: Path, times: int) -> dict[str, list[float]]:
    """For each way, the median seconds of each job."""
    cold = folder / "cold"
    cold.mkdir()
    with ExitStack() as stack:
        forks = {
            "fork": Fork(folder, os.getpid()),
            "fork, cold": Fork(cold, os.getpid(), warmth="cold"),
        }
        for fork in forks.values():
            stack.callback(fork.close)
        ways: dict[str, Round] = {
            "none": stack.enter_context(served("here", folder, todo)),
            **{name: partial(isolated, fork, todo) for name, fork in forks.items()},
            "spawn": partial(isolated, Spawn(folder), todo),
            "forked": partial(forked, todo),
            "forkserver": stack.enter_context(served("forkserver", folder, todo)),
        }
        found = measure.interleave(ways, times + 1)
    return {
        name: [median(seconds) for seconds in zip(*lists[1:], strict=True)]
        for name, lists in found.items()
    }


def main() -> None:
    """Measure, print, and end with status 1 if a target was missed."""
    times = measure.repeats(__doc__, 5)
    folder = open_folder()
    try:
        todo = jobs(folder)
        found = rounds(todo, folder, times)
    finally:
        shutil.rmtree(folder)
    typical = {name: median(each) for name, each in found.items()}
    print(f"{len(todo)} scenarios, {times} rounds; milliseconds of a trial\n")
    measure.show(
        ["way", "median", "least", "most", "x none", "x fork"],
        {
            name: (
                *(1000 * figure for figure in (typical[name], min(each), max(each))),
                *(typical[name] / typical[other] for other in ("none", "fork")),
            )
            for name, each in found.items()
        },
    )
    measure.finish(
        Target("fork / none", typical["fork"] / typical["none"], most=2.5),
        Target("spawn / fork", typical["spawn"] / typical["fork"], least=15),
        Target("pytest --forked / fork", typical["forked"] / typical["fork"], least=1),
        Target(
            "multiprocessing forkserver / fork", typical["forkserver"] / typical["fork"], least=1
        ),
    )


if __name__ == "__main__":
    main()
