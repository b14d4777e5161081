"""The certificate of determinism: that trials told the same story under every condition, or which did not.

Knows how the records of one plan, made under different conditions, are held against each other. Must not run
anything, and compares stories, verdicts and signatures only: evidence may differ from run to run.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from harness.model import Result, Trial
from harness.record import Record, RecordError
from harness.story import lines

#: What stands for a trial without a result, and for an event that a shorter story lacks.
NOTHING = "nothing"


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """The circumstances of one run that must not matter.

    Attributes:
        name: what commands and certificates call it.
        what: its circumstances in words.
        environ: variables of all its processes, on both sides.
        shuffle: seed of the order of its trials; None for the catalog's order.
        isolation: how its trials are isolated.
        modules: what implementations import beside their own modules.
    """

    name: str
    what: str
    environ: Mapping[str, str] = dataclasses.field(default_factory=dict)
    shuffle: int | None = None
    isolation: str = "fork"
    modules: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Deviation:
    """A trial that was not the same under all conditions.

    Attributes:
        trial: which one.
        facet: what differs first: `event N` of the story, from 1, or `verdict`, or `signature`.
        told: each text to the names of the conditions under which it was told.
    """

    trial: Trial
    facet: str
    told: Mapping[str, tuple[str, ...]]

    def __str__(self) -> str:
        told = "; ".join(f"{', '.join(names)}: {text}" for text, names in self.told.items())
        return f"{self.trial.id}: {self.facet} differs: {told}"


@dataclasses.dataclass(frozen=True, slots=True)
class Certificate:
    """What the runs under all conditions come to.

    Attributes:
        trials: how many trials were held against each other.
        digests: for each condition, a fingerprint of every trial's verdict, signature and story: equal where all is.
        deviations: the trials that differ, in the order of the plan.
    """

    trials: int
    digests: Mapping[str, str]
    deviations: tuple[Deviation, ...]

    def __str__(self) -> str:
        under = f"under {len(self.digests)} conditions ({', '.join(self.digests)})"
        if not self.deviations:
            return f"{_trials(self.trials)} told the same story {under}"
        return (
            f"{len(self.deviations)} of {_trials(self.trials)} did not tell the same story {under}"
        )


def _trials(number: int) -> str:
    return f"{number} trial{'s' if number != 1 else ''}"


def certify(runs: Mapping[str, Record]) -> Certificate:
    """What records of one plan, by the name of their condition, come to.

    Raises:
        RecordError: they are not of one plan and one catalog.
    """
    first, *others = runs
    for other in others:
        for key in "suite", "plan_digest":
            if runs[other].header[key] != runs[first].header[key]:
                raise RecordError(
                    f"the runs under the conditions {first!r} and {other!r} are not of the same scenarios; "
                    "leave the catalog as it is while a certificate is made, and begin again"
                )
    found = {name: {r.trial: r for r in record.results} for name, record in runs.items()}
    planned = runs[first].planned
    deviations = [
        deviation
        for trial in planned
        if (deviation := _compare(trial, {name: of.get(trial) for name, of in found.items()}))
    ]
    digests = {name: _digest(planned, of) for name, of in found.items()}
    return Certificate(len(planned), digests, tuple(deviations))


def _compare(trial: Trial, results: Mapping[str, Result | None]) -> Deviation | None:
    """How one trial differs, by its first event that does, or else by verdict or signature."""
    stories = {name: _story(result) for name, result in results.items()}
    for number, event in enumerate(zip_longest(*stories.values(), fillvalue=NOTHING), start=1):
        if len(set(event)) > 1:
            return _deviation(trial, f"event {number}", dict(zip(results, event, strict=True)))
    for facet in "verdict", "signature":
        texts = {name: _judged(result, facet) for name, result in results.items()}
        if len(set(texts.values())) > 1:
            return _deviation(trial, facet, texts)
    return None


def _deviation(trial: Trial, facet: str, texts: Mapping[str, str]) -> Deviation:
    told: dict[str, tuple[str, ...]] = {}
    for name, text in texts.items():
        told[text] = (*told.get(text, ()), name)
    return Deviation(trial, facet, told)


def _story(result: Result | None) -> list[str]:
    return lines(result.exit.observation.story) if result else []


def _judged(result: Result | None, facet: str) -> str:
    return str(getattr(result.judgement, facet)) if result else NOTHING


def _digest(planned: Sequence[Trial], results: Mapping[Trial, Result]) -> str:
    told = sorted(
        (trial.id, *(_judged(found, each) for each in ("verdict", "signature")), *_story(found))
        for trial in planned
        for found in [results.get(trial)]
    )
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def to_json(
    certificate: Certificate, conditions: Sequence[Condition], runs: Mapping[str, Record]
) -> dict[str, Any]:
    """The certificate as JSON values, with the conditions and environments that it speaks of."""
    header = next(iter(runs.values())).header
    return {
        "certificate": 1,
        "same": not certificate.deviations,
        "trials": certificate.trials,
        "suite": header["suite"],
        "plan_digest": header["plan_digest"],
        "implementations": {
            name: each["fingerprint"] for name, each in header["implementations"].items()
        },
        "conditions": [
            {
                **dataclasses.asdict(each),
                "stories": certificate.digests[each.name],
                "verdicts": dict(
                    sorted(Counter(r.judgement.verdict for r in runs[each.name].results).items())
                ),
                "started": runs[each.name].header["started"],
                "seconds": runs[each.name].footer["seconds"],
            }
            for each in conditions
        ],
        "deviations": [
            {
                "trial": dataclasses.asdict(each.trial),
                "facet": each.facet,
                "told": [{"text": text, "conditions": names} for text, names in each.told.items()],
            }
            for each in certificate.deviations
        ],
    }
