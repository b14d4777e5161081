"""Where mutants face scenarios: each in a process of its own, as everything that is judged. Near side.

Knows how a mutant's trial is run and compared with the healthy base's. Must not know what is kept of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from conformance.session import Session, Settings, open_folder
from harness import catalog
from harness.catalog import Entry, Variant
from harness.fork import Fork
from harness.model import Exit, Implementation, Job, Judgement, Verdict
from mutants.declared import BASE, Mutant, how, kills


class OurFaultError(Exception):
    """Touchstone itself failed in a trial, so that nothing is known of the mutant."""


class Shared:
    """Runs all mutants in children of one zygote, which has been warmed with their healthy base.

    That is quicker, and a mutant whose sin shows while it is warmed is no special case.
    """

    def __init__(self, fork: Fork, mutants: Sequence[Mutant]) -> None:
        self._fork = fork
        self._healthy = {mutant.name: mutant.healthy for mutant in mutants}

    def run(self, job: Job, implementation: Implementation) -> Exit:
        """Run one job to its end, whatever that is."""
        return self._fork.run(job, self._healthy.get(implementation.name, implementation))

    def hello(self, implementation: Implementation) -> Mapping[str, Any]:
        """The fingerprint of the environment."""
        return self._fork.hello(self._healthy.get(implementation.name, implementation))


@contextmanager
def opened(mutants: Sequence[Mutant], time_limit: float) -> Iterator[Session]:
    """A session with the healthy base and some mutants, without any known deviations."""
    settings = Settings(open_folder(), os.getpid(), "fork", time_limit)
    session = Session(settings, [BASE, *(each.implementation for each in mutants)])
    fork = Fork(settings.folder, settings.guardian)
    session.isolation = Shared(fork, mutants)
    try:
        yield session
    finally:
        fork.close()
        session.close()


def face(session: Session, mutant: Mutant | None, entry: Entry, variant: Variant) -> Judgement:
    """Run one trial of a mutant, or of the base (None), once.

    Raises:
        OurFaultError: there is no verdict on the implementation.
    """
    name = mutant.name if mutant else BASE.name
    judgement = session.run(entry, variant, name).judgement
    if judgement.verdict is Verdict.BUG:
        raise OurFaultError(f"{trial_id(entry, variant)} @ {name}: {judgement.reason}")
    return judgement


def killed(
    session: Session,
    mutant: Mutant,
    entry: Entry,
    deviations: Mapping[str, str],
    variants: int | None = None,
) -> str:
    """How a scenario kills, in the first of its variants that does; "" if none does.

    Args:
        session: where it runs.
        mutant: who faces the scenario.
        entry: the scenario.
        deviations: the trials in which the healthy base deviates, each with how: to deviate so is no sin.
        variants: how many variants are tried; None for all.
    """
    for variant in catalog.variants(entry)[:variants]:
        judgement = face(session, mutant, entry, variant)
        if kills(judgement) and judgement.signature != deviations.get(trial_id(entry, variant)):
            return how(judgement)
    return ""


def deviations_of_base(session: Session, entry: Entry) -> dict[str, str]:
    """The trials of a scenario in which the healthy base deviates, each with how."""
    found = {
        trial_id(entry, variant): face(session, None, entry, variant)
        for variant in catalog.variants(entry)
    }
    return {trial: judged.signature for trial, judged in found.items() if kills(judged)}


def trial_id(entry: Entry, variant: Variant) -> str:
    """`family/name[variant]`, as patterns and reports spell it."""
    return f"{entry.id}[{variant.id}]" if variant.id else entry.id
