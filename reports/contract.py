"""The catalog as pages of Markdown: what is promised, in the contract's own words, one page a family.

Knows claims, stories and references of scenarios. Must not know records or results.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.catalog import Entry, variants
from harness.edition import Editions
from harness.judge import Terms, declared_tiers, promises
from harness.story import Tier, Told, parse, render
from reports.markdown import block, code, link, prose

#: The first line of each page: what may be written over.
MARK = "<!-- written by `touchstone catalog` -->"

_HEAD = """
# The contract

Every promise that Touchstone holds implementations to, in the words of the scenarios themselves. A claim is
a fact about compiled programs; its story is what calls of a small program must show, next to eager
([story.md](../story.md)). MUST is what eager does; SHOULD is how often something is compiled; MAY is text for people.
DIVERGE is what is documented to be otherwise than in eager: it binds as MUST does, and is listed below the families.
"""


def pages(
    entries: Sequence[Entry], references: Mapping[str, str], editions: Editions
) -> dict[str, str]:
    """The pages by file name: an index, and one page for each family.

    Args:
        entries: the catalog.
        references: addresses of documentation by the name that references begin with; see `read_references`.
        editions: since when each scenario is part of it.
    """
    families: dict[str, list[Entry]] = {}
    for entry in entries:
        families.setdefault(entry.family, []).append(entry)
    index = "\n".join([*_index(families, editions), ""])
    return {
        "README.md": index,
        **{
            f"{name}.md": "\n".join([*_family(name, own, references, editions), ""])
            for name, own in families.items()
        },
    }


def read_references(file: Path) -> dict[str, str]:
    """The addresses that a table of references has.

    Raises:
        OSError, tomllib.TOMLDecodeError, KeyError: it is no such table.
    """
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    root = table["root"]
    return {
        name: page if "://" in page else f"{root}{page}" for name, page in table["pages"].items()
    }


def address(ref: str, references: Mapping[str, str]) -> str:
    """Where a reference leads: the longest name that it begins with; "" where none is known."""
    known = [
        name for name in references if ref == name or ref.startswith((f"{name} /", f"{name}:"))
    ]
    return references[max(known, key=len)] if known else ""


def tiers(entry: Entry) -> list[Tier]:
    """The tiers that a scenario has promises of, the most binding first, and DIVERGE if it differs from eager."""
    own = declared_tiers(entry.tiers)
    stories = [parse(story) for _, story in entry.stories]
    found = {tier for story in stories for tier in promises(Terms(story, own))}
    if divergences(entry):
        found.add(Tier.DIVERGE)
    return [tier for tier in Tier if tier in found]


def divergences(entry: Entry) -> list[str]:
    """In what a scenario is documented to differ from eager: the reasons of its tiers, and what it tells as such."""
    kinds = [each.partition(":") for each in entry.tiers.values()]
    told = {
        f"{event.name}: as the story has it"
        for _, story in entry.stories
        for event in parse(story)
        if isinstance(event, Told) and event.tier is Tier.DIVERGE
    }
    return [*(why.strip() for kind, _, why in kinds if kind == Tier.DIVERGE), *sorted(told)]


def _index(families: Mapping[str, Sequence[Entry]], editions: Editions) -> Iterator[str]:
    scenarios = sum(map(len, families.values()))
    number = sum(len(variants(entry)) for own in families.values() for entry in own)
    yield MARK
    yield _HEAD
    yield (
        f"Edition {editions.number} ([editions.md](../editions.md)): {scenarios} scenarios in {len(families)} "
        f"families, with {number} variants."
    )
    yield ""
    yield "| family | what it asks | scenarios | variants |"
    yield "|---|---|---:|---:|"
    for name, own in families.items():
        count = sum(len(variants(entry)) for entry in own)
        yield f"| [{name}]({name}.md) | {prose(own[0].question)} | {len(own)} | {count} |"
    yield from _differences([entry for own in families.values() for entry in own])


def _differences(entries: Sequence[Entry]) -> Iterator[str]:
    yield from ["", "## Documented differences from eager", ""]
    yield "| scenario | what compiled programs do | what is not as in eager, or why |"
    yield "|---|---|---|"
    for entry in entries:
        for why in divergences(entry):
            where = f"[{entry.id}]({entry.family}.md#{entry.name})"
            yield f"| {where} | {prose(entry.claim)} | {prose(why)} |"


def _family(
    name: str, entries: Sequence[Entry], references: Mapping[str, str], editions: Editions
) -> Iterator[str]:
    yield from [MARK, "", f"# {name}", ""]
    yield prose(entries[0].question)
    yield ""
    yield "[All families](README.md)"
    for entry in entries:
        yield from _scenario(entry, references, editions)


def _scenario(entry: Entry, references: Mapping[str, str], editions: Editions) -> Iterator[str]:
    yield ""
    yield f"## {entry.name}"
    yield ""
    yield f"**{prose(entry.claim)}**"
    yield ""
    yield ", ".join(_facts(entry, references, editions)) + "."
    for number, (condition, story) in enumerate(entry.stories):
        yield ""
        if condition:
            yield f"{'Where' if condition != 'otherwise' else ''} {code(condition)}:".strip()
        elif number == 0:
            yield "Its story:"
        yield ""
        yield from block(render(parse(story)).splitlines(), "")


def _facts(entry: Entry, references: Mapping[str, str], editions: Editions) -> Iterator[str]:
    where = f"../../conformance/cases/{entry.file.name}#L{entry.line}"
    yield f"[`{entry.id}`]({where})"
    yield " ".join(str(tier).upper() for tier in tiers(entry))
    yield f"from {link(prose(entry.ref), address(entry.ref, references))}"
    if entry.needs:
        yield "needs " + " and ".join(f"[{need}](../needs.md)" for need in entry.needs)
    if entry.axes:
        axes = "; ".join(f"{axis}: {', '.join(map(str, v))}" for axis, v in entry.axes.items())
        yield f"{len(variants(entry))} variants ({prose(axes)})"
    if promise := editions.promises.get(entry.id):
        changed = f", changed in edition {promise.changed}" * (promise.changed > promise.since)
        yield f"since edition {promise.since}{changed}"
    if entry.torch:
        yield f"for torch {code(entry.torch)}"
    for why in divergences(entry):
        yield f"differs from eager ({prose(why)})"
    if entry.exact:
        yield f"exact, because {prose(entry.exact)}"
