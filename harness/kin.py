"""Kin: the processes of a trial, wherever they have gone, and what they use together. Far side.

Knows what Linux tells of processes in /proc; elsewhere nobody is found and nothing measured. Must not know what the
processes are for.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

#: Seconds between two looks at a trial.
TICK = 0.1

#: How much a trial may print before what it printed is dropped, but for the end; in bytes.
PRINTED = 64 << 20

#: How much of it is kept then.
_KEPT = 16 << 10

_PR_SET_CHILD_SUBREAPER = 36

#: What a process has of its own, with what it inherited and has not changed: cheap to read, and never too little.
_AT_MOST = ("RssAnon", "RssShmem", "VmSwap")
#: The same, with each page that several processes have divided among them: reading it walks all pages.
_SHARED_OUT = ("Pss_Anon", "Pss_Shmem", "SwapPss")


def adopt() -> None:
    """Be the parent of every descendant that loses its own, so that none gets away. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def stand_first() -> None:
    """Be the process that the kernel ends if memory runs out: neither a zygote nor the user's own. Linux only."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("900", encoding="ascii")


def children(pid: int) -> set[int]:
    """The children of a process, zombies included."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found.update(map(int, (thread / "children").read_text().split()))
    return found


def family(pid: int) -> list[int]:
    """A process and all of its descendants, zombies included."""
    found = [pid]
    for each in found:
        found += sorted(children(each) - set(found))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def end(pids: Iterable[int]) -> int:
    """End processes; how many of them were alive."""
    alive = 0
    for pid in pids:
        alive += is_alive(pid)
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    return alive


def end_strays(kept: Collection[int]) -> int:
    """End our children but for these, with all that descends from them; how many were alive."""
    strays = sorted(children(os.getpid()) - set(kept))
    return end(dict.fromkeys(each for stray in strays for each in family(stray)))


def uses_more(pid: int, memory: int) -> bool:
    """Whether a process and its descendants use more than so many bytes of memory that is not files."""
    kin = family(pid)
    return (
        _sum("status", _AT_MOST, kin) > memory and _sum("smaps_rollup", _SHARED_OUT, kin) > memory
    )


def _sum(paper: str, keys: Collection[str], pids: Iterable[int]) -> int:
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError):
            text = Path(f"/proc/{pid}/{paper}").read_text(encoding="utf-8", errors="replace")
            for row in text.splitlines():
                key, _, value = row.partition(":")
                if key in keys:
                    total += int(value.split()[0]) << 10
    return total


@dataclass(frozen=True, slots=True)
class Watch:
    """What a trial may use.

    Attributes:
        pid: of the process that it began with.
        memory: bytes that it and its descendants may use together; 0 for any number.
        output: the file that they print to.
    """

    pid: int
    memory: int
    output: Path

    def exceeded(self) -> bool:
        """Whether the trial uses more memory than it may; what it printed beyond measure is dropped."""
        _drop(self.output)
        return bool(self.memory) and uses_more(self.pid, self.memory)


def _drop(output: Path) -> None:
    """Make a file short that others append to: its end is kept, and comes before what they append from now on."""
    with contextlib.suppress(OSError):
        if output.stat().st_size <= PRINTED:
            return
        with output.open("r+b") as file:
            size = file.seek(-_KEPT, os.SEEK_END)
            kept = file.read()
            note = f"[... {size} bytes before this were dropped while the trial ran ...]\n"
            file.seek(0)
            file.write(note.encode() + kept)
            file.truncate()
