"""The numbers of a record: what was promised, kept and applicable, by family, implementation and tier.

Knows how results are counted. Must not format anything. Counting iterates over the plan, so that a trial
without a result is seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.condition import read_condition
from harness.judge import Terms, declared_tiers, fails, judge
from harness.model import Exit, Judgement, Observation, Result, Trial, Verdict
from harness.record import Record
from harness.story import TIERS, Tier, parse, render


@dataclass(frozen=True, slots=True)
class Count:
    """How many trials kept their promises of one tier, had to, and were planned with such promises."""

    passed: int = 0
    applicable: int = 0
    total: int = 0

    def __str__(self) -> str:
        return f"{self.passed}/{self.applicable}/{self.total}"


def results(record: Record) -> list[Result]:
    """One result for each planned trial, in the order of the plan; `not_run` where the record has none."""
    found = {result.trial: result for result in record.results}
    return [found.get(trial) or _missing(record, trial) for trial in record.planned]


def _missing(record: Record, trial: Trial) -> Result:
    try:
        condition, story = _expected(record, trial)
        own = declared_tiers(record.header["scenarios"][trial.scenario]["tiers"])
        terms = Terms(parse(story), own)
    except (KeyError, ValueError):  # a foreign header is no reason to lose the row
        condition, terms = "", Terms(())
    return Result(trial, judge(terms, []), render(terms.story), condition, Exit(Observation()))


def _expected(record: Record, trial: Trial) -> tuple[str, str]:
    """Condition and story that conform, from the header alone."""
    scenario = record.header["scenarios"][trial.scenario]
    versions = record.header["implementations"][trial.implementation]["fingerprint"]
    settings = dict(each.split("=", 1) for each in trial.variant.split(",") if "=" in each)
    for each in scenario["stories"]:
        if read_condition(each["condition"]).holds(settings, versions):
            return each["condition"], each["story"]
    raise KeyError(trial.variant)


def families(record: Record) -> list[str]:
    """The families of the plan, in the order of the catalog, whatever order they ran in."""
    return sorted({trial.family for trial in record.planned})


def implementations(record: Record) -> list[str]:
    """The implementations of the run, in the order in which they were asked for."""
    return list(record.header["implementations"])


def count(results: Iterable[Result]) -> Mapping[Tier, Count]:
    """The counts by tier; a tier without any promise is left out."""
    counts: dict[Tier, Count] = {}
    for result in results:
        made = result.judgement
        for tier in made.promised or _unknown(made):
            old = counts.get(tier, Count())
            counts[tier] = Count(
                old.passed + (tier in made.kept and made.verdict.applicable),
                old.applicable + made.verdict.applicable,
                old.total + 1,
            )
    return {tier: counts[tier] for tier in TIERS if tier in counts}


@dataclass(frozen=True, slots=True)
class Total:
    """One implementation over all families.

    Attributes:
        name: of the implementation.
        counts: by tier.
        known: how many trials deviate as is known.
        unexpected: how many trials fail the run.
    """

    name: str
    counts: Mapping[Tier, Count]
    known: int
    unexpected: int


def totals(record: Record) -> list[Total]:
    """All implementations of the run, in the order in which they were asked for."""
    own: dict[str, list[Result]] = {name: [] for name in implementations(record)}
    for result in results(record):
        own[result.trial.implementation].append(result)
    return [
        Total(
            name,
            count(found),
            sum(each.judgement.verdict is Verdict.XFAIL for each in found),
            sum(fails(each.judgement) for each in found),
        )
        for name, found in own.items()
    ]


def _unknown(judgement: Judgement) -> tuple[Tier, ...]:
    """A trial whose promises are not known still counts: as one that had to keep values right."""
    return () if judgement.promised else (Tier.MUST,)


def deviations(record: Record) -> list[Result]:
    """The planned trials that do not conform, the worst first."""
    order = list(Verdict)
    found = [r for r in results(record) if not r.judgement.verdict.conforms]
    found = [r for r in found if r.judgement.verdict is not Verdict.UNSUPPORTED]
    return sorted(found, key=lambda r: -order.index(r.judgement.verdict))


def split(found: Iterable[Result]) -> tuple[dict[str, list[Result]], list[Result]]:
    """The results of implementations that could not run at all, by implementation; and the others."""
    stopped: dict[str, list[Result]] = {}
    others: list[Result] = []
    for result in found:
        if result.stopped:
            stopped.setdefault(result.trial.implementation, []).append(result)
        else:
            others.append(result)
    return stopped, others


def unsupported(record: Record) -> list[tuple[str, str, int]]:
    """Implementation, reason and number of the trials that are not applicable; of each implementation the most first.

    How those ended that were run all the same is left out: it is told trial by trial.
    """
    found = Counter(
        (result.trial.implementation, result.judgement.reason.partition("; run all the same")[0])
        for result in results(record)
        if result.judgement.verdict is Verdict.UNSUPPORTED
    )
    order = implementations(record)
    ranked = sorted(found.items(), key=lambda each: (order.index(each[0][0]), -each[1]))
    return [(name, reason, number) for (name, reason), number in ranked]


def trials(number: int) -> str:
    """A number of trials, as a sentence has it."""
    return "1 trial" if number == 1 else f"{number} trials"


def unexplained(record: Record) -> list[Result]:
    """The trials that deviate as a known entry says whose reason nobody has found so far."""
    return [each for each in record.results if _expected_blindly(each)]


def _expected_blindly(result: Result) -> bool:
    known = result.known
    return result.judgement.verdict is Verdict.XFAIL and known is not None and not known.explained


def failing(record: Record) -> list[Result]:
    """The planned trials that fail the run."""
    return [result for result in results(record) if fails(result.judgement)]
