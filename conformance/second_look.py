"""A second look at what nobody expected: alone, in a fresh interpreter, and in a world without a past.

Knows which attempts tell a deviation from a flake, from a fault of our isolation, and from what an earlier trial has
left behind. Must not know pytest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from conformance.session import Session
from harness import catalog
from harness.answer import read_exit
from harness.catalog import Entry
from harness.culprits import smallest
from harness.environment import BOOT, environ, interpreter
from harness.fork import Fork
from harness.isolate import Isolation, Spawn
from harness.judge import Terms, fails, judge
from harness.model import Attempt, Exit, Implementation, Job, Judgement, Result, Trial, Verdict

#: Where programs keep what outlives them; each gets a folder of its own in a world without a past.
_PLACES = {
    "HOME": "home",
    "TMPDIR": "tmp",
    "XDG_CACHE_HOME": "home/.cache",
    "XDG_CONFIG_HOME": "home/.config",
    "XDG_DATA_HOME": "home/.local/share",
    "XDG_STATE_HOME": "home/.local/state",
}

#: What a second attempt says nothing about.
_SETTLED = (Verdict.NOT_RUN, Verdict.BUG, Verdict.FLAKY)

Say = Callable[[str], None]


def unexpected(results: Sequence[Result], *, strict: bool = False) -> list[Result]:
    """The results that deserve a second look: first one of each deviation, then what deviates like it."""
    found = [
        each
        for each in results
        if fails(each.judgement, strict=strict)
        and each.judgement.verdict not in _SETTLED
        and not each.stopped
    ]
    seen: dict[tuple[str, str, str], int] = {}
    ranked: list[tuple[int, int, Result]] = []
    for each in found:
        key = (each.trial.implementation, each.judgement.verdict, each.judgement.signature)
        seen[key] = seen.get(key, 0) + 1
        ranked.append((seen[key], len(ranked), each))
    return [each for _, _, each in sorted(ranked, key=lambda item: item[:2])]


def look(
    session: Session, results: Sequence[Result], chosen: Sequence[Result], seconds: float, say: Say
) -> Iterator[Result]:
    """The chosen results with what a second look came to, as long as the time for it lasts.

    Args:
        session: the run, with its zygotes.
        results: all of the run, in the order in which they ended.
        chosen: which of them to look at.
        seconds: how long all of it may take; what has begun is ended.
        say: told about what is found.
    """
    until = time.monotonic() + seconds
    looker = _Looker(session, results, until)
    for number, each in enumerate(chosen):
        if time.monotonic() > until:
            say(
                f"no second look at {len(chosen) - number} of {len(chosen)} unexpected results: its {seconds:g} s are "
                "over; give it more with --second-look"
            )
            return
        found = looker.look(each)
        if found.judgement != each.judgement:
            say(f"{each.trial.id}: {found.judgement.reason}")
        yield found


class _Looker:
    """Makes the attempts that a second look takes."""

    def __init__(self, session: Session, results: Sequence[Result], until: float) -> None:
        self._session = session
        self._results = results
        self._until = until
        self._cut = False
        self._entries = {entry.id: entry for entry in catalog.read()}

    def look(self, result: Result) -> Result:
        """A result with the attempts that were made since, and what they make of it."""
        terms, first = self._terms(result.trial), result.judgement
        made = list(result.attempts) or [_attempt("in order", first, result.exit)]

        def attempt(how: str, exit_: Exit) -> Judgement:
            judged = judge(terms, [exit_])
            made.append(_attempt(how, judged, exit_))
            return judged

        by: tuple[str, ...] = ()
        with self._world() as world:
            elsewhere = attempt(FRESH_WORLD, self._alone(result.trial, world))
        if not _alike(first, elsewhere):
            second = self._alone(result.trial, {})
            here = attempt(FRESH, second)
            if not _alike(first, here) and self._session.settings.mode == "fork":
                second = self._run(self._session.isolation, result.trial, {})
                alone = attempt(ALONE, second)
            else:
                alone = here
            if not _alike(first, alone) or (_alike(first, here) and elsewhere.verdict.conforms):
                by = self._polluters(result, terms)
            first = self._conclude(terms, result, (here, alone, elsewhere), second, by)
        return dataclasses.replace(result, judgement=first, attempts=tuple(made), polluters=by)

    def _conclude(
        self,
        terms: Terms,
        result: Result,
        judged: tuple[Judgement, Judgement, Judgement],
        second: Exit,
        by: Sequence[str],
    ) -> Judgement:
        """What is judged where a fresh interpreter with an empty home did not deviate alike.

        Args:
            terms: what the trial is judged by.
            result: what is looked at.
            judged: the trial in a fresh interpreter; alone, isolated as in the run; and with an empty home.
            second: the attempt that is identical to the first but for what ran before it.
            by: the trials that it takes for the deviation.
        """
        first, (here, alone, elsewhere) = result.judgement, judged
        if by:
            return _polluted(first, by, cut=self._cut)
        if self._cut:
            return _unsearched(first)
        if _alike(first, here):
            return _haunted(first) if elsewhere.verdict.conforms else first
        if _alike(first, alone):
            return _blame_isolation(first, here)
        if self._session.settings.mode == "none":
            return _unshared(first, here)
        return judge(terms, [result.exit, second])

    def _polluters(self, result: Result, terms: Terms) -> tuple[str, ...]:
        """The trials before this one that it takes for its deviation; each set is tried in a world of its own.

        () if none of them explains it, or if the time was over before that was known: `_cut` says so.
        """
        self._cut = False
        place = next(i for i, each in enumerate(self._results) if each.trial == result.trial)
        before = [each.trial for each in self._results[:place]]
        own = [each for each in before if each.implementation == result.trial.implementation]

        def happens(trials: Sequence[Trial]) -> bool:
            if self._over():
                return False
            exit_ = self._replay([*trials, result.trial])
            return exit_ is not None and _alike(result.judgement, judge(terms, [exit_]))

        for trials in (own, before) if len(before) > len(own) else (own,):
            if trials and happens(trials):
                return tuple(each.id for each in smallest(trials, happens))
        return ()

    def _over(self) -> bool:
        """Whether the time is over: what is searched now is not searched to its end."""
        self._cut = self._cut or time.monotonic() > self._until
        return self._cut

    # attempts

    @contextlib.contextmanager
    def _world(self) -> Iterator[Mapping[str, str]]:
        """Variables that lead to empty folders, which are gone afterwards."""
        with self._folder() as folder:
            for place in _PLACES.values():
                (folder / place).mkdir(parents=True, exist_ok=True)
            yield {name: str(folder / place) for name, place in _PLACES.items()}

    def _alone(self, trial: Trial, world: Mapping[str, str]) -> Exit:
        """The trial in a fresh interpreter."""
        with self._folder() as folder:
            return self._run(Spawn(folder), trial, world)

    def _replay(self, trials: Sequence[Trial]) -> Exit | None:
        """The last of some trials, run one after the other in a world without a past, isolated as in the run."""
        with self._world() as world, self._folder() as folder:
            match self._session.settings.mode:
                case "none":
                    return self._in_one_process(trials, world, folder)
                case "spawn":
                    return self._in_order(Spawn(folder), trials, world)
            fork = Fork(folder, os.getpid())
            try:
                return self._in_order(fork, trials, world)
            finally:
                fork.close()

    def _in_order(
        self, isolation: Isolation, trials: Sequence[Trial], world: Mapping[str, str]
    ) -> Exit | None:
        """None if the time was over before the last of them."""
        for each in trials[:-1]:
            if self._over():
                return None
            self._run(isolation, each, world)
        return self._run(isolation, trials[-1], world)

    def _in_one_process(
        self, trials: Sequence[Trial], world: Mapping[str, str], folder: Path
    ) -> Exit | None:
        """None if the process ended before it came to the last of them."""
        implementation = self._implementation(trials[-1], world)
        jobs = [self._job(each, world, folder / f"c{n}") for n, each in enumerate(trials)]
        papers = [str(folder / f"{number}.answer") for number in range(len(jobs))]
        order, output = folder / "jobs", folder / "output"
        pairs = [[dataclasses.asdict(job), paper] for job, paper in zip(jobs, papers, strict=True)]
        order.write_text(json.dumps(pairs), encoding="utf-8")
        command = [interpreter(implementation), "-P", str(BOOT), "sequence", str(order)]
        with output.open("wb") as sink, contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(  # noqa: S603 - the interpreter of this very process
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=environ(implementation, folder),
                start_new_session=True,
                timeout=max(1.0, self._until - time.monotonic()) + jobs[-1].time_limit,
                check=False,
            )
            if Path(papers[-1]).exists():
                return read_exit(Path(papers[-1]), output, status=done.returncode)
        return None

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        """A folder of the run's, which is gone afterwards."""
        where = self._session.settings.folder
        with tempfile.TemporaryDirectory(dir=where, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def _run(self, isolation: Isolation, trial: Trial, world: Mapping[str, str]) -> Exit:
        with self._folder() as cache:
            job = self._job(trial, world, cache)
            return isolation.run(job, self._implementation(trial, world))

    def _job(self, trial: Trial, world: Mapping[str, str], cache: Path) -> Job:
        return self._session.job(
            *self._cell(trial), self._implementation(trial, world), cache=cache
        )

    def _implementation(self, trial: Trial, world: Mapping[str, str]) -> Implementation:
        found = self._session.implementations[trial.implementation]
        return dataclasses.replace(found, environ={**world, **found.environ})

    def _terms(self, trial: Trial) -> Terms:
        return self._session.terms(*self._cell(trial), trial.implementation)

    def _cell(self, trial: Trial) -> tuple[Entry, catalog.Variant]:
        entry = self._entries[trial.scenario]
        return entry, next(v for v in catalog.variants(entry) if v.id == trial.variant)


#: How many polluting trials a reason names.
_NAMED = 3

#: How attempts are named in records and reports.
FRESH_WORLD = "in a fresh interpreter, with an empty home"
FRESH = "in a fresh interpreter"
ALONE = "alone"


def _attempt(how: str, made: Judgement, exit_: Exit) -> Attempt:
    return Attempt(how, made.verdict, made.signature, made.reason, exit_.seconds)


def _alike(one: Judgement, other: Judgement) -> bool:
    return (one.verdict, one.signature) == (other.verdict, other.signature)


def _polluted(first: Judgement, by: Sequence[str], *, cut: bool) -> Judgement:
    """What it means that a trial deviates only after others."""
    fewer = " or some of them (the time was over, give it more with --second-look)" if cut else ""
    more = f" and {len(by) - _NAMED} more" if len(by) > _NAMED else ""
    whom = f"{' and '.join(by[:_NAMED])}{more}{fewer}"
    reason = f"conforms alone, and deviates after {whom}: {first.reason}"
    return dataclasses.replace(first, reason=reason)


def _unsearched(first: Judgement) -> Judgement:
    """What it means that the time was over before it was known which trials before this one explain it."""
    reason = (
        f"{first.reason}; not so alone or where home is empty, and what ran before it was not searched to the end: the "
        "time was over, give it more with --second-look"
    )
    return dataclasses.replace(first, reason=reason)


def _haunted(first: Judgement) -> Judgement:
    """What it means that a trial conforms only where nothing was left, and no other trial left it."""
    reason = (
        f"{first.reason}; it conforms where home, caches and temporary folder are empty, and no trial of this run "
        "explains that: look there for what an earlier run has left"
    )
    return dataclasses.replace(first, reason=reason)


def _unshared(first: Judgement, fresh: Judgement) -> Judgement:
    """What it means that a trial deviates in a process with others, and not alone in one."""
    end = fresh.reason or "it conforms"
    reason = f"{first.reason}; in a fresh interpreter: {end}, and no trials before it explain that"
    return dataclasses.replace(first, reason=reason)


def _blame_isolation(first: Judgement, fresh: Judgement) -> Judgement:
    """What it means that forked children deviate, again and again, as no fresh interpreter does."""
    if not fresh.verdict.conforms:
        reason = f"{first.reason}; in a fresh interpreter it deviates otherwise: {fresh.reason}"
        return dataclasses.replace(first, reason=reason)
    return Judgement(
        Verdict.BUG,
        f"conforms in a fresh interpreter, and deviates in forked children only ({first.reason}): judge it with "
        "`--isolation spawn`",
        promised=first.promised,
        signature="bug",
    )
