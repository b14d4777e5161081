"""Renewal: what of a record holds for the catalog of today, and what is left to run for it.

Knows which scenarios run and expect what they did. Must not run or judge anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import plan
from harness.merge import parts, suite_in_words
from harness.model import Trial
from harness.record import Record, RecordError


def renew(
    path: Path,
    record: Record,
    suite: Mapping[str, Any],
    scenarios: Mapping[str, Any],
    trials: Sequence[Trial],
) -> Record:
    """A record as far as it holds for the catalog of today, with the plan of today.

    A result stays where its scenario runs and expects what it did (`harness.edition.conduct`). A record of a whole
    catalog gets a plan of all of today's; one of a part keeps that part.

    Args:
        path: where the record is, for messages.
        record: whole or interrupted.
        suite: of today.
        scenarios: descriptions of today, by id.
        trials: all of today's, of the implementations of the record.

    Raises:
        RecordError: it is of another Touchstone, which may observe otherwise, or of a shard.
    """
    header = record.header
    if header["suite"]["version"] != suite["version"]:
        raise RecordError(
            f"{path} is of another Touchstone ({suite_in_words(header['suite'])}), which may see otherwise what "
            f"{suite['version']} sees; run again"
        )
    if "shard" in header:
        raise RecordError(f"{path} is of a shard; make one record of all first: touchstone merge")
    before = set(record.planned)
    planned = tuple(trial for trial in trials if record.is_whole or trial in before)
    same = {
        name
        for name, each in scenarios.items()
        if header["suite"] == suite or _conduct(header, name) == each["conduct"]
    }
    there = set(planned)
    kept = tuple(
        each for each in record.results if each.trial.scenario in same and each.trial in there
    )
    named = {trial.scenario for trial in planned}
    return Record(
        {
            **header,
            "suite": suite,
            **plan.to_json(planned),
            "scenarios": {name: each for name, each in scenarios.items() if name in named},
            "parts": parts(header),
        },
        kept,
        {"seconds": record.footer.get("seconds", 0)},
    )


def _conduct(header: Mapping[str, Any], name: str) -> str:
    """What a record says; "" where it lacks the scenario, or is older than these fingerprints."""
    return str(header["scenarios"].get(name, {}).get("conduct", ""))
