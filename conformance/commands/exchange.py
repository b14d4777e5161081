"""The subcommand that has environments load what others saved.

Knows which pairs are asked for and where the table goes. Must not decide how a pair did.
"""

from __future__ import annotations

import argparse
import os

from conformance.commands.common import (
    Commands,
    UsageError,
    add_implementations,
    add_output,
    add_time_limit,
    check_selects,
    well_formed,
    write,
)
from conformance.exchange import cases, exchange
from conformance.exits import OK
from conformance.session import Session, Settings, open_folder
from conformance.speech import tell
from harness.exchange import Pair, page
from harness.implementations import chosen
from harness.model import Implementation

_EXAMPLES = """examples:
  touchstone exchange                                          between eager, aot_eager and inductor
  touchstone exchange --matrix full -o exchange.md             between releases of torch
  touchstone exchange 'ahead_of_time/*' --implementation inductor-2.14 --implementation inductor-2.15

exit codes:
  0  the exchange took place, whatever came of it    2  interrupted
  4  the request makes no sense, or none of the implementations can run
"""


def add(commands: Commands) -> None:
    """Add the subcommand."""
    parser = commands.add(
        "exchange",
        "have each environment load what each other compiled ahead of time and saved",
        _EXAMPLES,
        _exchange,
    )
    parser.add_argument(
        "select", nargs="*", metavar="PATTERN", help="ids (default: all that save and load)"
    )
    add_implementations(parser)
    add_time_limit(parser)
    add_output(parser)


def _exchange(asked: argparse.Namespace) -> int:
    entries = well_formed()
    check_selects(asked.select, entries)
    found = cases(entries, asked.select)
    if not found:
        raise UsageError(
            "nothing that is asked for saves what it compiled and has another process load it; "
            "`touchstone list --need ahead_of_time` shows what may"
        )
    judged = chosen(asked.implementation or (), asked.matrix or "")
    settings = Settings(open_folder(), os.getpid(), "fork", asked.time_limit)
    session = Session(settings, judged)
    try:
        session.furnish(tell)
        session.start()
        able = _able(session)
        pairs = exchange(session, found, able, lambda pair: tell(_line(pair)))
        versions = {each.name: session.versions(each.name)["torch"] for each in able}
    finally:
        session.close()
    write(page(pairs, versions), asked.output)
    return OK


def _able(session: Session) -> list[Implementation]:
    """The implementations that can run; says why the others cannot."""
    problems = {name: session.problem(name) for name in session.implementations}
    if all(problems.values()):
        raise UsageError("; ".join(dict.fromkeys(problems.values())))
    for name, problem in problems.items():
        if problem:
            tell(f"{name} is left out: {problem}")
    return [each for name, each in session.implementations.items() if not problems[name]]


def _line(pair: Pair) -> str:
    title = f"{pair.scenario}[{pair.variant}]" if pair.variant else pair.scenario
    reason = f" ({pair.reason[:150]})" if pair.reason else ""
    return f"{title}: {pair.producer} to {pair.consumer} {pair.outcome}{reason}"
