"""The kill matrix: which scenario catches which implementation that is wrong on purpose.

    python tests/mutants/matrix.py                        what is needed, then the page
    python tests/mutants/matrix.py --all                  every mutant against every scenario: hours
    python tests/mutants/matrix.py --mutant 'Forgets*'    some mutants only; likewise --scenario 'aliasing/*'
    python tests/mutants/matrix.py --seconds 600          stop after ten minutes; the next run goes on
    python tests/mutants/matrix.py --seconds 0            only write the page from what is known

What is needed is that each mutant is killed by some scenario, and that each scenario kills some mutant, a specific one
if any that fits it can be killed; what has changed since is run again. What is found is kept in
tests/mutants/kills.json. The exit status is 1 while that is not known of all of them, and if a mutant survives, or a
scenario kills nobody, without a declared reason.
"""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import queue
import sys
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from conformance.session import Session  # noqa: E402
from harness import catalog  # noqa: E402
from harness.catalog import Entry  # noqa: E402
from mutants import bench, declared, kills, page  # noqa: E402 - found by the paths above
from mutants.declared import Declared, Mutant  # noqa: E402
from mutants.kills import Kills  # noqa: E402

PAGE = ROOT / "docs" / "kill-matrix.md"


class Spent(Exception):  # noqa: N818 - to have spent the time is no error
    """The time that was given is over."""


def main() -> int:
    """Run what is pending, and write the page."""
    asked = _arguments()
    with Path(__file__).open("rb") as own:
        try:
            fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another matrix.py is at work; two would undo what the other has found")
            return 2
        return _find_and_tell(asked)


def _find_and_tell(asked: argparse.Namespace) -> int:
    known, content, entries = kills.read(), declared.read(), catalog.read()
    kills.refresh(known, content.mutants, entries)
    chosen = [each for each in content.mutants if _matches(each.name, asked.mutant)]
    try:
        if asked.seconds > 0:
            _run(known, content, chosen, entries, asked)
    except (Spent, KeyboardInterrupt):
        print("stopped; the next run goes on from here")
    kills.write(known)
    problems = [*page.pending(known, content), *page.problems(known, content)]
    asked.output.write_text(page.text(known, content, entries), encoding="utf-8")
    print(*problems, f"the page is {asked.output}", sep="\n")
    return 1 if problems else 0


def _matches(name: str, patterns: Sequence[str] | None) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns or ["*"])


def _arguments() -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--mutant", action="append", metavar="GLOB", help="run these only; repeat for several"
    )
    parser.add_argument(
        "--scenario", action="append", metavar="GLOB", help="these only; repeat for several"
    )
    parser.add_argument(
        "--all", action="store_true", help="go on where it is known that a mutant is killed"
    )
    parser.add_argument("--seconds", type=float, default=1e9, help="how long it may take")
    parser.add_argument("--workers", type=int, default=1, help="how many trials run at a time")
    parser.add_argument("--time-limit", type=float, default=120, help="seconds for one trial")
    parser.add_argument(
        "-o", "--output", type=Path, default=PAGE, help="default: docs/kill-matrix.md"
    )
    return parser.parse_args()


def _run(
    known: Kills,
    content: Declared,
    chosen: Sequence[Mutant],
    entries: Sequence[Entry],
    asked: argparse.Namespace,
) -> None:
    with ExitStack() as stack:
        sessions = [
            stack.enter_context(bench.opened(chosen, asked.time_limit))
            for _ in range(max(1, asked.workers))
        ]
        known.versions = sessions[0].versions(declared.BASE.name)
        asked_for = [each for each in entries if _matches(each.id, asked.scenario)]
        until = time.monotonic() + asked.seconds
        course = Course(sessions, known, content, chosen, asked_for, until)
        course.run(None)
        for mutant in chosen:
            course.run(mutant, {kill.scenario.partition("[")[0] for kill in mutant.killed_by})
        if asked.all:
            for mutant in chosen:
                course.run(mutant)
        else:
            # Most are killed by the first variant, and where they are not all variants take long.
            course.seek(variants=1)
            course.seek()
            course.decide()


@dataclasses.dataclass(frozen=True, slots=True)
class Course:
    """What mutants have to face, until the time is over."""

    sessions: Sequence[Session]
    known: Kills
    content: Declared
    chosen: Sequence[Mutant]
    entries: Sequence[Entry]
    until: float

    def run(self, mutant: Mutant | None, first: Collection[str] | None = None) -> None:
        """Let a mutant, or the healthy base, face what it has still to face, or those that are to come first."""
        row = self.known.rows[mutant.name] if mutant else self.known.base
        started = time.monotonic()
        pending = {each for each in row.pending if first is None or each in first}
        for number, entry in enumerate(each for each in self.entries if each.id in pending):
            if time.monotonic() > self.until:
                raise Spent
            try:
                row.kills |= self._kills(mutant, entry)
            except bench.OurFaultError as error:
                print(f"{error}; it stays pending")
                continue
            row.pending.remove(entry.id)
            if number % 10 == 0 or not row.pending:
                kills.write(self.known)
        if first is None and any(each.id in pending for each in self.entries):
            name = mutant.name if mutant else "the healthy base"
            seconds = time.monotonic() - started
            print(f"{name}: {len(row.kills)} kills, {seconds:.0f} s", flush=True)

    def seek(self, variants: int | None = None) -> None:
        """Let specific mutants face the scenarios that they fit, until each of these kills one."""
        free: queue.SimpleQueue[Session] = queue.SimpleQueue()
        for session in self.sessions:
            free.put(session)
        lacking = [
            each
            for each in self.entries
            if not page.specific(self.known, self.content, each.id)
            if each.id not in self.content.only_blunt
        ]
        with ThreadPoolExecutor(len(self.sessions)) as pool:
            tried = {pool.submit(self._try, free, entry, variants): entry for entry in lacking}
            try:
                for number, done in enumerate(as_completed(tried)):
                    self._note(tried[done], done.result(), variants)
                    if number % 10 == 0 or number == len(tried) - 1:
                        kills.write(self.known)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        if time.monotonic() > self.until:
            raise Spent

    def _note(
        self, entry: Entry, found: Sequence[tuple[Mutant, str]], variants: int | None
    ) -> None:
        """Keep what some mutants have come to; those that live may have yet to face other variants."""
        whole = variants is None or len(catalog.variants(entry)) <= variants
        for mutant, how in found:
            row = self.known.rows[mutant.name]
            row.kills |= {entry.id: how} if how else {}
            if how or whole:
                row.pending.remove(entry.id)

    def _try(
        self, free: queue.SimpleQueue[Session], entry: Entry, variants: int | None
    ) -> list[tuple[Mutant, str]]:
        """Let the mutants that fit a scenario face it until one is killed; each with how."""
        found: list[tuple[Mutant, str]] = []
        session = free.get()
        for mutant in (each for each in self.content.fitting(entry.id) if each in self.chosen):
            if time.monotonic() > self.until or (found and found[-1][1]):
                break
            if entry.id in self.known.rows[mutant.name].pending:
                try:
                    how = bench.killed(session, mutant, entry, self.known.base.kills, variants)
                except bench.OurFaultError as error:
                    print(f"{error}; it stays pending")
                    continue
                found.append((mutant, how))
        free.put(session)
        told = [f"{mutant.name} {how or '-'}" for mutant, how in found]
        if found:
            print(f"{entry.id}: {', '.join(told)}", flush=True)
        return found

    def decide(self) -> None:
        """Go on until each mutant is killed and each scenario kills, or nothing is left to try."""
        for mutant in self.chosen:
            for entry in self.entries if mutant.sin and not mutant.survives else ():
                if not self.known.rows[mutant.name].kills:
                    self.run(mutant, {entry.id})
        # Those that many scenarios kill are the likeliest to be killed by one more.
        deadly = sorted(self.chosen, key=lambda each: -len(self.known.rows[each.name].kills))
        for entry in self.entries:
            for mutant in deadly:
                if mutant.sin and not self.known.killers(entry.id):
                    self.run(mutant, {entry.id})

    def _kills(self, mutant: Mutant | None, entry: Entry) -> dict[str, str]:
        if mutant is None:
            return bench.deviations_of_base(self.sessions[0], entry)
        how = bench.killed(self.sessions[0], mutant, entry, self.known.base.kills)
        return {entry.id: how} if how else {}


if __name__ == "__main__":
    sys.exit(main())
