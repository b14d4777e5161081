"""Changes in a terminal.

Knows plain text. Must not compare or sort.
"""

from __future__ import annotations

from collections.abc import Iterator

from reports.changes import Comparison, Group, Kind
from reports.observed import Observed
from reports.visible import line, visible

#: Longer texts of one line are shown below each other.
_SHORT = 40


def render(comparison: Comparison) -> str:
    """Every change, the regressions first, and one closing line."""
    return visible("\n".join([*_lines(comparison), ""]))


def _lines(comparison: Comparison) -> Iterator[str]:
    for pair in comparison.pairs:
        yield pair.title
    for name in comparison.unpaired:
        yield f"without a counterpart: {name}"
    if len(comparison.catalogs) > 1:
        yield f"the records are of different catalogs: {', '.join(comparison.catalogs)}"
    for why in comparison.distrust:
        yield f"NOT TRUSTWORTHY: {why}"
    for kind, groups in comparison.sections.items():
        yield f"\n{kind}, {comparison.counts[kind]}:"
        for group in groups:
            yield from _brief(group) if kind in (Kind.NEW, Kind.REMOVED) else _group(kind, group)
    yield f"\n{comparison.counted}"


def _brief(group: Group) -> Iterator[str]:
    yield f"  {group.scenario}  {group.verdict}  on {group.where}"


def _group(kind: Kind, group: Group) -> Iterator[str]:
    yield f"  {group.scenario}  {group.verdict}  on {group.where}"
    yield from (f"    {sign} {line(reason)}" for sign, reason in group.reasons)
    yield from (f"    ({note})" for note in group.notes)
    for each in group.first.observed:
        yield from _observed(each)
    if kind is Kind.FAILS:
        yield f"    rerun: {group.first.command}"


def _observed(each: Observed) -> Iterator[str]:
    head = f"    {each.where}: {each.what}"
    before, after = each.before or "nothing", each.after or "nothing"
    if "\n" not in before + after and max(len(before), len(after)) <= _SHORT:
        yield f"{head}: {before} → {after}"
        return
    yield head
    yield from (f"      {sign} {line}".rstrip() for sign, line in each.rows())
