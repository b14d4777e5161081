"""The command `touchstone`, for people outside pytest.

Knows which subcommands there are (`commands/` has one module for each group of them), and what becomes of errors.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from conformance.commands import (
    adopt,
    certify,
    editions,
    exchange,
    implementations,
    judge,
    merge,
    records,
    repro,
    run,
    scenarios,
)
from conformance.commands.common import EXIT_CODES, Commands, UsageError
from conformance.exits import INTERRUPTED, OK, USAGE
from conformance.speech import tell
from harness import __version__
from harness.catalog import CatalogError
from harness.edition import EditionError
from harness.implementations import ProfileError
from harness.record import RecordError


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; returns the exit code."""
    parser = _parser()
    own, passed_on = _divide(sys.argv[1:] if arguments is None else arguments)
    asked = parser.parse_args(own)
    if passed_on and "passed_on" not in asked:
        parser.error(
            f"only `touchstone run` passes on what stands after `--`, to pytest; found {' '.join(passed_on)}"
        )
    asked.passed_on = passed_on
    command: Callable[[argparse.Namespace], int] = asked.command
    try:
        return command(asked)
    except (UsageError, ProfileError, RecordError, CatalogError, EditionError) as error:
        tell(str(error))
        return USAGE
    except KeyboardInterrupt:
        tell("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return OK
    except OSError as error:
        tell(f"{error.filename or 'a file'}: {error.strerror}")
        return USAGE


def _divide(arguments: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What stands before and after `--`, which argparse takes only where names may stand."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:end], arguments[end + 1 :]


class _Parser(argparse.ArgumentParser):
    """Ends with our exit code, because argparse's own means an interrupted run here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="touchstone",
        description="Judge implementations of torch.compile by the promises its users rely on.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"touchstone {__version__}")
    commands = Commands(parser)
    for group in (
        run,
        scenarios,
        records,
        judge,
        merge,
        adopt,
        implementations,
        exchange,
        certify,
        repro,
        editions,
    ):
        group.add(commands)
    return parser
