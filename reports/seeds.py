"""The page that shows, for each upstream behaviour the catalog began with, which scenarios cover it and how they end.

Knows the list of behaviours and how a row is made from the catalog and from records. Must not run anything.

    python -m reports.seeds RECORD... > docs/seeds.md
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import catalog, record
from harness.catalog import Entry
from harness.model import Result, Verdict
from harness.record import Record
from harness.story import Tier
from reports import contract, table

LIST = Path(catalog.CASES).parent / "seeds.toml"
_NAME = re.compile(r"(?P<name>\w+)(?: \((?P<settings>.*)\))?")


_INTRODUCTION = """\
The behaviours that upstream's own tests of torch.compile describe, by the names of these tests, and the scenarios
that state them as promises of any implementation. The columns of versions count trials, variants times
implementations ({implementations}): `xfail` is a deviation that is understood and listed under
`conformance/known/`; `unsupported` speaks of other versions of torch, or needs what the implementation does not
claim."""


@dataclass(frozen=True, slots=True)
class Seed:
    """An upstream behaviour: the name of its test, and the setting where that is parametrised."""

    name: str
    settings: Mapping[str, str]

    @property
    def title(self) -> str:
        """The name with its setting."""
        settings = ", ".join(f"{key}={value}" for key, value in self.settings.items())
        return f"{self.name} ({settings})" if settings else self.name


def read_seeds(path: Path = LIST) -> dict[str, list[Seed]]:
    """The behaviours by subject, in the order of the file."""
    subjects = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        subject.replace("_", " "): [_seed(text) for text in names]
        for subject, names in subjects.items()
    }


def _seed(text: str) -> Seed:
    found = _NAME.fullmatch(text)
    assert found is not None, text
    pairs = (found["settings"] or "").split(", ")
    return Seed(found["name"], dict(pair.split("=") for pair in pairs if pair))


def cover(seed: Seed, entries: Iterable[Entry]) -> list[Entry]:
    """The scenarios that name a behaviour."""
    return [entry for entry in entries if seed.name in entry.seed]


def tiers(entries: Iterable[Entry]) -> list[Tier]:
    """The tiers that the stories of scenarios have promises of, the most binding first."""
    found = {tier for entry in entries for tier in contract.tiers(entry)}
    return [tier for tier in Tier if tier in found]


def speaks_of(seed: Seed, result: Result, backend: str) -> bool:
    """Whether a result is one of the behaviour's own setting."""
    wanted = dict(seed.settings)
    named = wanted.pop("backend", backend)
    variant = result.trial.variant.split(",")
    axes = {each.partition("=")[0] for each in variant}
    return named == backend and all(
        f"{axis}={value}" in variant for axis, value in wanted.items() if axis in axes
    )


def verdicts(seed: Seed, covering: Sequence[Entry], records: Sequence[Record]) -> dict[str, str]:
    """For each minor version of torch, how the scenarios of a behaviour ended on it: "pass 6, xfail 2"."""
    ids = {entry.id for entry in covering}
    found: dict[str, Counter[Verdict]] = {}
    for each in records:
        for result in table.results(each):
            described = each.header["implementations"][result.trial.implementation]
            torch = ".".join(described["fingerprint"]["torch"].split(".")[:2])
            counts = found.setdefault(torch, Counter())
            if result.trial.scenario in ids and speaks_of(
                seed, result, described["profile"]["backend"]
            ):
                counts[result.judgement.verdict] += 1
    return {
        torch: ", ".join(f"{verdict} {counts[verdict]}" for verdict in Verdict if counts[verdict])
        for torch, counts in sorted(found.items())
    }


def page(
    seeds: Mapping[str, Sequence[Seed]], entries: Sequence[Entry], records: Sequence[Record]
) -> str:
    """The page, in Markdown."""
    versions = sorted({v for each in records for v in verdicts(Seed("", {}), (), [each])})
    names = sorted(
        {
            described["profile"]["backend"]
            for each in records
            for described in each.header["implementations"].values()
        }
    )
    parts = [
        "# Where the catalog began",
        "",
        _INTRODUCTION.format(implementations=", ".join(names)),
        "",
        "Made by `python -m reports.seeds RECORD...`; a test compares its rows with the catalog.",
    ]
    for subject, rows in seeds.items():
        parts += ["", f"## {subject.capitalize()}", ""]
        parts.append(
            f"| behaviour | scenarios | tiers | {' | '.join(f'torch {v}' for v in versions)} |"
        )
        parts.append("|---|---|---|" + "---|" * len(versions))
        for seed in rows:
            covering = cover(seed, entries)
            cells = verdicts(seed, covering, records)
            parts.append(
                f"| {seed.title} | {' '.join(f'`{entry.id}`' for entry in covering)} "
                f"| {' '.join(tiers(covering))} | {' | '.join(cells.get(v, '') for v in versions)} |"
            )
    return "\n".join(parts) + "\n"


def main(paths: Sequence[str]) -> None:
    """Print the page for the records at some paths."""
    records = [record.read(Path(path)) for path in paths]
    sys.stdout.write(page(read_seeds(), catalog.read(), records))


if __name__ == "__main__":
    main(sys.argv[1:])
