"""The subcommand about editions of the catalog: what is new, what says something else and why.

Knows where they are written down. Must not know how a change is found.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from conformance.commands.common import Commands, well_formed
from conformance.exits import BROKEN, OK
from conformance.speech import say, tell
from harness import edition
from harness.edition import Editions
from harness.files import write_whole

_EXAMPLES = """examples:
  touchstone editions             which promises came with which edition, and what has changed why
  touchstone editions --check     is everything written down? For CI
  touchstone editions --write     write down what is new; docs/editions.md has the rules

exit codes:
  0  everything is written down    1  something is not    4  the request makes no sense
"""


def add(commands: Commands) -> None:
    """Add the subcommand."""
    parser = commands.add(
        "editions", "show the editions of the catalog, or keep them", _EXAMPLES, _editions
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="end with 1 if something is not written")
    what.add_argument("--write", action="store_true", help="write down what the catalog has now")


def _editions(asked: argparse.Namespace) -> int:
    entries = well_formed()
    known = edition.read()
    if not asked.check and not asked.write:
        for line in _shown(known):
            say(line)
        return OK
    promises, missing = edition.bring_up(known, entries)
    for line in missing:
        tell(line)
    if missing:
        return BROKEN
    new = edition.differences(known, promises)
    if asked.write:
        write_whole(edition.LOCK, edition.to_text(promises))
        say(f"{edition.LOCK}: {len(promises)} scenarios, {len(new)} written down")
        return OK
    if new:
        more = f" and {len(new) - 5} more" if len(new) > 5 else ""  # noqa: PLR2004 - a line holds five
        tell(f"not written down: {', '.join(new[:5])}{more}; touchstone editions --write does it")
        return BROKEN
    return OK


def _shown(known: Editions) -> Iterator[str]:
    for number in range(known.number, 0, -1):
        new = [name for name, each in known.promises.items() if each.since == number]
        state = "" if number <= known.released else ", being written"
        yield f"edition {number}{state}: {len(new)} new scenarios"
        for change in known.changes:
            if change.edition == number:
                yield f"  {change.scenario}: {change.why}"
