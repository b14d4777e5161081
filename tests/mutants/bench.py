"""Where mutants face scenarios: each in a process of its own, as everything that is judged. Near side."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from mutants.declared import BASE, Mutant, how, kills

from conformance.session import Session, Settings, open_folder
from harness import catalog
from harness.catalog import Entry, Variant
from harness.model import Judgement

@contextmanager
def opened(mutants: Sequence[Mutant], time_limit: float) -> Iterator[Session]:
    """A session with the healthy base and some mutants, without any known deviations."""
    settings = Settings(open_folder(), os.getpid(), "fork", time_limit)
    session = Session(settings, [BASE, *(each.implementation for each in mutants)])
    try:
        yield session
    finally:
        session.close()


def face(session: Session, mutant: Mutant | None, entry: Entry, variant: Variant) -> Judgement:
    """Run one trial of a mutant, or of the base (None), once."""
    name = mutant.name if mutant else BASE.name
    return session.run(entry, variant, name).judgement


def killed(
    session: Session, mutant: Mutant, entry: Entry, deviations: Mapping[str, str]
) -> str:
    """How a scenario kills, in the first of its variants that does; "" if none does.

    Args:
        session: where it runs.
        mutant: who faces the scenario.
        entry: the scenario.
        deviations: the trials in which the healthy base deviates, each with how: to deviate so is no sin.
    """
    for variant in catalog.variants(entry):
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
