"""The exchange of artefacts between environments, carried out.

Knows how a scenario is begun in one environment and ended in another. What that means is `harness.exchange`'s.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence

from conformance.session import Session
from harness import catalog
from harness.catalog import Entry, Variant
from harness.exchange import Outcome, Pair, exchanges, judge_pair, split
from harness.model import Exit, Implementation
from harness.story import lines

Tell = Callable[[Pair], None]


def exchange(session: Session, entries: Sequence[Entry], tell: Tell) -> list[Pair]:
    """Every pair of the session's environments with every scenario that saves and loads; `tell` hears of each."""
    pairs: list[Pair] = []
    for entry in filter(exchanges, entries):
        for variant in catalog.variants(entry):
            for producer in session.implementations.values():
                for pair in _from(session, entry, variant, producer):
                    tell(pair)
                    pairs.append(pair)
    return pairs


def _from(session: Session, entry: Entry, variant: Variant, producer: Implementation) -> list[Pair]:
    folder = session.settings.folder / "exchange"
    folder.mkdir()
    order = folder / "order"
    try:
        made = session.run_job(entry, variant, producer, cache=folder, hands_over=str(order))
        before, _ = split(session.story(entry, variant, producer.name))
        whole = lines(made.observation.story) == lines(before)
        pairs = []
        for consumer in session.implementations.values():
            if whole and order.exists():
                told = session.run_job(entry, variant, consumer, order=str(order))
                _, after = split(session.story(entry, variant, consumer.name))
                outcome, reason = judge_pair(after, told)
            else:
                outcome, reason = Outcome.NOT_MADE, _why(made)
            pairs.append(Pair(entry.id, variant.id, producer.name, consumer.name, outcome, reason))
        return pairs
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _why(made: Exit) -> str:
    told = lines(made.observation.story)
    return (
        made.bug or made.observation.bug.strip()[-300:] or (told[-1] if told else "it told nothing")
    )
