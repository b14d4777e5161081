"""The subcommand that makes one record of several, and says whether it is whole.

Knows its arguments, where the record goes, and what the proof comes to. Must not merge; `harness.merge` does.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from conformance.commands.common import Commands, add_folder, write_record
from conformance.exits import BROKEN, BUG, OK
from conformance.speech import say
from harness.merge import Finding, merge
from harness.record import Record, read
from reports import html

_EXAMPLES = """examples:
  touchstone merge shards/*/record.jsonl -o touchstone-report    the shards of one plan
  touchstone merge eager.jsonl mine/*/record.jsonl -o page       different implementations, in shards or not

exit codes:
  0  every planned trial has one result      1  results are missing, foreign or contradictory
  3  a record cannot be trusted: its controls say so
  4  the records cannot be one record
"""


def add(commands: Commands) -> None:
    """Add the subcommand."""
    parser = commands.add(
        "merge",
        "make one record of those of shards or of implementations, and prove that it is whole",
        _EXAMPLES,
        _merge,
    )
    parser.add_argument("record", nargs="+", type=Path, metavar="RECORD")
    add_folder(parser, "where record.jsonl and index.html go")


def _merge(asked: argparse.Namespace) -> int:
    merged = merge({str(path): read(path) for path in asked.record})
    command = ["merge", *map(str, asked.record), "-o", str(asked.output)]
    record = write_record(merged.record, command, asked.output)
    for finding in merged.findings:
        say(str(finding))
    say(_conclusion(record, merged.findings))
    say(f"report: {html.write(record, asked.output)}")
    for why in record.distrust:
        say(f"not trustworthy: {why}")
    if record.distrust:
        return BUG
    return BROKEN if merged.findings else OK


def _conclusion(record: Record, findings: tuple[Finding, ...]) -> str:
    verdicts = ", ".join(f"{n} {verdict}" for verdict, n in record.footer["verdicts"].items())
    planned = f"{len(record.planned)} trials of plan {record.header['plan_digest']}"
    if not findings:
        return f"whole: each of the {planned} has one result: {verdicts}"
    problems = Counter(finding.kind for finding in findings)
    wrong = ", ".join(f"{n} {kind}" for kind, n in problems.items())
    return f"not whole: of {planned}, {wrong}; the rest: {verdicts or 'nothing'}"
