"""What implementations claim, next to what their trials show.

Knows how a need is confirmed or contradicted by results. Must not format anything; it is a function of a record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.judge import NOT_CLAIMED
from harness.model import Result, Verdict
from harness.needs import NEEDS
from harness.record import Record
from reports import table


class Standing(StrEnum):
    """How a claim, or the lack of one, stands after the trials that need it."""

    CONFIRMED = "confirmed"
    PARTLY = "claimed, fails in part"
    CONTRADICTED = "claimed, but fails"
    UNTESTED = "claimed, untested"
    OFFERED = "not claimed, but passes"
    ABSENT = "not claimed"


@dataclass(frozen=True, slots=True)
class Claim:
    """One need of one implementation.

    Attributes:
        implementation: its name.
        need: one of the closed list.
        claimed: whether its profile claims it.
        kept: how many of the trials that need it conform.
        trials: how many trials that need it say anything about it.
    """

    implementation: str
    need: str
    claimed: bool
    kept: int
    trials: int

    @property
    def standing(self) -> Standing:
        """How the claim stands; a need that is not claimed is offered if all of its trials conform."""
        if not self.claimed:
            return Standing.OFFERED if self.kept == self.trials > 0 else Standing.ABSENT
        if not self.trials:
            return Standing.UNTESTED
        if self.kept == self.trials:
            return Standing.CONFIRMED
        return Standing.PARTLY if self.kept else Standing.CONTRADICTED


def claims(record: Record) -> list[Claim]:
    """Every need of the record's scenarios for each of its implementations, in the order of both lists."""
    scenarios, profiles = record.header.get("scenarios", {}), record.header["implementations"]
    return tally(
        table.results(record),
        {each: scenario.get("needs", []) for each, scenario in scenarios.items()},
        {name: each.get("profile", {}).get("claims", []) for name, each in profiles.items()},
    )


def by_need(record: Record) -> list[tuple[str, str, list[Claim | None]]]:
    """Each need with its meaning and the claim of each implementation; None where it could not run."""
    found = {(each.need, each.implementation): each for each in claims(record)}
    names = table.implementations(record)
    return [
        (need, NEEDS.get(need, ""), [found.get((need, name)) for name in names])
        for need in dict.fromkeys(need for need, _ in found)
    ]


def tally(
    results: Sequence[Result],
    needs: Mapping[str, Sequence[str]],
    claimed: Mapping[str, Sequence[str]],
) -> list[Claim]:
    """The claims of some implementations.

    Args:
        results: what their trials came to.
        needs: what each scenario needs, by id.
        claimed: what each implementation claims, by name.
    """
    stopped, _ = table.split(results)
    used = {need for each in needs.values() for need in each}
    listed = [*(need for need in NEEDS if need in used), *sorted(used - set(NEEDS))]
    return [
        _claim(name, need, own, (r for r in results if need in needs.get(r.trial.scenario, ())))
        for need in listed
        for name, own in claimed.items()
        if name not in stopped
    ]


def _claim(name: str, need: str, own: Sequence[str], results: Iterable[Result]) -> Claim:
    said = [r for r in results if r.trial.implementation == name and _speaks(r, need, own)]
    kept = sum(result.judgement.verdict.conforms for result in said)
    return Claim(name, need, need in own, kept, len(said))


def _speaks(result: Result, need: str, own: Sequence[str]) -> bool:
    """Whether a result says anything about a need: not if it lacked something else, or never came about."""
    made = result.judgement
    if made.verdict in (Verdict.BUG, Verdict.NOT_RUN):
        return False
    return made.verdict is not Verdict.UNSUPPORTED or (
        need not in own and NOT_CLAIMED in made.reason
    )
