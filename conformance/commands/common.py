"""What the subcommands share: how one is added, what they check, how they speak.

Knows argparse and the catalog. Must not know any subcommand.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from conformance.request import TIME_LIMIT, RequestError, check_time_limit
from harness import accept, catalog, plan
from harness.catalog import CatalogError, Entry
from harness.files import write_whole
from harness.implementations import DEFAULTS, shipped
from harness.lint import lint
from harness.record import Record, Writer, read
from reports.visible import visible

EXIT_CODES = """exit codes:
  0  every promise kept        1  a promise broken          2  interrupted
  3  Touchstone itself failed  4  the request makes no sense  5  nothing to judge
"""


class UsageError(Exception):
    """The request makes no sense; the message says what to ask for instead."""


class Commands:
    """The subcommands of a parser, which they are added to.

    Args:
        parser: that of the whole command.
    """

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(
        self,
        name: str,
        summary: str,
        examples: str,
        command: Callable[[argparse.Namespace], int],
    ) -> argparse.ArgumentParser:
        """A new subcommand's parser.

        Args:
            name: of the subcommand.
            summary: what it does, as the part of a sentence.
            examples: what its help ends with.
            command: carries it out and returns the exit code.
        """
        parser = self._parsers.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.set_defaults(command=command)
        return parser


def add_workers(parser: argparse.ArgumentParser, meaning: str) -> None:
    """Add the option that says how many processes run trials."""
    parser.add_argument("-n", "--workers", type=_workers, default="auto", metavar="N", help=meaning)


def _workers(text: str) -> str:
    if text not in ("auto", "logical") and not text.isdecimal():
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of processes; give 0, 1, 2 or so, or auto"
        )
    return text


def add_implementations(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is judged."""
    parser.add_argument(
        "--implementation",
        action="append",
        metavar="NAME",
        help=f"repeat for several; shipped are {', '.join(shipped())} (default: {', '.join(DEFAULTS)})",
    )
    parser.add_argument(
        "--matrix", metavar="NAME", help="the implementations that matrix.toml lists by this name"
    )


def add_time_limit(parser: argparse.ArgumentParser) -> None:
    """Add the option that says how long a trial may take."""
    parser.add_argument(
        "--time-limit",
        type=_time_limit,
        default=TIME_LIMIT,
        metavar="SECONDS",
        help=f"for one trial, times the implementation's factor (default: {TIME_LIMIT:g})",
    )


def _time_limit(text: str) -> float:
    try:
        return check_time_limit(float(text))
    except (ValueError, RequestError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time limit; give a number of seconds above 0, at most a million"
        ) from None


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the option that says which file is written."""
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: standard output"
    )


def add_folder(parser: argparse.ArgumentParser, meaning: str) -> None:
    """Add the option, which must be given, that says which folder is written."""
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help=meaning)


def check_selects(patterns: Sequence[str], entries: Sequence[Entry]) -> None:
    """Make sure that each pattern names a scenario.

    Raises:
        UsageError: one names none; the message has the nearest.
    """
    for pattern in patterns:
        if not any(plan.selects(pattern, e, v) for e in entries for v in catalog.variants(e)):
            hint = plan.near(pattern, entries)
            raise UsageError(f"no scenario matches {pattern!r}{hint}; `touchstone list` shows all")


def well_formed() -> list[Entry]:
    """The catalog, without anything that its linter complains of.

    Raises:
        CatalogError: it does complain.
    """
    entries = catalog.read()
    problems = lint([accept.draft(entry) for entry in entries])
    if problems:
        raise CatalogError(problems)
    return entries


def write(text: str, output: Path | None) -> None:
    """Write a text to a file, whole or not at all, or to standard output where there is none."""
    if output is None:
        sys.stdout.write(visible(text))
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_whole(output, text.encode("utf-8", "replace").decode())


def write_record(record: Record, command: list[str], folder: Path) -> Record:
    """Write a record into a folder, whole or not at all; what a reader reads of it."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"record.jsonl.{os.getpid()}.part"
    try:
        writer = Writer(part, {**record.header, "command": command})
        for result in record.results:
            writer.add(result)
        writer.close({key: record.footer[key] for key in ("finished", "seconds")})
        whole = read(part)
        part.replace(folder / "record.jsonl")
        return whole
    finally:
        part.unlink(missing_ok=True)
