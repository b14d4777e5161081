"""Shards: the parts of a plan that run in different places and together are the plan.

Knows how a plan is split, in the same way wherever that is done. Must not run anything.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from harness.model import Trial
from harness.record import Record

#: Seconds that every trial costs at least: so many that even trials that took no time are spread.
_LEAST = 0.05


class ShardError(Exception):
    """What was given is no shard; the message says how one is written."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of a plan.

    Attributes:
        number: which part it is, from 1.
        of: how many parts there are.
    """

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def read_shard(text: str) -> Shard:
    """The shard that `number/of` means.

    Raises:
        ShardError: it means none.
    """
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not 1 <= shard.number <= shard.of:
        raise ShardError(f"{text!r} is no shard; give its number and how many there are, as in 1/3")
    return shard


def durations(record: Record) -> dict[Trial, float]:
    """How long each trial of a record took, in seconds."""
    return {result.trial: result.exit.seconds for result in record.results}


def split(
    planned: Sequence[Trial], of: int, took: Mapping[Trial, float]
) -> tuple[tuple[Trial, ...], ...]:
    """The shards of a plan, each in the order of the plan; which trial is in which does not depend on that order.

    The longest trial comes first, and each goes where there is least to do so far. One whose duration is not
    known counts as the median of the others. Equals are dealt by a hash of their ids, because neighbours in
    the catalog are of one kind.
    """
    known = [took[trial] for trial in planned if trial in took]
    usual = median(known) if known else _LEAST
    costs = {trial: max(took.get(trial, usual), _LEAST) for trial in planned}
    loads = [(0.0, number) for number in range(of)]
    place: dict[Trial, int] = {}
    for trial in sorted(costs, key=lambda each: (-costs[each], _hash(each), each.id)):
        load, place[trial] = loads[0]
        heapq.heapreplace(loads, (load + costs[trial], place[trial]))
    return tuple(
        tuple(trial for trial in planned if place[trial] == number) for number in range(of)
    )


def _hash(trial: Trial) -> str:
    return hashlib.sha256(trial.id.encode()).hexdigest()
