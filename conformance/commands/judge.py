"""The subcommand that judges a record again, by the known deviations of today.

Knows its arguments, where the record goes, and what it comes to. Must not judge; `harness.revision` does.
"""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import date
from pathlib import Path

from conformance.commands.common import Commands, UsageError, add_folder, write_record
from conformance.exits import of_record
from conformance.speech import say
from harness import catalog, known, plan, resume
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
    add_folder(parser, "where record.jsonl and index.html go")


def _judge(asked: argparse.Namespace) -> int:
    before = read(asked.record)
    judged = resume.implementations(asked.record, before)
    given = resume.known(asked.record, before)
    if asked.known is not None:
        given = tuple(each for file in asked.known for each in known.read_file(file))
    trials = plan.trials(catalog.read(), judged)
    today = date.today()  # noqa: DTZ011 - dates are local here
    if stale := known.stale(given, trials, judged, today):
        raise UsageError("\n".join(text.stale(entry, reason) for entry, reason in stale))
    shipped = known.read()
    command = ["judge", str(asked.record), "-o", str(asked.output)]
    record = write_record(revise(before, judged, given, shipped), command, asked.output)
    say(text.summary(record))
    # What a record of an earlier catalog was of is all that it can say something about.
    whole = record.planned if record.is_whole else trials
    for entry in known.idle((*given, *shipped), record.results, whole, judged):
        say(text.idle(entry))
    for line in _changes(before, record):
        say(line)
    say(f"report: {html.write(record, asked.output)}")
    return of_record(record, strict=bool(record.header.get("strict")))


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
