"""The exchange of artefacts between environments, carried out.

Knows how a scenario is begun in one environment and ended in another. What that means is `harness.exchange`'s.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence

from conformance.session import Session
from harness import plan
from harness.catalog import Entry, Variant
from harness.exchange import Outcome, Pair, exchanges, judge_pair, split
from harness.model import Exit, Implementation
from harness.story import lines

Tell = Callable[[Pair], None]


def cases(entries: Iterable[Entry], select: Sequence[str] = ()) -> list[tuple[Entry, Variant]]:
    """Every variant of every scenario that saves and loads, if `select` names it or is empty."""
    return plan.select(filter(exchanges, entries), select)


def exchange(
    session: Session,
    chosen: Iterable[tuple[Entry, Variant]],
    judged: Sequence[Implementation],
    tell: Tell,
) -> list[Pair]:
    """Every pair of implementations of the session with every chosen variant; `tell` hears of each."""
    pairs: list[Pair] = []
    for entry, variant in chosen:
        for producer in judged:
            for pair in _from(session, entry, variant, producer, judged):
                tell(pair)
                pairs.append(pair)
    return pairs


def _from(
    session: Session,
    entry: Entry,
    variant: Variant,
    producer: Implementation,
    consumers: Sequence[Implementation],
) -> list[Pair]:
    folder = session.settings.folder / "exchange"
    folder.mkdir()
    order = folder / "order"
    try:
        made = session.run_job(entry, variant, producer, cache=folder, hands_over=str(order))
        before, _ = split(session.story(entry, variant, producer.name))
        whole = lines(made.observation.story) == lines(before)
        pairs = []
        for consumer in consumers:
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
    """Why an artefact was not made, in one line."""
    seen = made.observation
    if made.bug or seen.bug:
        return made.bug or seen.bug.strip()[-300:]
    if seen.failure:
        return " ".join(f"{seen.failure.type}: {seen.failure.message}".split())[:300]
    told = lines(seen.story)
    return told[-1] if told else "it told nothing"
