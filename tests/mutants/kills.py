"""What killed which mutant, kept from one run to the next in kills.json. Near side.

Knows what has to be run again because it has changed. Must not run anything.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import edition
from harness.catalog import Entry
from mutants.declared import HERE, Mutant
from mutants.digest import digest, source

FILE = HERE / "kills.json"


@dataclasses.dataclass(slots=True)
class Row:
    """What is known of one mutant.

    Attributes:
        digest: of the mutant when it was run.
        kills: the scenarios that kill it, each with how; of the base, the trials where it deviates, with how.
        pending: the scenarios that it has still to face.
    """

    digest: str
    kills: dict[str, str] = dataclasses.field(default_factory=dict)
    pending: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Kills:
    """What is known of all mutants.

    Attributes:
        versions: of what the mutants ran with.
        scenarios: each with the conduct that it had when it was run (`harness.edition.conduct`); words run nothing.
        base: the trials in which the healthy base deviates, which therefore kill nobody.
        rows: by the mutant's name.
    """

    versions: dict[str, str]
    scenarios: dict[str, str]
    base: Row
    rows: dict[str, Row]

    def killers(self, scenario: str) -> list[str]:
        """The mutants that a scenario kills."""
        return [name for name, row in self.rows.items() if scenario in row.kills]


def mutant_digest(mutant: Mutant) -> str:
    """The digest of what a mutant is made of; why it is as it is does not count."""
    parts = [repr(sorted(mutant.environ)), repr(mutant.unclaimed), mutant.base, *mutant.only]
    for named in filter(None, (mutant.backend, mutant.adapter)):
        module, _, name = named.partition(":")
        parts.append(source(HERE / f"{module.partition('.')[2]}.py", name))
    return digest("\n".join([mutant.backend, mutant.adapter, *parts]))


def read(file: Path = FILE) -> Kills:
    """What is known so far."""
    if not file.exists():
        return Kills({}, {}, Row(""), {})
    table = json.loads(file.read_text(encoding="utf-8"))
    rows = {name: _row(row) for name, row in table["mutants"].items()}
    return Kills(table["versions"], table["scenarios"], Row(**table["base"]), rows)


def write(known: Kills, file: Path = FILE) -> None:
    """Keep what is known."""
    table = {
        "versions": known.versions,
        "scenarios": dict(sorted(known.scenarios.items())),
        "base": dataclasses.asdict(known.base),
        "mutants": {name: _json(row) for name, row in known.rows.items()},
    }
    part = file.with_suffix(".part")
    part.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    part.replace(file)


def _row(table: Mapping[str, Any]) -> Row:
    """A row from its JSON form, in which scenarios are grouped by how they kill, and then by family."""
    kills = {each: how for how, grouped in table["kills"].items() for each in _ungroup(grouped)}
    return Row(table["digest"], kills, _ungroup(table.get("pending", {})))


def _json(row: Row) -> dict[str, Any]:
    ways = sorted(set(row.kills.values()))
    kills = {way: _group(sorted(e for e, how in row.kills.items() if how == way)) for way in ways}
    pending = {"pending": _group(row.pending)} if row.pending else {}
    return {"digest": row.digest, "kills": kills, **pending}


def _group(scenarios: Sequence[str]) -> dict[str, str]:
    """The names of scenarios by their family."""
    grouped: dict[str, list[str]] = {}
    for scenario in scenarios:
        family, _, name = scenario.partition("/")
        grouped.setdefault(family, []).append(name)
    return {family: " ".join(names) for family, names in grouped.items()}


def _ungroup(grouped: Mapping[str, str]) -> list[str]:
    return [f"{family}/{name}" for family, names in grouped.items() for name in names.split()]


def refresh(known: Kills, mutants: Sequence[Mutant], entries: Sequence[Entry]) -> None:
    """Forget what has changed or is gone, and note it as pending."""
    now = {entry.id: edition.conduct(entry) for entry in entries}
    stale = {each for each in now if known.scenarios.get(each) != now[each]}
    known.scenarios = now
    known.base = _refreshed(known.base, "base", stale, now)
    known.rows = {
        mutant.name: _refreshed(
            known.rows.get(mutant.name, Row("")),
            mutant_digest(mutant),
            stale,
            {each: now[each] for each in now if mutant.faces(each)},
        )
        for mutant in mutants
    }


def _refreshed(row: Row, current: str, stale: set[str], now: Mapping[str, str]) -> Row:
    if row.digest != current:
        return Row(current, {}, list(now))
    kills = {
        each: how
        for each, how in row.kills.items()
        if (scenario := each.partition("[")[0]) in now and scenario not in stale
    }
    pending = [each for each in now if each in stale or each in row.pending]
    return Row(current, kills, pending)
