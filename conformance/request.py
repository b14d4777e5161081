"""What a run was asked for: the same in each of its processes, and on the day on which it is resumed.

Knows how options, a shard, or the record of an interrupted run become a request, and which part of the plan
that leaves to a run. Must not know pytest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import catalog, known, plan, resume, values
from harness.catalog import CatalogError
from harness.implementations import chosen
from harness.isolate import usual_memory
from harness.judge import GIB
from harness.model import Implementation, Known, Trial
from harness.record import Record, read, read_interrupted
from harness.shard import Shard, durations, read_shard, split

#: Seconds for second looks, unless the run is asked for others.
SECOND_LOOK = 120.0

#: Seconds for one trial, before the implementation's factor, unless others are asked for.
TIME_LIMIT = 60.0

#: From so many trials on a zygote also warms up for backward passes and optimisers: that takes 2.8 s of a
#: processor, and saves one to one and a half in each of 107 trials of the catalog's 1335.
_MANY = 24

#: The longest time limit, in seconds, and the highest memory limit, in GiB, that make sense.
_DAYS, _MUCH = 1e6, 1e6


class RequestError(Exception):
    """The options make no sense together; the message says what to leave out or to give."""


@dataclasses.dataclass(frozen=True)
class Request:
    """What a run was asked for.

    Attributes:
        implementations: what is judged.
        known: the known deviations that were given beside those of the suite.
        mode: how trials are isolated.
        time_limit: seconds for one trial, before the implementation's factor.
        memory_limit: bytes of memory for one trial.
        strict: whether broken MAY promises and improvements fail the run.
        repeat: how many attempts are made at each trial.
        second_look: seconds for second looks at unexpected results.
        shard: the part of the plan that is run; None for all of it.
        took: how long trials took, as far as that is known, for a split in equal parts.
        remaining: what an interrupted run has left to do; None for a run that begins.
        few: whether it is known, before anything is collected, that few trials are run.
    """

    implementations: tuple[Implementation, ...]
    known: tuple[Known, ...] = ()
    mode: str = "fork"
    time_limit: float = TIME_LIMIT
    memory_limit: int = 0
    strict: bool = False
    repeat: int = 1
    second_look: float = SECOND_LOOK
    shard: Shard | None = None
    took: Mapping[Trial, float] = dataclasses.field(default_factory=dict)
    remaining: tuple[Trial, ...] | None = None
    few: bool = False

    def portion(self, selected: Sequence[Trial]) -> tuple[Trial, ...]:
        """The part of what is selected that this run is to run, in order."""
        if self.remaining is not None:
            there = set(selected)
            return tuple(trial for trial in self.remaining if trial in there)
        if self.shard is not None:
            return split(selected, self.shard.of, self.took)[self.shard.number - 1]
        return tuple(selected)


#: Options that a record answers, by the name that people know them by.
_ANSWERED = (
    *("implementation", "matrix", "select", "known", "isolation", "time_limit", "shuffle"),
    *("memory_limit", "shard", "durations", "repeat"),
)
OPTIONS = (*_ANSWERED, "strict", "second_look")


def begin(options: Mapping[str, Any]) -> Request:
    """The request of a run that begins.

    Raises:
        RequestError, ProfileError, KnownError, RecordError, ShardError: an option makes no sense.
    """
    repeat = 1 if options["repeat"] is None else options["repeat"]
    if repeat < 1:
        raise RequestError(f"--repeat is {repeat}; give a number of attempts from 1 up")
    memory = options["memory_limit"]
    if memory is not None and not 0 < memory <= _MUCH:
        raise RequestError(
            f"--memory-limit is {memory}; give a number of GiB above 0, at most {_MUCH:g}"
        )
    if options["durations"] and not options["shard"]:
        raise RequestError(
            "durations are for splitting a plan; give --shard too, as in --shard 1/3"
        )
    return Request(
        implementations=tuple(chosen(options["implementation"] or (), options["matrix"] or "")),
        known=tuple(
            each for file in options["known"] or () for each in known.read_file(Path(file))
        ),
        mode=options["isolation"] or "fork",
        time_limit=check_time_limit(options["time_limit"]),
        memory_limit=usual_memory() if memory is None else int(memory * GIB),
        strict=options["strict"],
        repeat=repeat,
        second_look=_second_look(options),
        shard=read_shard(options["shard"]) if options["shard"] else None,
        took=durations(read(Path(options["durations"]))) if options["durations"] else {},
    )


def check_time_limit(asked: float | None) -> float:
    """The seconds for one trial that are asked for, or the usual ones.

    Raises:
        RequestError: they make no sense.
    """
    limit = TIME_LIMIT if asked is None else asked
    if not 0 < limit <= _DAYS:
        raise RequestError(
            f"--time-limit is {limit}; give a number of seconds above 0, at most {_DAYS:g}"
        )
    return limit


def are_few(request: Request, patterns: Sequence[str], nodes: Sequence[str]) -> bool:
    """Whether it is known, before anything is collected, that few trials are run.

    Args:
        request: what the run is asked for.
        patterns: those that select scenarios; none selects all.
        nodes: what pytest is to collect.
    """
    if request.remaining is not None:
        return len(request.remaining) < _MANY
    if not patterns:
        return all("::" in each for each in nodes) and len(nodes) < _MANY
    with contextlib.suppress(CatalogError):  # collecting it will say so
        return len(plan.select(catalog.read(), patterns)) * len(request.implementations) < _MANY
    return False


def check_folder(folder: Path) -> None:
    """Refuse, before anything is started, a place that can take no report.

    Raises:
        RequestError: it is no folder and cannot become one, or nothing can be written there.
    """
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        why = "lets nothing be written" if there.is_dir() else "is no folder"
        raise RequestError(
            f"the report cannot be written into {folder}: {there} {why}; name another folder"
        )


def _second_look(options: Mapping[str, Any]) -> float:
    seconds = SECOND_LOOK if options["second_look"] is None else float(options["second_look"])
    if not 0 <= seconds < math.inf:
        raise RequestError(f"--second-look is {seconds}; give a number of seconds from 0 up")
    return seconds


@dataclasses.dataclass(frozen=True)
class Begun:
    """What there is already of the record of a run.

    Attributes:
        path: of the file it comes from.
        record: what of it stays.
        option: by which the run was asked to complete it.
    """

    path: Path
    record: Record
    option: str


def go_on(
    path: Path, options: Mapping[str, Any], suite: Mapping[str, Any]
) -> tuple[Request, Begun]:
    """The request of a run of this suite that completes a record, and what there is of that.

    Raises:
        RequestError, RecordError: the record cannot be completed, or not with these options.
    """
    check_answered(options, "--resume")
    record = read_interrupted(path)
    resume.check_suite(path, record, suite)
    return complete(path, record, options), Begun(path, record, "--resume")


def check_answered(options: Mapping[str, Any], option: str) -> None:
    """Refuse what a record answers.

    Raises:
        RequestError: it is asked for.
    """
    given = [name for name in _ANSWERED if options[name] not in (None, "", [])]
    if given:
        raise RequestError(
            f"{option} takes everything from the record; leave out --{given[0].replace('_', '-')}"
        )


def complete(path: Path, record: Record, options: Mapping[str, Any]) -> Request:
    """The request of a run that completes a record of this suite.

    Raises:
        RequestError, RecordError: the record is damaged, or an option makes no sense.
    """
    return Request(
        implementations=tuple(resume.implementations(path, record)),
        known=resume.known(path, record),
        mode=record.header["isolation"],
        time_limit=record.header["time_limit"],
        memory_limit=record.header.get("memory_limit") or usual_memory(),
        strict=options["strict"] or record.header.get("strict", False),
        repeat=record.header.get("repeat", 1),
        second_look=_second_look(options),
        remaining=resume.remaining(record),
    )


def leave(folder: Path, name: str, value: Request | tuple[Trial, ...]) -> None:
    """Put something where the other processes of the run find it."""
    own = folder / f"{name}.{os.getpid()}"
    own.write_text(json.dumps(values.to_json(value)), encoding="utf-8")
    own.replace(folder / name)


def find_request(folder: Path) -> Request:
    """The request that the process which began the run has left."""
    left = json.loads((folder / "request").read_text(encoding="utf-8"))
    found: Request = values.from_json(Request, left)
    return found


def find_plan(folder: Path) -> tuple[Trial, ...]:
    """The whole plan, of which each process that collected found the same shard."""
    left = json.loads((folder / "plan").read_text(encoding="utf-8"))
    found: tuple[Trial, ...] = values.from_json(tuple[Trial, ...], left)
    return found


def sign_on(folder: Path) -> None:
    """Be known as a worker to the process that began the run."""
    (folder / f"worker-{os.getpid()}").touch()


def sign_off(folder: Path) -> None:
    """Be known no longer."""
    (folder / f"worker-{os.getpid()}").unlink(missing_ok=True)


def interrupt_workers(folder: Path) -> None:
    """Interrupt the workers, as a terminal does and as a signal to one process does not."""
    for paper in folder.glob("worker-*"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(paper.name.removeprefix("worker-")), signal.SIGINT)
