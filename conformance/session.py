"""One run as one process sees it: the implementations, the way to isolate, and the run of a trial.

Knows how catalog, isolation, judge and known entries come together. Must not know pytest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import catalog, known, plan, provision, values
from harness.catalog import Entry, Variant
from harness.condition import speaks_of
from harness.environment import IsolationError, check_cpu, missing_tools, profile
from harness.expectation import explanation
from harness.fork import Fork, Warmth
from harness.isolate import Here, Isolation, Spawn
from harness.judge import Terms, declared_tiers, judge
from harness.model import (
    Attempt,
    Exit,
    Failure,
    Implementation,
    Job,
    Judgement,
    Known,
    Observation,
    Result,
)
from harness.needs import OWN, unmet
from harness.story import Story, render

MODES = ("fork", "spawn", "none")

#: Seconds that importing an implementation may take.
_IMPORT_LIMIT = 120.0

#: Bytes of a temporary folder's path below which the paths of sockets in it are short enough.
_SOCKET_FOLDER = 40

#: How much of what a broken implementation printed each of its trials carries.
_OUTPUT_KEPT = 2000


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a run was asked for; the same in every process of the run.

    Attributes:
        folder: where sockets, caches and answers are while the run lasts.
        guardian: pid of the process that began the run.
        mode: how trials are isolated.
        time_limit: seconds for one trial, before the implementation's factor.
        memory_limit: bytes of memory for one trial; 0 for any number.
        repeat: how many attempts are made at each trial.
        warmth: what zygotes compile before they serve.
    """

    folder: Path
    guardian: int
    mode: str
    time_limit: float
    memory_limit: int = 0
    repeat: int = 1
    warmth: Warmth = "warm"


def open_folder() -> Path:
    """A new folder for one run; its path is short because Unix sockets live in it."""
    base = tempfile.gettempdir()
    short = len(os.fsencode(base)) < _SOCKET_FOLDER
    return Path(tempfile.mkdtemp(prefix="touchstone-", dir=base if short else "/tmp"))  # noqa: S108


class Session:
    """Runs trials.

    Args:
        settings: what the run was asked for.
        implementations: what is judged.
        entries: the known deviations.
    """

    def __init__(
        self,
        settings: Settings,
        implementations: Sequence[Implementation],
        entries: Sequence[Known] = (),
    ) -> None:
        self.settings = settings
        self.implementations = {each.name: each for each in implementations}
        self._known = entries
        self._fingerprints: dict[str, Mapping[str, Any]] = {}
        self._deviations: dict[str, tuple[Known, ...]] = {}
        self._serial = 0
        self._broken: dict[str, Exit] = {}
        self.environments: list[provision.Environment] = []

    @cached_property
    def isolation(self) -> Isolation:
        """The way in which trials are isolated."""
        match self.settings.mode:
            case "fork":
                return Fork(self.settings.folder, self.settings.guardian, self.settings.warmth)
            case "spawn":
                return Spawn(self.settings.folder)
            case _:
                return Here(self.settings.folder)

    def furnish(self, say: provision.Say) -> None:
        """Make the environments that profiles ask for; one that cannot be made breaks its implementations only."""
        failed: dict[Path, str] = {}
        for name, implementation in self.implementations.items():
            if not implementation.requires:
                continue
            folder = Path()
            try:
                folder = provision.folder_of(implementation)
                if folder not in failed:
                    self._use(provision.provision(implementation, say))
            except provision.ProvisionError as error:
                failed[folder] = str(error)
                say(str(error))
            if folder in failed:
                self._break(name, failed[folder])

    def _use(self, environment: provision.Environment) -> None:
        if environment.folder not in {each.folder for each in self.environments}:
            self.environments.append(environment)

    def start(self) -> None:
        """Let the zygotes come up while other things are done; what cannot start is found by `check`."""
        if isinstance(self.isolation, Fork):
            for name, implementation in self.implementations.items():
                if name not in self._broken:
                    with contextlib.suppress(IsolationError):
                        self.isolation.start(implementation)

    def close(self) -> None:
        """End the zygotes and delete the folder, if this process began the run."""
        fork = self.isolation
        if os.getpid() != self.settings.guardian:
            if isinstance(fork, Fork):
                fork.release()
            return
        if isinstance(fork, Fork):
            fork.close()
        shutil.rmtree(self.settings.folder, ignore_errors=True)

    def fingerprint(self, name: str) -> Mapping[str, Any]:
        """The fingerprint of an implementation's environment.

        Raises:
            IsolationError: the environment cannot run anything.
        """
        if name not in self._fingerprints:
            taken = self.isolation.hello(self.implementations[name])
            self._fingerprints[name] = {**taken, **self._costs(self.implementations[name])}
        return self._fingerprints[name]

    def _costs(self, implementation: Implementation) -> dict[str, Any]:
        made = provision.find(implementation) if implementation.requires else None
        costs = made and {"folder": str(made.folder), "bytes": made.bytes, "seconds": made.seconds}
        return {"environment": costs} if costs else {}

    def check(self) -> None:
        """Find out which implementations can run at all; the trials of the others are errors.

        Raises:
            IsolationError: none of them can; the message says why and what to do.
        """
        problems = [self.problem(name) for name in self.implementations]
        if all(problems):
            raise IsolationError("; ".join(dict.fromkeys(problems)))
        paper = json.dumps(values.to_json(self._broken))
        (self.settings.folder / "broken").write_text(paper, encoding="utf-8")

    @property
    def runnable(self) -> tuple[str, ...]:
        """The implementations that `check` has found able to run."""
        return tuple(name for name in self.implementations if name not in self._broken)

    def problem(self, name: str) -> str:
        """Why an implementation cannot run, and what to do about it; "" if it can."""
        implementation = self.implementations[name]
        if name not in self._broken:
            try:
                check_cpu(implementation, self.fingerprint(name))
            except IsolationError as error:
                self._break(name, str(error))
        if name in self._broken:
            return _sentence(name, self._broken[name], self._fingerprints[name])
        job = Job("", "", "", {}, {}, "", _IMPORT_LIMIT * implementation.time_factor)
        seen = self._run_job(implementation, job)
        if seen.bug:
            self._break(name, f"importing implementation {name!r} ended its zygote: {seen.bug}")
        elif seen.observation.failure or not seen.observation.ended:
            self._broken[name] = _shorten(seen)
        else:
            return ""
        return self.problem(name)

    def _break(self, name: str, why: str) -> None:
        failure = Failure("environment", "IsolationError", why.partition("\n")[0], why)
        self._broken[name] = Exit(Observation(failure=failure, ended=True))
        self._fingerprints.setdefault(name, {"torch": "unknown", "python": "unknown"})

    def _broken_exit(self, name: str) -> Exit | None:
        """How every trial of an implementation ends that cannot run; known to all processes of the run."""
        paper = self.settings.folder / "broken"
        if os.getpid() != self.settings.guardian and not self._broken and paper.exists():
            left = json.loads(paper.read_text(encoding="utf-8"))
            self._broken = values.from_json(dict[str, Exit], left)
        return self._broken.get(name)

    def stale(self, entries: Sequence[Entry]) -> list[tuple[Known, str]]:
        """Known entries about the run's implementations that match nothing or have expired."""
        judged = list(self.implementations.values())
        today = date.today()  # noqa: DTZ011 - dates are local here
        return known.stale(self._known, plan.trials(entries, judged), judged, today)

    def idle(self, entries: Sequence[Entry], results: Sequence[Result]) -> list[Known]:
        """Known entries of causes that nothing failed by, where all that they could speak of has run."""
        judged = list(self.implementations.values())
        return known.idle(self._known, results, plan.trials(entries, judged), judged)

    def versions(self, name: str) -> dict[str, str]:
        """What conditions may ask about an implementation's environment."""
        fingerprint = self.fingerprint(name)
        return {"torch": str(fingerprint["torch"]), "python": str(fingerprint["python"])}

    def story(self, entry: Entry, variant: Variant, name: str) -> Story:
        """The story that conforms in an implementation's environment."""
        return catalog.expected(entry, variant.settings, self.versions(name))[1]

    def run(self, entry: Entry, variant: Variant, name: str) -> Result:
        """Run one trial, as often as the run was asked for, and judge it."""
        implementation = self.implementations[name]
        broken = self._broken_exit(name)
        terms = self.terms(entry, variant, name)
        condition, _ = self._expected(entry, variant, name)
        exits: list[Exit] = []
        if not terms.applies:
            exits = [broken] if broken else self._attempt(entry, variant, implementation)
        judgement = judge(terms, exits)
        return Result(
            trial=plan.trial(entry, variant, implementation),
            judgement=judgement,
            expected=render(terms.story),
            condition=condition,
            exit=_telling(terms, exits, judgement) if exits else Exit(Observation()),
            known=_known(terms, exits, judgement),
            attempts=_attempts(terms, exits) if len(exits) > 1 else (),
        )

    def _attempt(
        self, entry: Entry, variant: Variant, implementation: Implementation
    ) -> list[Exit]:
        return [self.run_job(entry, variant, implementation) for _ in range(self.settings.repeat)]

    def terms(self, entry: Entry, variant: Variant, name: str) -> Terms:
        """What a trial is judged by."""
        implementation = self.implementations[name]
        broken = self._broken_exit(name)
        versions = {} if broken and _environment(broken) else self.versions(name)
        trial = plan.trial(entry, variant, implementation)
        deviation, others = known.find(self._speaking(name, versions), trial)
        lacking = unmet(entry.needs, implementation.claims)
        return Terms(
            story=self._expected(entry, variant, name)[1],
            tiers=declared_tiers(entry.tiers),
            exact=bool(entry.exact),
            unmet=() if broken else lacking,
            missing=() if broken else missing_tools(implementation),
            interprets=implementation.interprets,
            known=deviation,
            others=others,
            device=implementation.device,
            applies=_hindrance(entry, versions, lacking) if versions else "",
        )

    def _speaking(self, name: str, versions: Mapping[str, str]) -> tuple[Known, ...]:
        """The known deviations of an implementation; none where not even its versions are known."""
        if versions and name not in self._deviations:
            chosen = known.speaking(self._known, self.implementations[name], versions)
            self._deviations[name] = chosen
        return self._deviations.get(name, ())

    def _expected(self, entry: Entry, variant: Variant, name: str) -> tuple[str, Story]:
        """Condition and story that conform; nothing where not even the versions are known."""
        broken = self._broken_exit(name)
        if broken and _environment(broken):
            return "", ()
        return catalog.expected(entry, variant.settings, self.versions(name))

    def run_job(  # noqa: PLR0913 - what a job may be asked for
        self,
        entry: Entry,
        variant: Variant,
        implementation: Implementation,
        *,
        cache: Path | None = None,
        hands_over: str = "",
        order: str = "",
    ) -> Exit:
        """Run one trial, or the part of it that an exchange asks for; `cache` is a folder to keep afterwards."""
        job = self.job(entry, variant, implementation, cache=cache)
        return self._run_job(
            implementation, dataclasses.replace(job, hands_over=hands_over, order=order)
        )

    def job(
        self,
        entry: Entry,
        variant: Variant,
        implementation: Implementation,
        *,
        cache: Path | None = None,
    ) -> Job:
        """What the far side is told of a trial."""
        return Job(
            module=entry.module,
            file=str(entry.file),
            name=entry.name,
            settings=variant.settings,
            implementation=profile(implementation),
            cache=str(cache or ""),
            time_limit=self.settings.time_limit * implementation.time_factor,
        )

    def _run_job(self, implementation: Implementation, job: Job) -> Exit:
        self._serial += 1
        own = self.settings.folder / f"cache-{os.getpid()}-{self._serial}"
        job = dataclasses.replace(
            job,
            cache=job.cache or str(own),
            implementation=profile(implementation),
            memory_limit=self.settings.memory_limit,
        )
        try:
            return self.isolation.run(job, implementation)
        except (OSError, subprocess.SubprocessError, IsolationError) as error:
            return Exit(Observation(), None, bug=f"the trial could not be run: {error}")
        finally:
            shutil.rmtree(own, ignore_errors=True)


def _hindrance(entry: Entry, versions: Mapping[str, str], lacking: Sequence[str]) -> str:
    """Why a scenario does not speak of an implementation; "" if it does."""
    if not speaks_of(entry.torch, versions["torch"]):
        return f"speaks of torch{entry.torch}, this is {versions['torch']}"
    own = [need for need in lacking if need in OWN]
    return f"is asked only of implementations that claim {' and '.join(own)}" if own else ""


def _attempts(terms: Terms, exits: Sequence[Exit]) -> tuple[Attempt, ...]:
    """Identical attempts, each as it alone would have been judged."""
    made = [(judge(terms, [each]), each.seconds) for each in exits]
    return tuple(
        Attempt(f"attempt {number}", each.verdict, each.signature, each.reason, seconds)
        for number, (each, seconds) in enumerate(made, start=1)
    )


def _known(terms: Terms, exits: Sequence[Exit], judgement: Judgement) -> Known | None:
    """The known entry that expects what was judged, or else the one that speaks of the trial."""
    message = exits[0].message if exits else ""
    return explanation(judgement, terms.known, terms.others, message) or terms.known


def _telling(terms: Terms, exits: Sequence[Exit], judgement: Judgement) -> Exit:
    """The attempt that shows what was judged: of those that differ, one that deviates."""
    return next(
        (each for each in exits if judge(terms, [each]).signature == judgement.signature), exits[0]
    )


def _environment(broken: Exit) -> bool:
    """Whether it is the environment that is broken, so that not even its versions are known."""
    failure = broken.observation.failure
    return failure is not None and failure.phase == "environment"


def _sentence(name: str, broken: Exit, fingerprint: Mapping[str, Any]) -> str:
    """Why an implementation cannot run, and what to do about it."""
    failure = broken.observation.failure
    if failure and failure.phase == "environment":
        return failure.message
    if failure and failure.type:
        return (
            f"implementation {name!r} cannot be imported: {failure.type}: "
            f"{' '.join(failure.message.split())[:300]}; install it into "
            f"{fingerprint['interpreter']} or correct its profile"
        )
    how = "was still running at the time limit" if broken.timed_out else "ended its process"
    said = [
        each for each in broken.output.splitlines() if not each.startswith("Extension modules:")
    ]
    last = "\n".join(said).strip().splitlines()[-1:] or ["it printed nothing"]
    return f"importing implementation {name!r} {how}: {last[0]}; run the import by hand to see why"


def _shorten(exit_: Exit) -> Exit:
    """What each of many trials can carry of one failed import."""
    seen = exit_.observation
    raised = seen.failure is not None
    failure = seen.failure or Failure("import", "", "")
    failure = dataclasses.replace(failure, traceback=failure.traceback[-_OUTPUT_KEPT:])
    observation = dataclasses.replace(seen, failure=failure, ended=raised)
    return dataclasses.replace(exit_, observation=observation, output=exit_.output[-_OUTPUT_KEPT:])
