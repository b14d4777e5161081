"""What the benchmarks share: their option, medians of interleaved repeats, tables and targets."""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tabulate import tabulate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
#: A benchmark that hangs is a finding, not a reason to wait.
PATIENCE = 600.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and the limit that it must keep.

    Attributes:
        what: the figure, in words.
        value: what was measured.
        most: the most that it may be.
        least: the least that it may be.
    """

    what: str
    value: float
    most: float = float("inf")
    least: float = float("-inf")

    @property
    def met(self) -> bool:
        return self.least <= self.value <= self.most

    def __str__(self) -> str:
        limit = (
            f"at least {self.least:g}" if self.most == float("inf") else f"at most {self.most:g}"
        )
        return f"{'PASS' if self.met else 'MISS'}  {self.what}: {self.value:.3g} ({limit})"


def repeats(description: str | None, default: int) -> int:
    """How often to measure, as the command line says."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=default, help="default: %(default)s")
    given: int = parser.parse_args().repeats
    return given


def interleave(ways: Mapping[str, Callable[[], T]], times: int) -> dict[str, list[T]]:
    """What each way gives, a number of times in turn, so that a noisy minute hits all of them."""
    found: dict[str, list[T]] = {name: [] for name in ways}
    for _ in range(times):
        for name, way in ways.items():
            found[name].append(way())
    return found


def whole_run(workers: int, report: str, *more: str) -> list[str]:
    """The command that runs every trial of `eager`; 1 is a good end: a trial may not conform."""
    return [
        *(sys.executable, "-m", "pytest", "-q", "-n", str(workers), "conformance/"),
        *("--implementation", "eager", "--report", report, *more),
    ]


def seconds(command: Sequence[str], *, good: Sequence[int] = (0,)) -> float:
    """The wall time of a command in the root of the repository.

    Raises:
        RuntimeError: it ended with a status that is not good.
    """
    started = time.perf_counter()
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    taken = time.perf_counter() - started
    if ended.returncode not in good:
        raise RuntimeError(
            f"{command} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}"
        )
    return taken


def show(headers: Sequence[str], rows: Mapping[str, Sequence[float]]) -> None:
    """Print a table whose rows have names."""
    print(
        tabulate([(name, *row) for name, row in rows.items()], headers, floatfmt=".3g"), end="\n\n"
    )


def finish(*targets: Target) -> None:
    """Print the targets and end the process: with status 1 if one was missed."""
    print(machine(), *targets, sep="\n")
    sys.exit(not all(target.met for target in targets))


def machine() -> str:
    """The day and what the figures were taken on."""
    today = dt.datetime.now().astimezone().date()
    torch = importlib.metadata.version("torch")
    return f"{today}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch}"
