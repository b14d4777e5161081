"""What a whole run takes: every trial of the implementation `eager`, by two workers, from cold.

Method. `pytest -n 2 conformance/ --implementation eager` as a fresh command, so that collection,
the start of the zygote and of the workers, and the report are inside the time; a trial that does
not conform costs what others do, so it does not matter here. In turn with it, for scale: a
process that imports torch and torch._dynamo, and a zygote from its start until it answers, which
is the least that a run can take. Figures are medians over the repeats.

The target is PyTorch's own style on a machine of this size: its 18 tests that became seeds of the
catalog, in one process and without isolation, take about 8 s with the import.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import measure
from far import EAGER
from measure import Target

from conformance.session import open_folder
from harness import catalog, plan
from harness.fork import Fork

if TYPE_CHECKING:
    from collections.abc import Callable

IMPORT = (sys.executable, "-c", "import torch, torch._dynamo")
WORKERS = 2


def whole() -> float:
    """Seconds of a whole run."""
    with tempfile.TemporaryDirectory() as report:
        return measure.seconds(measure.whole_run(WORKERS, report), good=(0, 1))


def zygote() -> float:
    """Seconds until a new zygote answers."""
    folder = open_folder()
    fork = Fork(folder, os.getpid())
    try:
        started = time.perf_counter()
        fork.hello(EAGER)
        return time.perf_counter() - started
    finally:
        fork.close()
        shutil.rmtree(folder)


def main() -> None:
    """Measure, print, and end with status 1 if the target was missed."""
    times = measure.repeats(__doc__, 5)
    ways: dict[str, Callable[[], float]] = {
        "import torch, torch._dynamo": partial(measure.seconds, IMPORT),
        "zygote until it answers": zygote,
        "whole run": whole,
    }
    found = measure.interleave(ways, times)
    trials = len(plan.trials(catalog.read(), [EAGER]))
    run = median(found["whole run"])
    print(
        f"{trials} trials, {WORKERS} workers: {trials / run:.1f} trials a second; {times} repeats\n"
    )
    measure.show(
        ["process", "median s", "least", "most"],
        {name: (median(each), min(each), max(each)) for name, each in found.items()},
    )
    measure.finish(Target("seconds of a whole run", run, most=8))


if __name__ == "__main__":
    main()
