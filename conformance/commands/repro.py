"""The subcommand that writes one trial as one Python file.

Knows how the trial is chosen, and run where no record has it. Must not know what is in the file.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from conformance.commands.common import (
    Commands,
    UsageError,
    add_time_limit,
    check_selects,
    well_formed,
    write,
)
from conformance.exits import BROKEN, BUG, OK
from conformance.speech import say, tell
from harness.catalog import Entry
from harness.implementations import chosen
from harness.model import Result
from harness.record import Record, read
from reports.repro import ReproError, compose

_EXAMPLES = """examples:
  touchstone repro recompiles/sizes_become_dynamic --implementation my_backend.toml
  touchstone repro 'aliasing/views[dynamic=True]' --implementation inductor -o views.py
  touchstone repro modules/mode_is_toggled --record touchstone-report/record.jsonl

exit codes:
  0  the file is written    3  Touchstone itself failed    4  the request makes no sense
"""


def add(commands: Commands) -> None:
    """Add the subcommand."""
    parser = commands.add(
        "repro",
        "write one trial as one Python file that needs only torch and the implementation",
        _EXAMPLES,
        _repro,
    )
    parser.add_argument("id", metavar="ID", help="of a scenario, with [variant] if it has several")
    parser.add_argument(
        "--implementation",
        metavar="NAME",
        help="as for `touchstone run`; may be left out where the record has only one",
    )
    parser.add_argument(
        "--record", type=Path, metavar="RECORD", help="where the trial is (default: it is run now)"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="default: repro-SCENARIO-IMPLEMENTATION.py in this folder",
    )
    add_time_limit(parser)


def _repro(asked: argparse.Namespace) -> int:
    entries = well_formed()
    check_selects([asked.id], entries)
    record = read(asked.record) if asked.record else _run(asked)
    result = _choose(record, asked.id, asked.implementation, entries)
    try:
        made = compose(record, result, entries)
    except ReproError as error:
        raise UsageError(str(error)) from error
    file = asked.output or Path(made.name)
    write(made.text, file)
    verdict = result.judgement.verdict
    tell(f"{result.trial.id}: {verdict}{'; the file shows that it conforms' * verdict.conforms}")
    say(f"{file}")
    return OK


def _run(asked: argparse.Namespace) -> Record:
    """A record of the trial, made now."""
    if asked.implementation is None:
        raise UsageError("say which implementation, with --implementation; or give a --record")
    chosen([asked.implementation])
    with tempfile.TemporaryDirectory(prefix="touchstone-repro-") as folder:
        tell(f"running {asked.id} on {asked.implementation}")
        command = [
            *(sys.executable, "-m", "conformance", "run", asked.id, "-o", folder),
            *("--implementation", asked.implementation, "-n", "0", "--second-look", "0"),
            *("--time-limit", str(asked.time_limit)),
        ]
        ran = subprocess.run(  # noqa: S603 - ourselves
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if ran.returncode not in (OK, BROKEN, BUG):
            last = ran.stdout.decode(errors="replace").strip().splitlines()[-1:] or ["nothing"]
            raise UsageError(f"{asked.id} could not be run on {asked.implementation}: {last[0]}")
        return read(Path(folder) / "record.jsonl")


def _choose(
    record: Record, asked: str, implementation: str | None, entries: Sequence[Entry]
) -> Result:
    """The result that is asked for.

    Raises:
        UsageError: there is none, or more than one.
    """
    scenario, _, variant = asked.removesuffix("]").partition("[")
    names = {entry.id: (entry.id, *entry.formerly) for entry in entries}
    found = [
        each
        for each in record.results
        if scenario in names.get(each.trial.scenario, (each.trial.scenario,))
        and (not variant or each.trial.variant == variant)
        and (not implementation or _means(record, each, implementation))
    ]
    if not found:
        on = f" on {implementation}" if implementation else ""
        raise UsageError(f"the record has no result of {asked}{on}; it was made by another run")
    deviating = [each for each in found if not each.judgement.verdict.conforms]
    if len(found) > 1 and len(deviating) != 1:
        ids = ", ".join(each.trial.id for each in deviating or found)
        raise UsageError(f"{asked} is more than one trial; name one of {ids}")
    return deviating[0] if len(found) > 1 else found[0]


def _means(record: Record, result: Result, implementation: str) -> bool:
    """Whether somebody who says so asks for the implementation of a result."""
    name = result.trial.implementation
    profile = record.header["implementations"].get(name, {}).get("profile", {})
    return implementation in (name, profile.get("argument"))
