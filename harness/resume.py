"""Resuming: what it takes to complete the record of a run that was interrupted.

Knows what a record says of how its run was to go on. Must not run anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from harness.merge import suite_in_words, unlike
from harness.model import Implementation, Known, Trial
from harness.record import Record, RecordError

_TUPLES = {each.name for each in fields(Implementation) if str(each.type).startswith("tuple")}


def remaining(record: Record) -> tuple[Trial, ...]:
    """The planned trials without a result, in the order of the plan."""
    done = {result.trial for result in record.results}
    return tuple(trial for trial in record.planned if trial not in done)


def implementations(path: Path, record: Record) -> list[Implementation]:
    """The implementations of a record, by the profiles that it has, whatever has become of their files.

    Raises:
        RecordError: a profile is none.
    """
    try:
        return [
            _implementation(each["profile"]) for each in record.header["implementations"].values()
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(f"{path} is damaged: {error!r} in a profile; run again") from error


def _implementation(profile: Mapping[str, Any]) -> Implementation:
    values: dict[str, Any] = {
        key: tuple(value) if key in _TUPLES else value for key, value in profile.items()
    }
    values["tolerances"] = {each: tuple(pair) for each, pair in profile["tolerances"].items()}
    return Implementation(**values)


def known(path: Path, record: Record) -> tuple[Known, ...]:
    """The known deviations that the run was given beside those of the suite.

    Raises:
        RecordError: an entry is none.
    """
    try:
        return tuple(Known(**each) for each in record.header.get("known", ()))
    except TypeError as error:
        raise RecordError(f"{path} is damaged: {error!r} in a known entry; run again") from error


def check_suite(path: Path, record: Record, suite: Mapping[str, Any]) -> None:
    """Make sure that what is left to run is judged by the same stories.

    Raises:
        RecordError: it would not be.
    """
    if record.header["suite"] != suite:
        begun, here = suite_in_words(record.header["suite"]), suite_in_words(suite)
        raise RecordError(
            f"{path} is of another catalog ({begun}) than this one ({here}); complete it with the Touchstone "
            "that began it, or run again"
        )


def check_environment(path: Path, record: Record, name: str, now: Mapping[str, Any]) -> None:
    """Make sure that what is left to run runs where the rest of it did.

    Raises:
        RecordError: it would not.
    """
    problem = unlike(record.header["implementations"][name], now)
    if problem:
        raise RecordError(
            f"{path} cannot be completed: implementation {name!r} is no longer what it was, it had and has "
            f"{problem}; run again"
        )
