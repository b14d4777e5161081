"""The subcommands about scenarios: which there are, and one of them in full.

Knows how scenarios are chosen and listed. Must not run any.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from conformance import __file__ as _package
from conformance.commands.common import Commands, UsageError, well_formed
from conformance.exits import BROKEN, OK
from conformance.speech import say
from harness import __version__, catalog, edition, plan
from harness.catalog import Entry
from harness.edition import Editions
from harness.files import write_whole
from harness.needs import NEEDS
from harness.story import Tier
from reports import contract, text
from reports.contract import tiers

REFERENCES = Path(_package).resolve().parent / "references.toml"


def add(commands: Commands) -> None:
    """Add the subcommands."""
    _add_list(commands)
    _add_show(commands)
    _add_catalog(commands)


def _add_list(commands: Commands) -> None:
    parser = commands.add(
        "list",
        "list scenarios, by id, family, tier or need",
        "examples:\n  touchstone list\n  touchstone list 'aliasing/*' --json\n"
        "  touchstone list --tier may --need fullgraph\n",
        _list,
    )
    parser.add_argument("select", nargs="*", metavar="GLOB", help="ids (default: all)")
    parser.add_argument("--family", action="append", metavar="NAME", help="repeat for several")
    parser.add_argument("--tier", choices=[str(tier) for tier in Tier])
    parser.add_argument("--need", choices=list(NEEDS))
    parser.add_argument("--json", action="store_true", help="for programs")


def _list(asked: argparse.Namespace) -> int:
    entries = well_formed()
    families = sorted({entry.family for entry in entries})
    for family in asked.family or ():
        if family not in families:
            raise UsageError(f"there is no family {family!r}; there are {', '.join(families)}")
    chosen = [
        entry
        for entry in entries
        if (not asked.family or entry.family in asked.family)
        and (not asked.need or asked.need in entry.needs)
        and (not asked.tier or asked.tier in tiers(entry))
        and _selected(asked.select, entry)
    ]
    if not chosen:
        raise UsageError("no scenario is like that; `touchstone list` shows all")
    if asked.json:
        say(json.dumps(listing(chosen), indent=2))
        return OK
    rows = [
        (entry.id, len(catalog.variants(entry)), " ".join(tiers(entry)), entry.claim)
        for entry in chosen
    ]
    say(
        tabulate(
            rows,
            ["id", "variants", "tiers", "claim"],
            tablefmt="simple",
            maxcolwidths=[None, None, None, 70],
        )
    )
    return OK


def _selected(patterns: Sequence[str], entry: Entry) -> bool:
    return not patterns or any(
        plan.selects(pattern, entry, variant)
        for pattern in patterns
        for variant in catalog.variants(entry)
    )


def listing(entries: Sequence[Entry]) -> dict[str, object]:
    """What `list --json` says: harness/catalog.schema.json describes it."""
    editions = edition.read()
    return {
        "format": 1,
        "version": __version__,
        "edition": editions.number,
        "scenarios": [_listed(entry, editions) for entry in entries],
    }


def _listed(entry: Entry, editions: Editions) -> dict[str, object]:
    value = dataclasses.asdict(dataclasses.replace(entry, body=None))  # type: ignore[arg-type]
    del value["body"], value["source"], value["spans"]
    promise = editions.promises.get(entry.id)
    return {
        **value,
        "id": entry.id,
        "since": promise.since if promise else None,
        "changed": promise.changed if promise else None,
        "file": f"conformance/cases/{entry.file.name}",
        "tiers_promised": tiers(entry),
        "variants": [variant.id for variant in catalog.variants(entry)],
        "stories": [{"condition": condition, "story": story} for condition, story in entry.stories],
    }


def _add_show(commands: Commands) -> None:
    parser = commands.add(
        "show",
        "show one scenario: its claim, source and stories",
        "examples:\n  touchstone show recompiles/sizes_become_dynamic\n",
        _show,
    )
    parser.add_argument("id", metavar="ID")


def _show(asked: argparse.Namespace) -> int:
    entries = catalog.read()
    name = asked.id.partition("[")[0]
    entry = next((e for e in entries if name in (e.id, *e.formerly)), None)
    if entry is None:
        raise UsageError(
            f"there is no scenario {asked.id!r}{plan.near(asked.id, entries)}; `touchstone list` shows all"
        )
    say(text.scenario(entry, tiers(entry)))
    return OK


def _add_catalog(commands: Commands) -> None:
    parser = commands.add(
        "catalog",
        "write the contract: every claim with its stories, one page of Markdown a family",
        "examples:\n  touchstone catalog -o contract\n  touchstone catalog -o docs/catalog --check\n",
        _catalog,
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; end with 1 if the pages are not these"
    )


def _catalog(asked: argparse.Namespace) -> int:
    found = contract.pages(well_formed(), contract.read_references(REFERENCES), edition.read())
    there = {file.name: file.read_text(encoding="utf-8") for file in asked.output.glob("*.md")}
    foreign = sorted(name for name, page in there.items() if not page.startswith(contract.MARK))
    if foreign:
        raise UsageError(
            f"{asked.output / foreign[0]} was not written by `touchstone catalog`; name a folder of its own"
        )
    gone = sorted(set(there) - set(found))
    new = [name for name, page in found.items() if there.get(name) != page]
    if asked.check:
        if not (gone or new):
            return OK
        names = ", ".join([*gone, *new])
        say(
            f"not as the catalog is: {names}; write them with `touchstone catalog -o {asked.output}`"
        )
        return BROKEN
    asked.output.mkdir(parents=True, exist_ok=True)
    for name in new:
        write_whole(asked.output / name, found[name])
    for name in gone:
        (asked.output / name).unlink()
    say(f"{len(found)} pages in {asked.output}: {len(new)} written, {len(gone)} removed")
    return OK
