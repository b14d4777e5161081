"""The kill matrix: which scenario catches which implementation that is wrong on purpose.

    python tests/mutants/matrix.py                        what is new or has changed, then the page
    python tests/mutants/matrix.py --mutant 'Forgets*'    some mutants only
    python tests/mutants/matrix.py --seconds 600          stop after ten minutes; the next run goes on
    python tests/mutants/matrix.py --seconds 0            only write the page from what is known

What is found is kept in tests/mutants/kills.json. The exit status is 1 while anything is pending, and if a mutant
survives, or a scenario kills nobody, without a declared reason.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from mutants import bench, declared, kills, page  # noqa: E402 - found by the paths above
from mutants.declared import Mutant  # noqa: E402
from mutants.kills import Kills, Row  # noqa: E402

from conformance.session import Session  # noqa: E402
from harness import catalog  # noqa: E402
from harness.catalog import Entry  # noqa: E402

PAGE = ROOT / "docs" / "kill-matrix.md"


class Spent(Exception):  # noqa: N818 - to have spent the time is no error
    """The time that was given is over."""


def main() -> int:
    """Run what is pending, and write the page."""
    asked = _arguments()
    known, content, entries = kills.read(), declared.read(), catalog.read()
    kills.refresh(known, content.mutants, entries)
    chosen = [
        mutant
        for mutant in content.mutants
        if any(fnmatchcase(mutant.name, pattern) for pattern in asked.mutant or ["*"])
    ]
    try:
        _run(known, chosen, entries, asked.time_limit, time.monotonic() + asked.seconds)
    except (Spent, KeyboardInterrupt):
        print("stopped; the next run goes on from here")
    kills.write(known)
    problems = page.problems(known, content)
    asked.output.write_text(page.text(known, content, entries), encoding="utf-8")
    print(*problems, f"the page is {asked.output}", sep="\n")
    return 1 if problems else 0


def _arguments() -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--mutant", action="append", metavar="GLOB", help="run these only; repeat for several"
    )
    parser.add_argument("--seconds", type=float, default=1e9, help="how long it may take")
    parser.add_argument("--time-limit", type=float, default=60, help="seconds for one trial")
    parser.add_argument(
        "-o", "--output", type=Path, default=PAGE, help="default: docs/kill-matrix.md"
    )
    return parser.parse_args()


def _run(
    known: Kills, chosen: Sequence[Mutant], entries: Sequence[Entry], limit: float, until: float
) -> None:
    """Let the base and the chosen mutants face what they have still to face."""
    rows = [(None, known.base), *((mutant, known.rows[mutant.name]) for mutant in chosen)]
    for mutant, row in rows:
        if not row.pending:
            continue
        if time.monotonic() > until:
            raise Spent
        with bench.opened([mutant] if mutant else [], limit) as session:
            known.versions = session.versions(declared.BASE.name)
            started = time.monotonic()
            _face(session, mutant, row, known, [e for e in entries if e.id in row.pending], until)
            seconds = time.monotonic() - started
            name = mutant.name if mutant else "the healthy base"
            print(f"{name}: {len(row.kills)} killed, {seconds:.0f} s", flush=True)


def _face(  # noqa: PLR0913 - one row, and what is known beside it
    session: Session,
    mutant: Mutant | None,
    row: Row,
    known: Kills,
    entries: Iterable[Entry],
    until: float,
) -> None:
    for number, entry in enumerate(entries):
        if time.monotonic() > until:
            raise Spent
        if mutant is None:
            row.kills |= bench.deviations_of_base(session, entry)
        elif how := bench.killed(session, mutant, entry, known.base.kills):
            row.kills[entry.id] = how
        row.pending.remove(entry.id)
        if number % 10 == 0 or not row.pending:
            kills.write(known)


if __name__ == "__main__":
    sys.exit(main())
