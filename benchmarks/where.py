"""Where the time of a run went: `python benchmarks/where.py RECORD`.

Method. Nothing is run. The seconds of a trial are those from sending its job to the end of its process, as the
record has them; on a machine with as many cores as workers, their sum over the workers is the run's length but for
collecting and the start of the zygotes. `Elsewhere` are the trials whose scenario goes on in other processes.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tabulate import tabulate

from harness import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.model import Result, Trial


def main(arguments: list[str]) -> int:
    """Print the tables for one record; 2 if there is none."""
    if len(arguments) != 1:
        print("usage: python benchmarks/where.py RECORD", file=sys.stderr)
        return 2
    results = [each for each in record.read(Path(arguments[0])).results if each.exit.seconds]
    print(by("implementation", results, lambda each: each.trial.implementation))
    print(by("family", results, lambda each: each.trial.scenario.split("/")[0]))
    print(by("way", results, lambda each: "elsewhere" if goes_on(each) else "one process"))
    slowest = sorted(results, key=lambda each: -each.exit.seconds)[:10]
    print(
        tabulate(
            [(spell(each.trial), each.exit.seconds) for each in slowest],
            ["slowest trials", "s"],
            tablefmt="pipe",
            floatfmt=".1f",
        )
    )
    return 0


def spell(trial: Trial) -> str:
    """The trial as a reader would name it."""
    variant = f"[{trial.variant}]" if trial.variant else ""
    return f"`{trial.scenario}{variant}` @ {trial.implementation}"


def goes_on(result: Result) -> bool:
    """Whether the trial had steps in other processes."""
    return "a fresh process goes on" in result.expected or "interpreter" in result.expected


def by(title: str, results: Iterable[Result], key: Callable[[Result], str]) -> str:
    """A table of seconds by what `key` says."""
    parts: dict[str, list[float]] = defaultdict(list)
    for each in results:
        parts[key(each)].append(each.exit.seconds)
    rows = [
        (name, len(times), sum(times), median(times), max(times))
        for name, times in sorted(parts.items(), key=lambda item: -sum(item[1]))
    ]
    every = [seconds for times in parts.values() for seconds in times]
    rows.append(("all", len(every), sum(every), median(every), max(every)))
    head = [title, "trials", "sum s", "median s", "longest s"]
    return tabulate(rows, head, tablefmt="pipe", floatfmt=("", "", ".0f", ".2f", ".1f")) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
