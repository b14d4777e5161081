"""The subcommands of `touchstone` that begin with a record: what is known, what changed, a summary for CI.

Knows their arguments and where the texts go. Like the command, it brings packages together; it decides nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from conformance.exits import BROKEN, EMPTY, OK
from harness import adoption, catalog
from harness.catalog import variants
from harness.model import Trial, Verdict
from harness.record import Record, RecordError, combine, read
from reports import changes_html, changes_markdown, changes_text, markdown, table, text
from reports.changes import Comparison, compare
from reports.sides import PairingError

#: How a subcommand is added: name, summary, examples, and what carries it out.
Add = Callable[[str, str, str, Callable[[argparse.Namespace], int]], argparse.ArgumentParser]


def add_commands(add: Add) -> None:
    """Add the subcommands to the parser of the command."""
    _add_summary(add)
    _add_diff(add)
    _add_known(add)


def _add_summary(add: Add) -> None:
    parser = add(
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
    _add_output(parser)


def _summary(asked: argparse.Namespace) -> int:
    record = combine([read(path) for path in asked.record])
    if asked.format == "markdown":
        _write(markdown.summary(record, asked.source), asked.output)
    else:
        _write(f"{text.summary(record)}\n", asked.output)
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


def _add_diff(add: Add) -> None:
    parser = add(
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
    _add_output(parser)


def _diff(asked: argparse.Namespace) -> int:
    before, after, old, new = _sides(asked)
    try:
        found = compare(before, after, old, new, strict=asked.strict)
    except PairingError as error:
        raise RecordError(str(error)) from None
    _write(_RENDERERS[asked.format](found), asked.output)
    if not found.compared:
        _tell("no trial is on both sides, so nothing was compared")
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


def _add_known(add: Add) -> None:
    parser = add(
        "known",
        "write the known entries that make a run green, with the reasons left to be found",
        "examples:\n  touchstone known touchstone-report/record.jsonl -o known.toml\n"
        "  touchstone run --implementation my_backend.toml --known known.toml\n",
        _known,
    )
    parser.add_argument("record", type=Path, metavar="RECORD")
    _add_output(parser)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: standard output"
    )


def _known(asked: argparse.Namespace) -> int:
    record = read(asked.record)
    if asked.output and asked.output.exists():
        raise RecordError(
            f"{asked.output} exists, and may have reasons that people found; name another file"
        )
    results = table.results(record)
    suggested = adoption.suggest(results, _universe(record), date.today())  # noqa: DTZ011 - local
    _write(adoption.render(suggested), asked.output)
    covered = sum(len(each.results) for each in suggested)
    _tell(f"{len(suggested)} entries expect {covered} deviations; each reason is still to be found")
    for verdict, advice in _REMAINS.items():
        number = sum(result.judgement.verdict is verdict for result in results)
        if number:
            _tell(f"{number} {verdict}: {advice}")
    return OK


_REMAINS = {
    Verdict.XFAIL: "expected already by the files of the run; keep these files",
    Verdict.XPASS: "conforms although an entry expects a deviation; delete the entry",
    Verdict.BUG: "Touchstone itself failed, which cannot be expected",
    Verdict.NOT_RUN: "without a result, so nothing can be expected; run again",
}


def _universe(record: Record) -> list[Trial]:
    """Every trial of the catalog on the implementations of a record: what a pattern must not speak of by chance."""
    return [
        Trial(entry.id, variant.id, name)
        for name in table.implementations(record)
        for entry in catalog.read()
        for variant in variants(entry)
    ]


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8", newline="\n")


def _tell(sentence: str) -> None:
    print(f"touchstone: {sentence}", file=sys.stderr)  # noqa: T201 - a command speaks
