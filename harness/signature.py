"""Signatures: a deviation in words, by which a known entry can expect it. Near side.

Knows which words tell one deviation from another and do not vary from run to run. Must not judge. What binds a program
(MUST) is told whole: an entry that expects a mutation must not also hide a wrong value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from harness.model import Difference, Failure
from harness.story import TIERS, Call, Story, Tier

#: How torch tells which exception of a backend it has wrapped.
_WRAPPED = re.compile(r"raised:\s+([A-Za-z_][\w.]*):")


def binding(tier: Tier) -> Tier:
    """The tier by which a promise is counted: a documented difference binds like MUST."""
    return Tier.MUST if tier is Tier.DIVERGE else tier


def of_story(expected: Story, told: Story, worse: Iterable[Difference]) -> str:
    """Each event that deviates with the facets of its most binding tier."""
    by_event: dict[int, list[Difference]] = {}
    for each in worse:
        by_event.setdefault(each.event, []).append(each)
    return "; ".join(
        _of_event(expected, told, event, found) for event, found in sorted(by_event.items())
    )


def of_end(end: str, expected: Story, told: Story, differences: Iterable[Difference]) -> str:
    """How a trial ended before its story did, and the MUST promises that it had broken until then."""
    until = len(told) - 1 if raised(told) else len(told)
    broken = [
        each
        for each in differences
        if each.event < until and not each.better and binding(each.tier) is Tier.MUST
    ]
    return "; ".join(part for part in (end, of_story(expected, told, broken)) if part)


def of_failure(failure: Failure) -> str:
    """The type of an exception, and of the one that torch wraps in it."""
    wrapped = _WRAPPED.search(failure.message)
    if failure.type.endswith("BackendCompilerFailed") and wrapped:
        return f"{failure.type} from {wrapped[1]}"
    return failure.type


def raised(told: Story) -> bool:
    """Whether the last event of a story is a call that raised."""
    return bool(told) and isinstance(told[-1], Call) and told[-1].outcome.startswith("raises ")


def place(expected: Story, told: Story, position: int) -> str:
    """How an event is called: calls by their number, others by their position in the longer story."""
    event = (told if position < len(told) else expected)[position]
    return f"call {event.number}" if isinstance(event, Call) else f"event {position + 1}"


def _of_event(expected: Story, told: Story, position: int, found: Sequence[Difference]) -> str:
    where = place(expected, told, position)
    if position >= len(told):
        return f"{where} is missing"
    best = min((binding(each.tier) for each in found), key=TIERS.index)
    words = [each.told or f"lacks {each.expected}" for each in found if binding(each.tier) is best]
    return f"{where} {', '.join(words)}"
