"""Reproduction: what an exported file does when it is run, and how it says what it saw.

Knows how one trial is run again in processes of its own, and how its story is held against the recorded ones. Must
not judge, and needs the standard library only: in an exported file (`touchstone repro`) it is alone with the far side.
"""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.model import CAPTURED, death
from harness.story import from_json, lines

#: How the file ends: the story that conforms, another story, or nothing that could be told.
CONFORMS, DEVIATES, BROKEN = 0, 1, 3

_SLOW = "still running at the time limit"

#: Seconds after the time limit in which the guard must have ended a trial.
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class End:
    """How a trial ended, beside its story.

    Attributes:
        failure: phase, type and message of the exception that ended it, by name; empty if none did.
        status: exit status, negative for a signal.
        timed_out: whether it was ended at its time limit.
        exceeded: whether it was ended for the memory that it used.
        ended: whether it came to its end.
        artefacts: what the implementation returned for each graph.
        bug: a traceback of Touchstone's own.
    """

    failure: Mapping[str, str] = field(default_factory=dict)
    status: int | None = 0
    timed_out: bool = False
    exceeded: bool = False
    ended: bool = True
    artefacts: Sequence[str] = ()
    bug: str = ""


def retell(story: Sequence[str], end: End, *, interprets: bool) -> list[str]:
    """The lines of a story, and what is to be said of its end where that is not in it."""
    told = [row for line in story for row in line.splitlines()]
    last = _early(end) or _raised(end, story[-1] if story else "")
    captured = 0 if interprets else list(end.artefacts).count(CAPTURED)
    if not last and captured:
        how = f"{captured} of {len(end.artefacts)} compilations gave back the captured graph"
        last = f"{how} instead of compiled code"
    return [*told, last] if last else told


def _early(end: End) -> str:
    """What ended a process before its time; "" if nothing did."""
    if end.timed_out:
        return _SLOW
    if end.exceeded:
        return "used more memory than it may"
    if end.status:
        return f"the process {death(end.status)}"
    return "" if end.ended else "the process ended before the story did"


def _raised(end: End, line: str) -> str:
    """The exception that ended a story, unless the last line tells it."""
    kind, phase = end.failure.get("type", ""), end.failure.get("phase", "")
    if not kind or f"raises {kind}" in line:
        return ""
    return f"raised {kind}{f' ({phase})' if phase else ''}"


def reproduce(
    trial: Mapping[str, Any],
    expected: Sequence[str],
    observed: Sequence[str],
    file: Path,
    folder: Path,
) -> int:
    """Run an exported trial, say how its story differs from the one that conforms, and return the exit status.

    Args:
        trial: see `reports.repro`, which writes it.
        expected: the lines of the story that conforms.
        observed: the lines that were recorded.
        file: the exported file, which the trial's processes import.
        folder: where this module's package lies, and where files may be written.
    """
    said, end = _run(trial, file, folder)
    if end.bug:
        _say(f"{end.bug}\nNOTHING CAN BE SAID: the trial could not be run.")
        return BROKEN
    versions: Mapping[str, str] = next((each["begin"] for each in said if "begin" in each), {})
    events = [each for each in said if "event" in each]
    story = lines(tuple(from_json(each["event"]) for each in events))
    told = retell(story, end, interprets=trial["interprets"])
    _say(f"{trial['id']}\n{_environment(trial, versions)}\n")
    _show(expected, told)
    for each in events:
        _explain(each)
    if end.failure:
        _say(f"    {end.failure['type']}: {' '.join(end.failure['message'].split())[:400]}")
    if why := _prevented(end, observed, trial["time_limit"]):
        _say(f"\nNOTHING CAN BE SAID: {why}")
        return BROKEN
    return _conclude(expected, observed, told, conforms=trial["conforms"])


def _prevented(end: End, observed: Sequence[str], seconds: float) -> str:
    """What of this machine, not of the implementation, ended a trial otherwise than was recorded; "" if nothing did."""
    before = observed[-1] if observed else ""
    if end.failure.get("phase") == "import" and "(import)" not in before:
        return (
            "the implementation cannot be imported here, and could be where it was recorded; install it into "
            f"{sys.executable}."
        )
    if end.timed_out and before != _SLOW:
        return (
            f"it was still running after {seconds:g} s, and was not where it was recorded; give it more "
            "(`time_limit` in this file) to tell a hang from a slower machine."
        )
    return ""


def _conclude(
    expected: Sequence[str], observed: Sequence[str], told: Sequence[str], *, conforms: bool
) -> int:
    if list(told) == list(observed) != list(expected) and not conforms:
        _say("\nREPRODUCED: not what conforms, and just what was recorded.")
        return DEVIATES
    if list(told) == list(expected) or (conforms and list(told) == list(observed)):
        _say("\nCONFORMS." if conforms else "\nNOT REPRODUCED: this is what conforms.")
        return CONFORMS
    _say("\nDEVIATES: neither what conforms nor what was recorded, which was:\n")
    for line in observed:
        _say(f"  {line}")
    return DEVIATES


def _run(trial: Mapping[str, Any], file: Path, folder: Path) -> tuple[list[Mapping[str, Any]], End]:
    """Run the trial in a process of its own, under a guard: the lines of its answer, and how it ended."""
    family = trial["id"].partition("/")[0]
    case = folder / "conformance" / "cases" / f"{family}.py"
    case.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, case)
    caches = folder / "caches"
    job = {
        "module": f"conformance.cases.{family}",
        "file": str(case),
        "name": "CASE",
        "settings": trial["settings"],
        "implementation": trial["implementation"],
        "cache": str(caches),
        "time_limit": trial["time_limit"],
        "seed": trial["seed"],
    }
    paper, answer, output = folder / "job", folder / "answer", folder / "output"
    paper.write_text(json.dumps(job), encoding="utf-8")
    answer.touch()
    output.touch()
    boot = str(folder / "harness" / "boot.py")
    deadline = str(time.monotonic() + trial["time_limit"])
    guard = subprocess.run(  # noqa: S603 - this interpreter
        [
            *(sys.executable, "-P", boot, "guard", str(os.getpid()), deadline),
            *(str(trial["memory_limit"]), str(output)),
            *(sys.executable, "-P", boot, "child", str(paper), str(answer), deadline),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=_environ(trial, caches),
        timeout=trial["time_limit"] + _PATIENCE,
        check=False,
    )
    said = _read(answer)
    try:
        ended = json.loads(guard.stdout)
    except ValueError:
        return said, End(bug=f"the guard of the trial ended with status {guard.returncode}")
    last: Mapping[str, Any] = next((each["end"] for each in said if "end" in each), {})
    end = End(
        failure=next((each["failure"] for each in said if "failure" in each), {}),
        status=ended["status"],
        timed_out=ended["timed_out"],
        exceeded=ended["exceeded"],
        ended=any("end" in each for each in said),
        artefacts=last.get("artefacts", ()),
        bug=next((each["bug"] for each in said if "bug" in each), ""),
    )
    printed = output.read_text(encoding="utf-8", errors="replace").strip()
    if printed:
        _say(f"The trial printed:\n{printed[-4000:]}\n")
    return said, end


def _environ(trial: Mapping[str, Any], caches: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(tuple(trial["dropped"]))
    }
    return {**kept, "TORCHINDUCTOR_CACHE_DIR": str(caches), **trial["environ"]}


def _read(answer: Path) -> list[Mapping[str, Any]]:
    """The whole lines of an answer; a process that died may have left half of one."""
    found: list[Mapping[str, Any]] = []
    for row in answer.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            found.append(json.loads(row))
        except ValueError:
            break
    return found


def _environment(trial: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    names = ("torch", "python")
    here = ", ".join(f"{name} {versions.get(name, 'unknown')}" for name in names)
    then = ", ".join(f"{name} {trial['versions'].get(name, 'unknown')}" for name in names)
    return f"here: {here}" + ("" if here == then else f"; recorded on: {then}")


def _show(expected: Sequence[str], told: Sequence[str]) -> None:
    _say("  (- what conforms, + what was told)")
    for row in difflib.ndiff(list(expected), list(told)):
        if not row.startswith("?"):
            _say(f"{row[0]} {row[2:]}")


def _explain(said: Mapping[str, Any]) -> None:
    name = lines((from_json(said["event"]),))[0].partition(":")[0]
    for each in said.get("evidence", {}).get("differences", ()):
        _say(
            f"    {name}, {each['property']} of {each['place']}: "
            f"eager has {each['expected']}, this has {each['told']}"
        )
    error = said.get("evidence", {}).get("error")
    if error:
        _say(f"    {name}: {error['type']}: {' '.join(error['message'].split())[:400]}")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - it is there to speak
