"""What it takes to know the whole catalog, and what a further worker costs.

Method. Each task is a fresh process, the tasks take turns, and figures are medians over the
repeats. Inside the process, `alone` is the time of the last statement and `peak` is the most
memory that was resident (VmHWM, which unlike ru_maxrss starts anew with the program). `import
torch` is there for scale: it is what collecting would take if scenarios were imported. The larger
catalog is copies of our own modules.

Workers: a whole run with one, two and three workers is sampled from outside, every 20 ms. Of each
near-side process (pytest and its xdist workers, but no zygote and no trial) the most proportional
memory is kept: PSS, in which a page that n processes share counts 1/n in each; RSS counts it
fully in each. What a further worker costs is how their sum grows from one worker to three, by the
half.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import measure
from measure import ROOT, Target

from harness import catalog

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE = 400
WORKERS = (1, 2, 3)
MEGABYTE = 1024  # in the kB of /proc

#: Runs a task and says how long its last statement took and how much memory it had at most.
TASK = """
import json, re, sys, time
before, statement, argument = sys.argv[1:]
exec(before)
started = time.perf_counter()
exec(statement)
alone = time.perf_counter() - started
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
print("\\n" + json.dumps([alone, peak / 1024]))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a task took.

    Attributes:
        process: seconds of the whole process.
        alone: seconds of its last statement.
        peak: MB of memory at most.
    """

    process: float
    alone: float
    peak: float


def task(before: str, statement: str, argument: str = "") -> Cost:
    """What a statement takes in a fresh process, after another that sets it up."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", TASK, before, statement, argument],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=measure.PATIENCE,
        check=True,
    )
    taken = time.perf_counter() - started
    alone, peak = json.loads(done.stdout.splitlines()[-1])
    return Cost(taken, alone, peak)


def enlarge(folder: Path) -> int:
    """Fill a folder with copies of our modules; returns how many scenarios that makes."""
    modules = {file: len(catalog.read_module(file)) for file in catalog.CASES.glob("[!_]*.py")}
    made = copy = 0
    while made < LARGE:
        for file, count in modules.items():
            (folder / f"{file.stem}_{copy}.py").write_text(file.read_text("utf-8"), "utf-8")
            made += count
        copy += 1
    return made


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of the near side of a run, in MB.

    Attributes:
        total: PSS of all its processes.
        pss: of the largest worker.
        rss: of the largest worker.
    """

    total: float
    pss: float
    rss: float


def run(workers: int) -> Memory:
    """What a whole run's processes have in memory at most."""
    pss: dict[int, int] = defaultdict(int)
    rss: dict[int, int] = defaultdict(int)
    with tempfile.TemporaryDirectory() as report:
        pytest = subprocess.Popen(
            measure.whole_run(workers, report), cwd=ROOT, stdout=subprocess.DEVNULL
        )
        while pytest.poll() is None:
            for pid in (pytest.pid, *children(pytest.pid)):
                now = memory(pid)
                pss[pid] = max(pss[pid], now.get("Pss", 0))
                rss[pid] = max(rss[pid], now.get("Rss", 0))
            time.sleep(0.02)
    if pytest.returncode not in (0, 1):
        raise RuntimeError(f"a run with {workers} workers ended with {pytest.returncode}")
    total = sum(pss.values())
    del pss[pytest.pid], rss[pytest.pid]
    return Memory(*(kb / MEGABYTE for kb in (total, max(pss.values()), max(rss.values()))))


def children(pid: int) -> list[int]:
    """The xdist workers that a process has started: they run what execnet sends them."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    return [int(child) for child in found if "exec(eval(" in command(child)]


def command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8")
    except OSError:  # it has ended
        return ""


def memory(pid: int) -> dict[str, int]:
    """The kB of each kind that a process has."""
    try:
        rows = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines()[1:]
    except OSError:  # it has ended
        return {}
    return {kind.rstrip(":"): int(size) for kind, size, *_ in map(str.split, rows)}


def tasks(folder: Path) -> dict[str, Callable[[], Cost]]:
    """The tasks by name; the larger catalog is in the folder."""
    imports = "from harness import catalog; from pathlib import Path"
    return {
        "nothing": partial(task, "", ""),
        "read the catalog": partial(task, imports, "catalog.read()"),
        "read the larger one": partial(task, imports, "catalog.read(Path(argument))", str(folder)),
        "pytest --collect-only": partial(
            task, "import pytest", "pytest.main(['--collect-only', '-q', 'conformance/'])"
        ),
        "import torch": partial(task, "", "import torch"),
    }


def main() -> None:
    """Measure, print, and end with status 1 if a target was missed."""
    times = measure.repeats(__doc__, 5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count, larger = len(catalog.read()), enlarge(folder)
        print(f"{count} scenarios, {larger} in the larger catalog; {times} repeats\n")
        costs = measure.interleave(tasks(folder), times)
    typical = {
        name: [
            median(getattr(cost, field) for cost in each) for field in ("process", "alone", "peak")
        ]
        for name, each in costs.items()
    }
    runs = measure.interleave(
        {str(count): partial(run, count) for count in WORKERS}, max(1, times // 2)
    )
    sizes = {
        name: [
            median(getattr(memory, field) for memory in each) for field in ("total", "pss", "rss")
        ]
        for name, each in runs.items()
    }
    one, *_, most = (total for total, _, _ in sizes.values())
    measure.show(["task", "process s", "alone s", "peak MB"], typical)
    measure.show(["workers", "all PSS MB", "worker PSS MB", "worker RSS MB"], sizes)
    measure.finish(
        Target("seconds to read the catalog", typical["read the catalog"][0], most=0.5),
        Target("seconds to read the larger one", typical["read the larger one"][0], most=0.5),
        Target("MB of a further worker, PSS", (most - one) / (len(WORKERS) - 1), most=60),
        Target("MB of the largest worker, RSS", max(rss for *_, rss in sizes.values()), most=60),
    )


if __name__ == "__main__":
    main()
