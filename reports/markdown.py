"""Markdown: a record's summary for the page of a CI job, and how any text is written so that it stays text.

Knows GitHub's Markdown. Must not count or judge, and must not trust a text of a record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from harness.model import TODO, Result, Verdict
from harness.plan import rerun
from harness.record import Record
from harness.story import TIERS
from reports import table
from reports.text import closing, examine
from reports.visible import line, visible

#: How many trials that do not conform are listed: the page of a CI job takes one MiB.
SHOWN = 60

_SPECIAL = re.compile(r"([\\`*_\[\]<>|&~#$@!])")
_LONGEST = 400


def prose(text: str) -> str:
    """Text as a part of a sentence or of a table's cell: nothing in it is markup."""
    return _SPECIAL.sub(r"\\\1", line(text))


def code(text: str) -> str:
    """Text as a code span on one line; not for tables, which split even code at bars."""
    shown = line(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    pad = " " if shown.startswith("`") or shown.endswith("`") or not shown else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def block(rows: Iterable[str], language: str, indent: str = "") -> Iterator[str]:
    """Lines as a code block that none of them can end."""
    rows = [visible(row).replace("\n", " ") for row in rows]
    fence = "`" * max(
        3, 1 + max((len(run) for row in rows for run in re.findall("`+", row)), default=0)
    )
    yield f"{indent}{fence}{language}"
    yield from (f"{indent}{row}".rstrip() for row in rows)
    yield f"{indent}{fence}"


def link(text: str, target: str) -> str:
    """Text that leads to a page of the web, or alone where the target is none."""
    if not re.fullmatch(r"https?://[^\s<>()\\]+", target):
        return text
    return f"[{text}](<{target}>)"


def summary(record: Record, source: str = "") -> str:
    """Counts by family and tier, what fails with its reasons, what is known, and one closing line.

    Args:
        record: the run.
        source: where the scenarios can be read: what stands before `conformance/cases/...` in an address.
    """
    return "\n".join([*_summary(record, source), ""])


def _summary(record: Record, source: str) -> Iterator[str]:
    names = table.implementations(record)
    failing = table.failing(record)
    standing = "not conforming" if failing else "conforming"
    yield f"## Touchstone: {'not trustworthy' if record.distrust else standing}"
    yield ""
    yield from (f"- {prose(each)}" for each in record.distrust)
    yield from [""] if record.distrust else []
    yield prose(closing(record))
    yield ""
    yield from _matrix(record, names)
    stopped, told = table.split(failing)
    if failing:
        yield from ["", f"### {len(failing)} failing", ""]
        for name, results in stopped.items():
            yield from _stopped(record, name, results)
        for result in sorted(told, key=_order)[:SHOWN]:
            yield from _failing(record, result, source)
        if len(told) > SHOWN:
            yield f"- … and {len(told) - SHOWN} more: see the report"
    yield from _expected(record)
    yield from _unsupported(record)


def _order(result: Result) -> int:
    return -list(Verdict).index(result.judgement.verdict)


def _matrix(record: Record, names: Sequence[str]) -> Iterator[str]:
    every = table.results(record)
    yield "Passed / applicable / total, by tier:"
    yield ""
    yield f"| family | {' | '.join(prose(name) for name in names)} |"
    yield f"|---|{'---|' * len(names)}"
    for family in table.families(record):
        of_family = [result for result in every if result.trial.family == family]
        yield f"| {prose(family)} | {' | '.join(_cell(of_family, name) for name in names)} |"
    yield f"| **all** | {' | '.join(_cell(every, name) for name in names)} |"


def _cell(results: Sequence[Result], name: str) -> str:
    counts = table.count(result for result in results if result.trial.implementation == name)
    kept = all(count.passed == count.applicable for count in counts.values())
    cell = "<br>".join(f"{tier} {counts[tier]}" for tier in TIERS if tier in counts)
    return cell if kept else f"**{cell}**"


def _stopped(record: Record, name: str, results: Sequence[Result]) -> Iterator[str]:
    yield f"- **cannot run**: {prose(name)}, {table.trials(len(results))}<br>"
    yield f"  {prose(results[0].judgement.reason[:_LONGEST])}<br>"
    yield f"  {code(examine(str(record.header['implementations'][name]['argument'])))}"


def _failing(record: Record, result: Result, source: str) -> Iterator[str]:
    made, trial = result.judgement, result.trial
    scenario = record.header["scenarios"].get(trial.scenario, {})
    tier = f" ({made.tier})" if made.tier else ""
    yield f"- **{prose(made.verdict)}{tier}** {link(code(trial.id), _place(scenario, source))}<br>"
    yield f"  {prose(made.reason[:_LONGEST])}<br>"
    argument = record.header["implementations"][trial.implementation]["argument"]
    yield f"  {code(rerun(trial, str(argument)))}"


def _place(scenario: Mapping[str, Any], source: str) -> str:
    """Where a scenario can be read; "" where its file leads out of the project."""
    file = str(scenario.get("file"))
    if not source or not re.fullmatch(r"\w[\w./-]*", file, re.ASCII) or ".." in file:
        return ""
    return f"{source.rstrip('/')}/{file}#L{scenario.get('line')}"


def _expected(record: Record) -> Iterator[str]:
    found: dict[tuple[str, str], int] = {}
    for result in record.results:
        if result.judgement.verdict is Verdict.XFAIL and result.known:
            key = result.known.reason, result.known.link
            found[key] = found.get(key, 0) + 1
    if not found:
        return
    yield from ["", f"### {sum(found.values())} deviating as known", ""]
    for (reason, target), number in islice(found.items(), SHOWN):
        yield f"- {link(prose(reason[:_LONGEST]), target)}: {table.trials(number)}"
    if blind := len(table.unexplained(record)):
        yield f"\nNot yet explained, with the reason {TODO}: {table.trials(blind)}."


def _unsupported(record: Record) -> Iterator[str]:
    found = table.unsupported(record)
    if found:
        yield from ["", "### Not applicable", ""]
    for name, reason, number in found[:SHOWN]:
        yield f"- {prose(name)}: {table.trials(number)}: {prose(reason[:_LONGEST])}"
