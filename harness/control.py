"""Controls: implementations that are in every run only to prove that the run can be trusted. Near side.

Knows which there are, how each must be judged, and what it means where one is not. Must not run anything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from harness.model import Implementation, Judgement, Verdict
from harness.story import Tier

#: What controls face: scenarios that need nothing, on any torch, in a module outside of the catalog.
SCENARIOS: Sequence[str] = ("control_cases/calls", "control_cases/mutation")


@dataclasses.dataclass(frozen=True, slots=True)
class Pattern:
    """How a control must be judged.

    Attributes:
        adapter: what stands for the compiler.
        verdict: what every trial of it must come to.
        tier: the tier of the promise that it must be seen to break; None for a verdict without one.
        says: what the reason must name.
        what: what the control is, in words.
    """

    adapter: str
    verdict: Verdict
    tier: Tier | None
    says: str
    what: str


PATTERNS: Mapping[str, Pattern] = {
    "uncompiled": Pattern(
        "conformance.adapters.controls:Uncompiled",
        Verdict.FELL_BACK,
        Tier.MUST,
        "ran uncompiled",
        "eager as itself",
    ),
    "always_wrong": Pattern(
        "conformance.adapters.controls:AlwaysWrong",
        Verdict.FAIL,
        Tier.MUST,
        "value of result",
        "results that are always wrong",
    ),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Control:
    """What became of one control's trial.

    Attributes:
        implementation: whose environment, device, dtype and tolerances it ran with.
        control: which control, a key of `PATTERNS`.
        scenario: the scenario's id.
        verdict: the verdict.
        reason: the judge's reason.
        met: whether it was judged as it must be.
    """

    implementation: str
    control: str
    scenario: str
    verdict: Verdict
    reason: str
    met: bool


def disguise(implementation: Implementation, control: str) -> Implementation:
    """A control in an implementation's place: its environment, device, dtype and tolerances, another compiler."""
    return dataclasses.replace(
        implementation,
        adapter=PATTERNS[control].adapter,
        backend="eager",
        options={},
        interprets=False,
        time_factor=max(1.0, implementation.time_factor),
    )


def meets(control: str, judgement: Judgement) -> bool:
    """Whether a control was judged as it must be."""
    wanted = PATTERNS[control]
    return (
        judgement.verdict is wanted.verdict
        and judgement.tier is wanted.tier
        and wanted.says in judgement.reason
    )


def to_json(control: Control) -> dict[str, Any]:
    """A control as JSON values."""
    return dataclasses.asdict(control)


def from_json(value: Mapping[str, Any]) -> Control:
    """The control that `to_json` gave.

    Raises:
        KeyError, TypeError, ValueError: the value is none.
    """
    return Control(**{**value, "verdict": Verdict(value["verdict"])})


def distrust(implementations: Sequence[str], done: Sequence[Control]) -> tuple[str, ...]:
    """Why a run of these implementations cannot be trusted, in a sentence for each control that says so."""
    ran = {(each.implementation, each.control, each.scenario) for each in done}
    missing = [
        f"{_name(name, control)} did not run {scenario}"
        for name in implementations
        for control in PATTERNS
        for scenario in SCENARIOS
        if (name, control, scenario) not in ran
    ]
    wrong = [
        f"{_name(each.implementation, each.control)} came to {each.verdict} in {each.scenario}, where "
        f"{PATTERNS[each.control].verdict} has to be seen" + (each.reason and f": {each.reason}")
        for each in done
        if not each.met
    ]
    return tuple(dict.fromkeys([*missing, *wrong]))


def _name(implementation: str, control: str) -> str:
    return f"the control {control} ({PATTERNS[control].what}) in place of {implementation}"
