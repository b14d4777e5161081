"""The subcommand that judges a record again, by the known deviations of today.

Knows its arguments, where the record goes, and what it comes to. Must not judge; `harness.revision` does.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from conformance.commands.common import Commands, UsageError, write_record
from conformance.exits import BROKEN, BUG, EMPTY, OK
from conformance.speech import say
from harness import catalog, known, plan, resume
from harness.judge import fails
from harness.model import Implementation, Known, Verdict
from harness.record import Record, read
from harness.revision import revise
from reports import html, text

_EXAMPLES = """examples:
  touchstone judge touchstone-report/record.jsonl --known known.toml -o again
  touchstone judge docs/results/iree.jsonl.xz -o again       by the entries that Touchstone ships today

What was told stays as it is: only which deviations are known is looked up anew. exit codes:
  0  every promise kept            1  a promise broken
  3  the record cannot be trusted  4  the request makes no sense  5  nothing to judge
"""


def add(commands: Commands) -> None:
    """Add the subcommand."""
    parser = commands.add(
        "judge",
        "judge a record again by the known deviations of today; nothing runs",
        _EXAMPLES,
        _judge,
    )
    parser.add_argument("record", type=Path, metavar="RECORD")
    parser.add_argument(
        "--known",
        action="append",
        type=Path,
        metavar="FILE",
        help="known deviations of your own; repeat for several (default: those that the run was given)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="where record.jsonl and index.html go",
    )


def _judge(asked: argparse.Namespace) -> int:
    before = read(asked.record)
    judged = resume.implementations(asked.record, before)
    given = resume.known(asked.record, before)
    if asked.known is not None:
        given = tuple(each for file in asked.known for each in known.read_file(file))
    _check(given, judged)
    revised = revise(before, judged, given, known.read())
    command = ["judge", str(asked.record), "-o", str(asked.output)]
    record = write_record(revised, command, asked.output)
    say(text.summary(record))
    trials = plan.trials(catalog.read(), judged)
    for entry in known.idle((*given, *known.read()), record.results, trials, judged):
        say(text.idle(entry))
    for line in _changes(before, record):
        say(line)
    say(f"report: {html.write(record, asked.output)}")
    return _status(record)


def _check(given: Sequence[Known], judged: Sequence[Implementation]) -> None:
    """Refuse entries that a run would refuse.

    Raises:
        UsageError: one speaks of no trial, or has expired.
    """
    today = date.today()  # noqa: DTZ011 - dates are local here
    for entry, reason in known.stale(given, plan.trials(catalog.read(), judged), judged, today):
        raise UsageError(
            f"the known entry for {entry.scenario!r} on {entry.implementation!r} {reason}"
        )


def _changes(before: Record, after: Record) -> list[str]:
    """How many verdicts are others now, by what they were and are."""
    pairs = Counter(
        (old.judgement.verdict, new.judgement.verdict)
        for old, new in zip(before.results, after.results, strict=True)
        if old.judgement.verdict is not new.judgement.verdict
    )
    return [f"{old} -> {new}: {number}" for (old, new), number in sorted(pairs.items())] or [
        "no verdict is another than before"
    ]


def _status(record: Record) -> int:
    """The exit code, as of a run: see docs/exit-codes.md."""
    verdicts = [each.judgement.verdict for each in record.results]
    if Verdict.BUG in verdicts or record.distrust:
        return BUG
    if not any(each.applicable for each in verdicts):
        return EMPTY
    strict = bool(record.header.get("strict"))
    broken = any(fails(each.judgement, strict=strict) for each in record.results)
    return BROKEN if broken or len(record.results) < len(record.planned) else OK
