"""What a whole run takes: every trial of the implementation `eager`, by two workers, from cold.

Method. `pytest -n 2 conformance/ --implementation eager` as a fresh command, so that collection,
the start of the zygote and of the workers, and the report are inside the time; a trial that does
not conform costs what others do, so it does not matter here. In turn with it:

- the same trials in one process, without isolation and with a reset before each, which is PyTorch's own style
  (`--isolation none`); the import of torch is inside the time;
- the trials of SEEDS alone, isolated: the runs that upstream's 18 recompilation tests make. In PyTorch's own
  style these take about 8 s on a machine of this size, import included;
- for scale, a process that imports torch and torch._dynamo, and a zygote until it answers.

Figures are medians over the repeats.
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

#: The runs of upstream's 18 recompilation tests, as trials.
SEEDS = (
    "recompiles/sizes_become_dynamic[dynamic=None,automatic=*,static=True]",
    "recompiles/sizes_become_dynamic[dynamic=*e,automatic=True,static=True]",
    "recompiles/flag_selects_a_graph[dynamic=None,*]",
    "recompiles/tensors_and_numbers_alternate[dynamic=None,*]",
    "recompiles/call_method_is_rebound[dynamic=None]",
    "recompiles/unread_values_are_not_guarded[dynamic=None]",
    "aliasing/arguments_become_one[dynamic=None]",
    "aliasing/captured_tensor_is_passed[dynamic=None]",
    "dynamic_shapes/parameter_sizes[dynamic=None,*]",
    "dynamic_shapes/closed_over_numbers[dynamic=None,automatic=True,specialize_int=False]",
    "dynamic_shapes/unbacked_policy[policy=unbacked,dynamic=None,fullgraph=False]",
    "dynamic_shapes/oblivious_policy",
    "dynamic_shapes/undecidable_branch[policy=oblivious,fullgraph=True]",
    "cache_limit/callees_stay_uncompiled[limit=2,dynamic=False]",
    "cache_limit/program_can_tell[dynamic=False]",
    "modules/mode_is_toggled[dynamic=None]",
    "modules/instances_share_a_graph[*]",
    "autocast/*",
)


def run(workers: int, *more: str) -> float:
    """Seconds of a run."""
    with tempfile.TemporaryDirectory() as report:
        return measure.seconds(measure.whole_run(workers, report, *more), good=(0, 1))


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
        "the seeds' runs": partial(run, WORKERS, *(f"--select={each}" for each in SEEDS)),
        "whole catalog": partial(run, WORKERS),
        "whole catalog, one process": partial(run, 0, "--isolation=none"),
    }
    found = measure.interleave(ways, times)
    trials = len(plan.trials(catalog.read(), [EAGER]))
    middle = {name: median(each) for name, each in found.items()}
    rate = trials / middle["whole catalog"]
    print(f"{trials} trials, {WORKERS} workers: {rate:.1f} trials a second; {times} repeats\n")
    measure.show(
        ["process", "median s", "least", "most"],
        {name: (median(each), min(each), max(each)) for name, each in found.items()},
    )
    measure.finish(
        Target("seconds of the seeds' runs", middle["the seeds' runs"], most=8),
        Target(
            "the whole catalog isolated, as a share of its time in one process",
            middle["whole catalog"] / middle["whole catalog, one process"],
            most=1,
        ),
    )


if __name__ == "__main__":
    main()
