"""One run as one process sees it: the implementations, the way to isolate, and the run of a trial.

Knows how catalog, isolation, judge and known entries come together. Must not know pytest.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import catalog, known, plan
from harness.catalog import Entry, Variant
from harness.condition import speaks_of
from harness.environment import IsolationError, missing_tools, profile
from harness.fork import Fork
from harness.isolate import Here, Isolation, Spawn
from harness.judge import Terms, judge
from harness.model import Exit, Implementation, Job, Known, Observation, Result
from harness.story import Story, Tier, render

MODES = ("fork", "spawn", "none")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a run was asked for; the same in every process of the run.

    Attributes:
        folder: where sockets, caches and answers are while the run lasts.
        guardian: pid of the process that began the run.
        mode: how trials are isolated.
        time_limit: seconds for one trial, before the implementation's factor.
    """

    folder: Path
    guardian: int
    mode: str
    time_limit: float


def open_folder() -> Path:
    """A new folder for one run; its path is short because Unix sockets live in it."""
    base = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="touchstone-", dir=base if len(base) < 40 else "/tmp"))  # noqa: PLR2004, S108


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
        self._serial = 0

    @cached_property
    def isolation(self) -> Isolation:
        """The way in which trials are isolated."""
        match self.settings.mode:
            case "fork":
                return Fork(self.settings.folder, self.settings.guardian)
            case "spawn":
                return Spawn(self.settings.folder)
            case _:
                return Here(self.settings.folder)

    def start(self) -> None:
        """Let the zygotes come up while other things are done.

        Raises:
            IsolationError: an interpreter does not exist.
        """
        if isinstance(self.isolation, Fork):
            for implementation in self.implementations.values():
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
            self._fingerprints[name] = self.isolation.hello(self.implementations[name])
        return self._fingerprints[name]

    def check(self) -> None:
        """Make sure that every implementation can be imported at all.

        Raises:
            IsolationError: one cannot; the message says why and what to do.
        """
        for name, implementation in self.implementations.items():
            self.fingerprint(name)
            seen = self._run_job(implementation, Job("", "", "", {}, {}, "", 120.0))
            failure = seen.observation.failure
            if failure:
                raise IsolationError(
                    f"implementation {name!r} cannot be imported: {failure.type}: "
                    f"{' '.join(failure.message.split())[:300]}; install it into "
                    f"{self.fingerprint(name)['interpreter']} or correct its profile"
                )
            if not seen.observation.ended:
                raise IsolationError(
                    f"importing implementation {name!r} ended its process ({seen.bug or seen.status}): "
                    f"{seen.output.strip().splitlines()[-1:] or 'it printed nothing'}"
                )

    def stale(self, entries: Sequence[Entry]) -> list[tuple[Known, str]]:
        """Known entries about the run's implementations that match nothing or have expired."""
        judged = list(self.implementations.values())
        today = date.today()  # noqa: DTZ011 - dates are local here
        return known.stale(self._known, plan.trials(entries, judged), judged, today)

    def versions(self, name: str) -> dict[str, str]:
        """What conditions may ask about an implementation's environment."""
        fingerprint = self.fingerprint(name)
        return {"torch": str(fingerprint["torch"]), "python": str(fingerprint["python"])}

    def story(self, entry: Entry, variant: Variant, name: str) -> Story:
        """The story that conforms in an implementation's environment."""
        return catalog.expected(entry, variant.settings, self.versions(name))[1]

    def run(self, entry: Entry, variant: Variant, name: str) -> Result:
        """Run one trial and judge it."""
        implementation = self.implementations[name]
        trial = plan.trial(entry, variant, implementation)
        versions = self.versions(name)
        condition, story = catalog.expected(entry, variant.settings, versions)
        applies = speaks_of(entry.torch, versions["torch"])
        entry_known = known.find(self._known, trial, implementation, versions)
        terms = Terms(
            story=story,
            tiers={facet: Tier(text.partition(":")[0]) for facet, text in entry.tiers.items()},
            exact=bool(entry.exact),
            unmet=tuple(need for need in entry.needs if need not in implementation.claims),
            missing=missing_tools(implementation),
            interprets=implementation.interprets,
            known=entry_known,
            applies="" if applies else f"speaks of torch{entry.torch}, this is {versions['torch']}",
        )
        exits = [self.run_job(entry, variant, implementation)] if applies else []
        return Result(
            trial=trial,
            judgement=judge(terms, exits),
            expected=render(story),
            condition=condition,
            exit=exits[0] if exits else Exit(Observation()),
            known=entry_known,
        )

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
        job = Job(
            module=entry.module,
            file=str(entry.file),
            name=entry.name,
            settings=variant.settings,
            implementation={},
            cache=str(cache or ""),
            time_limit=self.settings.time_limit * implementation.time_factor,
            hands_over=hands_over,
            order=order,
        )
        return self._run_job(implementation, job)

    def _run_job(self, implementation: Implementation, job: Job) -> Exit:
        self._serial += 1
        own = self.settings.folder / f"cache-{os.getpid()}-{self._serial}"
        job = dataclasses.replace(
            job, cache=job.cache or str(own), implementation=profile(implementation)
        )
        try:
            return self.isolation.run(job, implementation)
        finally:
            shutil.rmtree(own, ignore_errors=True)
