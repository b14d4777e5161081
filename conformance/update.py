"""Updates: a run that brings a record up to the catalog of today.

Knows how the record, the catalog, the profiles and the known deviations of today meet. Must not run anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance import header
from conformance.request import Begun, Request, check_answered, complete
from harness import catalog, implementations, known, plan, resume
from harness.environment import profile
from harness.merge import unlike_profiles
from harness.model import Implementation
from harness.record import RecordError, read_interrupted
from harness.renewal import Today, renew
from harness.revision import revise

#: What a profile may say anew: results under other claims are told apart, and the rest changes no result.
_FREE = ("claims", "time_factor", "homepage", "tracker")


def catch_up(path: Path, options: Mapping[str, Any]) -> tuple[Request, Begun]:
    """The request of a run of what a record lacks for the catalog of today, and what of it stays.

    What stays is judged by the known deviations of today.

    Raises:
        RequestError, ProfileError, RecordError, CatalogError: the record cannot be brought up, or not with these
            options.
    """
    check_answered(options, "--update")
    record = read_interrupted(path)
    judged = [_of_today(path, each) for each in resume.implementations(path, record)]
    entries = catalog.read()
    today = Today(
        suite=header.suite(entries),
        scenarios={entry.id: header.describe(entry) for entry in entries},
        implementations=judged,
        trials=plan.trials(entries, judged),
    )
    kept = renew(path, record, today)
    kept = revise(kept, judged, resume.known(path, record), known.read())
    return complete(path, kept, options), Begun(path, kept, "--update")


def _of_today(path: Path, before: Implementation) -> Implementation:
    """An implementation by its profile of today; by that of the record where there is no such file any more.

    Raises:
        RecordError: the profile says something else of what was judged.
        ProfileError: it cannot be used.
    """
    try:
        now = implementations.find(before.argument)
    except implementations.UnknownError:
        return before
    if now.name != before.name:
        return before
    if problem := unlike_profiles(profile(before), profile(now), but=_FREE):
        raise RecordError(
            f"{path} cannot be brought up: the profile of {now.name!r} had and has {problem}; run again: "
            f"touchstone run --implementation {now.argument}"
        )
    return now
