"""The subcommands that show records: the page again, a summary for CI, what changed.

Knows their arguments and where the texts go. Must not count or compare; the reports do.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from conformance.commands.common import Commands, add_output, write
from conformance.exits import BROKEN, EMPTY, OK
from conformance.speech import say, tell
from harness.merge import combine
from harness.record import Record, RecordError, read
from reports import changes_html, changes_markdown, changes_text, html, markdown, text
from reports.changes import Comparison, compare
from reports.sides import PairingError


def add(commands: Commands) -> None:
    """Add the subcommands."""
    _add_report(commands)
    _add_summary(commands)
    _add_diff(commands)


def _add_report(commands: Commands) -> None:
    parser = commands.add(
        "report",
        "make the page and the table of records again",
        "examples:\n  touchstone report touchstone-report/record.jsonl -o page\n"
        "  touchstone report eager.jsonl mine.jsonl -o page\n",
        _report,
    )
    parser.add_argument("record", nargs="+", type=Path, metavar="RECORD")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")


def _report(asked: argparse.Namespace) -> int:
    record = combine([read(path) for path in asked.record])
    page = html.write(record, asked.output)
    say(text.summary(record))
    say(f"report: {page}")
    return OK


def _add_summary(commands: Commands) -> None:
    parser = commands.add(
        "summary",
        "print what a run came to: counts, what fails and why, what is known",
        "examples:\n  touchstone summary touchstone-report/record.jsonl\n"
        '  touchstone summary record.jsonl --format markdown >> "$GITHUB_STEP_SUMMARY"\n',
        _summary,
    )
    parser.add_argument("record", nargs="+", type=Path, metavar="RECORD")
    parser.add_argument("--format", choices=("text", "markdown"), default="text")
    parser.add_argument(
        "--source",
        default="",
        metavar="URL",
        help="where the scenarios can be read, for links: what stands before conformance/cases/",
    )
    add_output(parser)


def _summary(asked: argparse.Namespace) -> int:
    record = combine([read(path) for path in asked.record])
    if asked.format == "markdown":
        write(markdown.summary(record, asked.source), asked.output)
    else:
        write(f"{text.summary(record)}\n", asked.output)
    return OK


_DIFF_EXAMPLES = """examples:
  touchstone diff old.jsonl new.jsonl                      implementations of the same name or backend
  touchstone diff old.jsonl new.jsonl --from eager --to mine
  touchstone diff record.jsonl inductor-2.13 inductor-2.15 two implementations of one record
  touchstone diff record.jsonl '*-2.13' '*-2.15'           several, paired by backend
  touchstone diff old.jsonl new.jsonl --format html -o changes.html

exit codes:
  0  nothing newly fails          1  something newly fails
  4  the request makes no sense   5  no trial is on both sides
"""

_RENDERERS: dict[str, Callable[[Comparison], str]] = {
    "text": changes_text.render,
    "markdown": changes_markdown.render,
    "html": changes_html.render,
}


def _add_diff(commands: Commands) -> None:
    parser = commands.add(
        "diff",
        "show what changed between two records, or between implementations of one",
        _DIFF_EXAMPLES,
        _diff,
    )
    parser.add_argument("record", type=Path, metavar="RECORD")
    parser.add_argument(
        "other",
        nargs="+",
        metavar="RECORD|NAME",
        help="the later record, or the names of two implementations in the one record",
    )
    parser.add_argument(
        "--from", dest="old", metavar="NAME", help="of the earlier side; a glob (default: all)"
    )
    parser.add_argument(
        "--to", dest="new", metavar="NAME", help="of the later side; a glob (default: all)"
    )
    parser.add_argument("--format", choices=list(_RENDERERS), default="text")
    parser.add_argument(
        "--strict", action="store_true", help="also count MAY promises and improvements"
    )
    add_output(parser)


def _diff(asked: argparse.Namespace) -> int:
    before, after, old, new = _sides(asked)
    try:
        found = compare(before, after, old, new, strict=asked.strict)
    except PairingError as error:
        raise RecordError(str(error)) from None
    write(_RENDERERS[asked.format](found), asked.output)
    if not found.compared:
        tell("no trial is on both sides, so nothing was compared")
        return EMPTY
    return BROKEN if found.regressions else OK


def _sides(asked: argparse.Namespace) -> tuple[Record, Record, str, str]:
    """The two records, and the names to compare in them."""
    first = read(asked.record)
    match asked.other:
        case [second]:
            return first, read(Path(second)), asked.old or "*", asked.new or "*"
        case [old, new] if not asked.old and not asked.new:
            return first, first, old, new
    raise RecordError(
        f"{len(asked.other) + 1} things to compare; give two records, or one record and two "
        "implementations in it"
    )
