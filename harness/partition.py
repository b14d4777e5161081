"""Partitions: the conditions that keep different stories apart, as few and as plain as can be.

Knows axes, versions and how a condition is written. Must not know where the stories come from or go to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations, groupby, pairwise

from packaging.version import Version

from harness.condition import OTHERWISE, ConditionError, read_condition, release

Pairs = list[tuple[str, str]]


class PartitionError(Exception):
    """No conditions that people would write keep the stories apart; the message says why."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What one variant, its settings as text, tells with one set of versions."""

    settings: Mapping[str, str]
    versions: Mapping[str, str]
    text: str

    @property
    def release(self) -> Version:
        """The release of torch; a nightly counts as the release that it leads to."""
        return release(self.versions.get("torch", "0"))


def partition(within: str, tellings: Sequence[Telling], old: str) -> Pairs:
    """Condition and text of each story, in the order in which they are tried.

    The last has the condition `within`, which all tellings meet. Where some still tell the old text, that is the
    last; else it is the one that makes the conditions plainest, then the most frequent, then the newest and last.

    Raises:
        PartitionError: a version stands between two that agree, or no condition can be written.
    """
    _check_runs(tellings)
    oldest_first = sorted(tellings, key=lambda each: each.release)
    texts = list(dict.fromkeys(each.text for each in reversed(oldest_first)))
    plans: list[Pairs] = []
    for last in [old] if old in texts else [*texts, None]:
        with suppress(PartitionError):
            plans.append(_peel(within, tellings, last))
    if not plans:
        raise PartitionError(
            "no condition keeps its variants apart; give the axes values without commas, bars and "
            "comparison signs"
        )
    return min(plans, key=lambda pairs: _weigh(pairs, tellings))


def _check_runs(tellings: Sequence[Telling]) -> None:
    by_variant: defaultdict[str, list[Telling]] = defaultdict(list)
    for each in sorted(tellings, key=lambda each: each.release):
        by_variant[str(each.settings)].append(each)
    for mine in by_variant.values():
        runs = [(text, list(run)) for text, run in groupby(mine, key=lambda each: each.text)]
        for before, (_, between), after in zip(runs, runs[1:], runs[2:], strict=False):
            if before[0] == after[0]:
                raise PartitionError(
                    f"torch {between[0].release} tells another story than torch {before[1][-1].release} and "
                    f"torch {after[1][0].release}, which agree; find out why, and write the condition by hand "
                    "if that is the contract"
                )


def _weigh(pairs: Pairs, tellings: Sequence[Telling]) -> tuple[int, int]:
    clauses = sum(condition.count(",") + 1 for condition, _ in pairs[:-1])
    return clauses + len(pairs), -sum(each.text == pairs[-1][1] for each in tellings)


def _peel(within: str, tellings: Sequence[Telling], last: str | None) -> Pairs:
    """Take off what one condition names, until one text is left: `last`, or whichever that is."""
    pairs: Pairs = []
    rest = list(tellings)
    bounds = list(_bounds(tellings))
    while len({each.text for each in rest}) > 1:
        condition = _plainest(within, rest, bounds, last)
        named = _named(condition, rest)
        pairs.append((condition, named[0].text))
        rest = [each for each in rest if each not in named]
    return [*pairs, (within, rest[0].text)]


def _plainest(within: str, rest: Sequence[Telling], bounds: Sequence[str], last: str | None) -> str:
    """The condition with the fewest clauses that names tellings of one text only, and most of them.

    Raises:
        PartitionError: there is none.
    """
    for clauses in range(1, len(rest[0].settings) + 2):
        found = [
            _widen(within, rest, settings, bound)
            for each in rest
            if each.text != last
            for settings, bound in _descriptions(each, bounds, clauses)
            if _agree(narrow(within, settings, bound), each, rest)
        ]
        if found:
            return max(found, key=lambda condition: len(_named(condition, rest)))
    raise PartitionError("a value of an axis cannot stand in a condition")


def _descriptions(
    telling: Telling, bounds: Sequence[str], clauses: int
) -> Iterator[tuple[Mapping[str, tuple[str, ...]], str]]:
    """Everything that can be said of a telling with so many clauses: settings of axes, and a version clause."""
    for bound in (*bounds, ""):
        for axes in combinations(telling.settings, clauses - bool(bound)):
            yield {axis: (telling.settings[axis],) for axis in axes}, bound


def _widen(
    within: str, rest: Sequence[Telling], settings: Mapping[str, tuple[str, ...]], bound: str
) -> str:
    """The condition with as many further values of its axes as tell the same."""
    condition = narrow(within, settings, bound)
    for axis in settings:
        for value in dict.fromkeys(each.settings[axis] for each in rest):
            wider = {**settings, axis: (*settings[axis], value)}
            named = _named(narrow(within, wider, bound), rest)
            fewer = _named(condition, rest)
            if len(named) > len(fewer) and len({each.text for each in named}) == 1:
                settings, condition = wider, narrow(within, wider, bound)
    return condition


def _agree(condition: str, telling: Telling, rest: Sequence[Telling]) -> bool:
    named = _named(condition, rest)
    return telling in named and {each.text for each in named} == {telling.text}


def _named(condition: str, tellings: Sequence[Telling]) -> list[Telling]:
    try:
        stated = read_condition(condition)
    except ConditionError:
        return []
    return [each for each in tellings if stated.holds(each.settings, each.versions)]


def _bounds(tellings: Sequence[Telling]) -> Iterator[str]:
    """The version clauses that tell the releases apart; a minor release where that is precise enough."""
    for below, above in pairwise(sorted({each.release for each in tellings})):
        minor = f"{above.major}.{above.minor}"
        bound = minor if Version(minor) > below else str(above)
        yield f"torch<{bound}"
        yield f"torch>={bound}"


def narrow(condition: str, settings: Mapping[str, tuple[str, ...]], bound: str = "") -> str:
    """The condition with these settings, and with a version clause that implies its own of that direction."""
    clauses = [] if condition in ("", OTHERWISE) else condition.split(",")
    stated = {**read_condition(condition).settings, **settings}
    versions = [
        each.strip()
        for each in clauses
        if each.partition("=")[0].strip() not in stated
        and not (bound and each.strip().startswith(bound.rstrip("=.0123456789")))
    ]
    values = [f"{axis}={'|'.join(accepted)}" for axis, accepted in stated.items()]
    return ", ".join([*values, *versions, *([bound] if bound else [])])
