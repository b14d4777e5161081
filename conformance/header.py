"""The header of a record: what was asked for, what is planned, and on what it runs.

Knows how catalog, session and request become JSON values. Must not write anything.
"""

from __future__ import annotations

import dataclasses
import platform
import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from conformance.request import Request
from conformance.session import Session
from harness import __version__, catalog, control, edition, plan
from harness.catalog import Entry
from harness.control import Control
from harness.environment import profile
from harness.merge import parts
from harness.model import Trial


def suite(entries: Sequence[Entry]) -> dict[str, Any]:
    """Which suite this is: records of one suite belong together."""
    return {
        "version": __version__,
        "edition": edition.read().number,
        "catalog": catalog.digest(entries),
        "scenarios": len(entries),
    }


def run(started: datetime) -> dict[str, Any]:
    """When, how and where a run was started."""
    return {
        "started": started.isoformat(timespec="seconds"),
        "command": sys.argv[1:],
        "host": {"platform": platform.platform(), "python": platform.python_version()},
    }


def make(  # noqa: PLR0913 - what a header tells of
    session: Session,
    request: Request,
    entries: Sequence[Entry],
    planned: Sequence[Trial],
    whole: Sequence[Trial],
    *,
    controls: Sequence[Control],
) -> dict[str, Any]:
    """The header of a new record, but for what `run` says; `whole` is the plan that `planned` is a shard of."""
    named = {trial.scenario for trial in planned}
    header = {
        "suite": suite(entries),
        "isolation": request.mode,
        "time_limit": request.time_limit,
        "memory_limit": request.memory_limit,
        "repeat": request.repeat,
        "strict": request.strict,
        "second_look": request.second_look,
        "known": [dataclasses.asdict(each) for each in request.known],
        **plan.to_json(planned),
        "controls": [control.to_json(each) for each in controls],
        "scenarios": _describe(entries, named),
        "implementations": {
            name: implementation(session, name) for name in session.implementations
        },
    }
    if request.shard is not None:
        header["shard"] = {
            "number": request.shard.number,
            "of": request.shard.of,
            **plan.to_json(whole),
            "scenarios": _describe(entries, {trial.scenario for trial in whole} - named),
        }
    return header


def resumed(
    old: Mapping[str, Any], started: datetime, controls: Sequence[Control]
) -> dict[str, Any]:
    """The header of a record that completes another."""
    before = parts(old)
    both = [*old["controls"], *(control.to_json(each) for each in controls)]
    return {
        **old,
        "controls": both,
        "parts": [*before, {**run(started), "shard": before[-1]["shard"]}],
    }


def implementation(session: Session, name: str) -> dict[str, Any]:
    """An implementation as a header has it."""
    found = session.implementations[name]
    return {
        "argument": found.argument,
        "profile": profile(found),
        "fingerprint": session.fingerprint(name),
    }


def _describe(entries: Sequence[Entry], named: Collection[str]) -> dict[str, Any]:
    return {entry.id: describe(entry) for entry in entries if entry.id in named}


def describe(entry: Entry) -> dict[str, Any]:
    """What a record keeps of a scenario, so that reports need no catalog."""
    return {
        "claim": entry.claim,
        "question": entry.question,
        "ref": entry.ref,
        "file": f"conformance/cases/{entry.file.name}",
        "line": entry.line,
        "source": entry.source,
        "axes": {axis: list(values) for axis, values in entry.axes.items()},
        "needs": list(entry.needs),
        "seed": list(entry.seed),
        "tells": list(entry.tells),
        "tiers": dict(entry.tiers),
        "exact": entry.exact,
        "torch": entry.torch,
        "formerly": list(entry.formerly),
        "conduct": edition.conduct(entry),
        "stories": [{"condition": condition, "story": story} for condition, story in entry.stories],
    }
