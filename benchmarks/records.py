"""What it takes to read the record of a run.

Method. For each record: the processor's time of one process to unpack its text, to decode each of its lines as JSON,
and to read it, which unpacks, decodes, holds every line against the schema and makes the results. The three take
turns, and figures are medians over the repeats. Decoding is what any reader must do: the targets are ratios to it.

    python benchmarks/records.py                 the largest record in docs/results
"""

from __future__ import annotations

import json
import time
from statistics import median
from typing import TYPE_CHECKING

import measure
from measure import ROOT, Target

from harness import files, record

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = ROOT / "docs" / "results"


def taken(task: Callable[[], object]) -> float:
    """The processor's seconds of a task."""
    started = time.process_time()
    task()
    return time.process_time() - started


def main() -> None:
    """Measure, print, and end with status 1 if a target was missed."""
    times = measure.repeats(__doc__, 5)
    path = max(RESULTS.glob("*.jsonl.xz"), key=lambda each: each.stat().st_size)
    rows = files.read_text(path).splitlines()
    print(f"{path.name}: {len(rows)} lines, {sum(map(len, rows)) >> 20} MiB; {times} repeats\n")
    found = measure.interleave(
        {
            "unpack": lambda: taken(lambda: files.read_text(path)),
            "decode": lambda: taken(lambda: [json.loads(row) for row in rows]),
            "read": lambda: taken(lambda: record.read(path)),
        },
        times,
    )
    decode = median(found["decode"])
    typical = {name: [median(each), median(each) / decode] for name, each in found.items()}
    measure.show(["task", "processor s", "x decode"], typical)
    measure.finish(Target("reading, in times of decoding", typical["read"][1], most=8))


if __name__ == "__main__":
    main()
