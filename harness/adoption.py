"""Adoption: the known entries that make a run green, written down so that only their reasons are missing.

Knows how deviations become patterns and how a file of known entries is written. Must not judge or read files.
A pattern is as broad as it can be without speaking of a trial that does not deviate so, and no broader than
these trials need.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from itertools import combinations

from harness.known import covers
from harness.model import TODO, Known, Result, Trial, Verdict

#: How long a deviation may stay without a reason.
PATIENCE = timedelta(days=90)

REASON = f"{TODO}: why"

_HEAD = """\
# Known deviations, written by `touchstone known` from a run. Each reason is still to be found: a run with this
# file is green, and says how many are not yet explained. See conformance/known/README.md for the fields.
"""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An entry, and the results that it expects.

    Attributes:
        entry: what a file of known deviations would say.
        results: the deviations of the run that it covers, in the order of the run.
    """

    entry: Known
    results: tuple[Result, ...]


def deviates(result: Result) -> bool:
    """Whether an entry could expect what a result says: not that the implementation cannot run at all."""
    verdict = result.judgement.verdict
    settled = (Verdict.UNSUPPORTED, Verdict.XFAIL, Verdict.XPASS, Verdict.BUG, Verdict.NOT_RUN)
    return not verdict.conforms and verdict not in settled and not result.stopped


def suggest(results: Sequence[Result], universe: Iterable[Trial], today: date) -> list[Suggestion]:
    """The entries that a run lacks, one for each implementation, signature and pattern, in the order of the run.

    Args:
        results: the results of the run.
        universe: every trial that a pattern could speak of, those of the run among them.
        today: from when on the patience counts.
    """
    free = {r.trial for r in results if r.judgement.verdict is Verdict.UNSUPPORTED}
    everything = {*universe, *(result.trial for result in results)} - free
    alike: dict[tuple[str, str, bool], list[Result]] = {}
    for result in filter(deviates, results):
        flaky = result.judgement.verdict is Verdict.FLAKY
        key = (result.trial.implementation, result.judgement.signature, flaky)
        alike.setdefault(key, []).append(result)
    order = {result.trial: place for place, result in enumerate(results)}
    found = [
        Suggestion(
            Known(
                scenario=pattern,
                implementation=implementation,
                signature=signature,
                reason=REASON,
                expires=(today + PATIENCE).isoformat(),
                flaky=flaky,
            ),
            tuple(result for result in like if result.trial in covered),
        )
        for (implementation, signature, flaky), like in alike.items()
        for pattern, covered in _patterns(
            [result.trial for result in like],
            [each for each in everything if each.implementation == implementation],
        )
    ]
    return sorted(found, key=lambda each: order[each.results[0].trial])


def _patterns(
    wanted: Sequence[Trial], everything: Collection[Trial]
) -> Iterator[tuple[str, set[Trial]]]:
    """Patterns that together match all that is wanted, and nothing else of everything."""
    others = set(everything) - set(wanted)
    rest = list(wanted)
    while rest:
        best, most = "", set[Trial]()
        for pattern in _candidates(rest[0]):
            entry = Known(pattern, "", "", "")
            covered = {each for each in rest if covers(entry, each)}
            if len(covered) > len(most) and not any(covers(entry, each) for each in others):
                best, most = pattern, covered
        yield best, most
        rest = [each for each in rest if each not in most]


def _candidates(trial: Trial) -> Iterator[str]:
    """Patterns that match a trial, the narrowest first."""
    if trial.variant:
        axes = trial.variant.split(",")
        for free in range(len(axes)):
            for opened in combinations(range(len(axes)), free):
                yield f"{trial.scenario}[{','.join(_open(axes, opened))}]"
        yield f"{trial.scenario}[*]"
    else:
        yield trial.scenario
    yield f"{trial.family}/*"
    yield "*"


def _open(axes: Sequence[str], opened: Collection[int]) -> Iterator[str]:
    for place, axis in enumerate(axes):
        yield f"{axis.partition('=')[0]}=*" if place in opened else axis


def render(suggestions: Iterable[Suggestion]) -> str:
    """A file of known deviations, ready to be read by a run and completed by people."""
    return "\n".join([_HEAD, *map(_table, suggestions)])


def _table(suggestion: Suggestion) -> str:
    number = len(suggestion.results)
    first = suggestion.results[0]
    reason = " ".join(first.judgement.reason.split())[:200]
    rows = [
        f"# {number} trial{'s' if number > 1 else ''}, {first.judgement.verdict}: {_comment(reason)}",
        "[[known]]",
    ]
    for field in fields(Known):
        value = getattr(suggestion.entry, field.name)
        if value:
            rows.append(f"{field.name} = {_value(value)}")
    return "".join(f"{row}\n" for row in rows)


def _comment(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def _value(value: object) -> str:
    """A TOML value: its basic strings are JSON's but for what is escaped."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in text)
