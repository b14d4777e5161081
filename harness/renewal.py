"""Renewal: what of a record holds for the catalog of today, and what is left to run for it.

Knows which scenarios run and expect what they did. Must not run or judge anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import plan
from harness.environment import profile
from harness.merge import parts, suite_in_words
from harness.model import Implementation, Trial
from harness.record import Record, RecordError


@dataclass(frozen=True, slots=True)
class Today:
    """What a run of a whole catalog would be of, today.

    Attributes:
        suite: the catalog, as headers tell it.
        scenarios: their descriptions, by id.
        implementations: those of a record, with the claims of today.
        trials: all of theirs.
    """

    suite: Mapping[str, Any]
    scenarios: Mapping[str, Any]
    implementations: Sequence[Implementation]
    trials: Sequence[Trial]


def renew(path: Path, record: Record, today: Today) -> Record:
    """A record as far as it holds for the catalog and the claims of today, with the plan of today.

    A result stays where its scenario runs and expects what it did (`harness.edition.conduct`), and needs nothing that
    the implementation claims now and did not claim then, or the other way round. A record of a whole catalog gets a
    plan of all of today's; one of a part keeps that part.

    Args:
        path: where the record is, for messages.
        record: whole or interrupted.
        today: what it is brought up to.

    Raises:
        RecordError: it is of another Touchstone, which may observe otherwise, or of a shard.
    """
    suite, scenarios = today.suite, today.scenarios
    header = record.header
    if header["suite"]["version"] != suite["version"]:
        raise RecordError(
            f"{path} is of another Touchstone ({suite_in_words(header['suite'])}), which may see otherwise what "
            f"{suite['version']} sees; run again"
        )
    if "shard" in header:
        raise RecordError(f"{path} is of a shard; make one record of all first: touchstone merge")
    before = set(record.planned)
    planned = tuple(trial for trial in today.trials if record.is_whole or trial in before)
    same = {
        name
        for name, each in scenarios.items()
        if header["suite"] == suite or _conduct(header, name) == each["conduct"]
    }
    there = set(planned)
    described = header["implementations"]
    disputed = {
        each.name: _disputed(described[each.name]["profile"], each)
        for each in today.implementations
    }
    kept = tuple(
        each
        for each in record.results
        if each.trial.scenario in same
        and each.trial in there
        and disputed[each.trial.implementation].isdisjoint(scenarios[each.trial.scenario]["needs"])
    )
    named = {trial.scenario for trial in planned}
    return Record(
        {
            **header,
            "suite": suite,
            **plan.to_json(planned),
            "scenarios": {name: each for name, each in scenarios.items() if name in named},
            "implementations": {
                each.name: {**described[each.name], "profile": profile(each)}
                for each in today.implementations
            },
            "parts": parts(header),
        },
        kept,
        {"seconds": record.footer.get("seconds", 0)},
    )


def _disputed(before: Mapping[str, Any], now: Implementation) -> set[str]:
    """The needs that an implementation claimed before or claims now, but not both."""
    return set(before["claims"]) ^ set(now.claims)


def _conduct(header: Mapping[str, Any], name: str) -> str:
    """What a record says; "" where it lacks the scenario, or is older than these fingerprints."""
    return str(header["scenarios"].get(name, {}).get("conduct", ""))
