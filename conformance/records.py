"""The subcommands of `touchstone` that begin with a record: what is known, what changed, a summary for CI.

Knows their arguments and where the texts go. Like the command, it brings packages together; it decides nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from conformance.exits import OK
from harness import adoption, catalog
from harness.catalog import variants
from harness.model import Trial, Verdict
from harness.record import Record, RecordError, read
from reports import table

#: How a subcommand is added: name, summary, examples, and what carries it out.
Add = Callable[[str, str, str, Callable[[argparse.Namespace], int]], argparse.ArgumentParser]


def add_commands(add: Add) -> None:
    """Add the subcommands to the parser of the command."""
    _add_known(add)


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
