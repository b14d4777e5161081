"""Changes as a document in Markdown: the changelog of the contract between two sides.

Knows GitHub's Markdown. Must not compare or sort, and must not trust a text of a record.
"""

from __future__ import annotations

from collections.abc import Iterator

from reports.changes import MEANING, Comparison, Group, Kind
from reports.markdown import block, code, prose
from reports.observed import Observed

#: Longer texts of one line are shown below each other.
_SHORT = 60


def render(comparison: Comparison) -> str:
    """The document: what was compared, the counts, and every change."""
    return "\n".join(_lines(comparison))


def _lines(comparison: Comparison) -> Iterator[str]:
    yield f"# What changed: {prose(comparison.title)}"
    yield ""
    yield from _compared(comparison)
    yield ""
    yield "| | trials |"
    yield "|---|---|"
    for kind, number in comparison.counts.items():
        yield f"| {kind} | {number} |"
    yield f"| alike | {comparison.alike} |"
    yield ""
    for kind, groups in comparison.sections.items():
        meaning = MEANING[kind]
        yield from [f"## {kind.capitalize()}", "", f"{meaning[0].upper()}{meaning[1:]}.", ""]
        if kind in (Kind.NEW, Kind.REMOVED):
            yield from [*map(_brief, groups), ""]
            continue
        for before, group in zip([None, *groups], groups, strict=False):
            if before is None or before.scenario != group.scenario:
                yield from [f"### {code(group.scenario)}", "", prose(group.claim), ""]
            yield from _group(kind, group)


def _compared(comparison: Comparison) -> Iterator[str]:
    for pair in comparison.pairs:
        yield f"- {prose(pair.title)}"
    for name in comparison.unpaired:
        yield f"- without a counterpart: {prose(name)}"
    if len(comparison.catalogs) > 1:
        yield f"- the records are of different catalogs: {', '.join(map(code, comparison.catalogs))}"
    for why in comparison.distrust:
        yield f"- **not trustworthy**: {prose(why)}"


def _brief(group: Group) -> str:
    return f"- {code(group.scenario)}: {group.verdict}, on {prose(group.where)}"


def _group(kind: Kind, group: Group) -> Iterator[str]:
    yield f"**{prose(group.verdict)}** on {prose(group.where)}"
    yield ""
    for sign, reason in group.reasons:
        yield f"- {'before' if sign == '-' else 'now'}: {prose(reason)}"
    for note in group.notes:
        yield f"- {note}"
    for each in group.first.observed:
        yield from _observed(each)
    if kind is Kind.FAILS:
        yield f"- rerun: {code(group.first.command)}"
    yield ""


def _observed(each: Observed) -> Iterator[str]:
    head = f"- {prose(each.where)}: {each.what}"
    longest = max(len(each.before), len(each.after))
    if "\n" not in each.before + each.after and longest <= _SHORT:
        before, after = (code(text) if text else "nothing" for text in (each.before, each.after))
        yield f"{head}: {before} → {after}"
        return
    yield f"{head}"
    yield ""
    yield from block((f"{sign} {line}" for sign, line in each.rows()), "diff", indent="  ")
