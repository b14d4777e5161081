"""The subcommands that make a run's results the expected ones: as stories, or as known deviations.

Knows what is read and written. Must not decide what can be accepted.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from conformance.commands.common import Commands, add_output, check_selects, write
from conformance.exits import BROKEN, OK
from conformance.speech import say, tell
from harness import accept, adoption, catalog
from harness.catalog import variants
from harness.merge import combine
from harness.model import Trial, Verdict
from harness.record import Record, RecordError, read
from reports import table
from reports.visible import visible


def add(commands: Commands) -> None:
    """Add the subcommands."""
    _add_accept(commands)
    _add_known(commands)


def _add_accept(commands: Commands) -> None:
    parser = commands.add(
        "accept",
        "rewrite the stories of scenarios to what records of runs tell; `git diff` is the review",
        "examples:\n  touchstone accept touchstone-report/record.jsonl --dry-run\n"
        "  touchstone accept touchstone-report/record.jsonl --select 'aliasing/*'\n"
        "  touchstone accept torch_2_13.jsonl torch_2_15.jsonl   conditions where versions differ\n\n"
        "exit codes:\n  0  all that was told is accepted    1  something is refused\n"
        "  4  the request makes no sense, such as a record of other scenarios\n",
        _accept,
    )
    parser.add_argument("record", nargs="+", type=Path, metavar="RECORD")
    parser.add_argument(
        "--select", action="append", metavar="GLOB", help="only these ids, such as 'aliasing/*'"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would change, as a diff; write nothing"
    )


def _accept(asked: argparse.Namespace) -> int:
    entries = catalog.read()
    select = asked.select or ()
    check_selects(select, entries)
    found = accept.accept(combine([read(path) for path in asked.record]), entries, select)
    if asked.dry_run:
        write(accept.diff(found), None)
    else:
        accept.write(found)
        say(accept.summary(found))
    for refusal in found.refusals:
        print(visible(str(refusal)), file=sys.stderr)  # noqa: T201 - likewise
    return BROKEN if found.refusals else OK


def _add_known(commands: Commands) -> None:
    parser = commands.add(
        "known",
        "write the known entries that make a run green, with the reasons left to be found",
        "examples:\n  touchstone known touchstone-report/record.jsonl -o known.toml\n"
        "  touchstone run --implementation my_backend.toml --known known.toml\n",
        _known,
    )
    parser.add_argument("record", type=Path, metavar="RECORD")
    add_output(parser)


def _known(asked: argparse.Namespace) -> int:
    record = read(asked.record)
    if asked.output and asked.output.exists():
        raise RecordError(
            f"{asked.output} exists, and may have reasons that people found; name another file"
        )
    results = table.results(record)
    suggested = adoption.suggest(results, _universe(record), date.today())  # noqa: DTZ011 - local
    write(adoption.render(suggested), asked.output)
    covered = sum(len(each.results) for each in suggested)
    tell(f"{len(suggested)} entries expect {covered} deviations; each reason is still to be found")
    stopped, _ = table.split(results)
    for name, of_it in stopped.items():
        tell(f"{name} cannot run, which cannot be expected ({table.trials(len(of_it))})")
    for verdict, advice in _REMAINS.items():
        number = sum(result.judgement.verdict is verdict for result in results)
        if number:
            tell(f"{number} {verdict}: {advice}")
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
