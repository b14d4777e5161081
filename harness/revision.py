"""Revision: what the results of a record come to under the known deviations of today.

Knows what of a judgement known deviations have made, and what was there before. Must not run, read or write
anything, and must not change what was told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from harness import known
from harness.expectation import OTHERWISE, expect, explanation
from harness.judge import Terms, declared_tiers, judge
from harness.merge import parts
from harness.model import Implementation, Judgement, Known, Result, Verdict
from harness.needs import unmet
from harness.record import Record
from harness.story import parse

#: What only a known entry can make of a judgement.
_EXPECTED = (Verdict.XFAIL, Verdict.XPASS)


def revise(
    record: Record,
    implementations: Sequence[Implementation],
    given: Sequence[Known],
    shipped: Sequence[Known],
) -> Record:
    """A record as its run would have left it with other known deviations.

    Args:
        record: a whole one.
        implementations: those of the record.
        given: entries that are asked first; the header has them afterwards.
        shipped: the entries of the suite.
    """
    entries = (*given, *shipped)
    named = {each.name: each for each in implementations}
    speaking = {each.name: _speaking(record.header, entries, each) for each in implementations}
    results = tuple(
        _revised(
            record.header,
            speaking[each.trial.implementation],
            named[each.trial.implementation],
            each,
        )
        for each in record.results
    )
    verdicts = Counter(str(each.judgement.verdict) for each in results)
    return Record(
        {
            **record.header,
            "known": [asdict(each) for each in given],
            "parts": parts(record.header),
        },
        results,
        {**record.footer, "verdicts": dict(sorted(verdicts.items()))},
    )


def _speaking(
    header: Mapping[str, Any], entries: Sequence[Known], implementation: Implementation
) -> tuple[Known, ...]:
    fingerprint = header["implementations"][implementation.name]["fingerprint"]
    versions = {name: str(fingerprint[name]) for name in ("torch", "python")}
    return known.speaking(entries, implementation, versions)


def _revised(
    header: Mapping[str, Any],
    entries: Sequence[Known],
    implementation: Implementation,
    result: Result,
) -> Result:
    own, others = known.find(entries, result.trial)
    message = result.exit.message
    bare = _bare(header, implementation, result)
    if bare is None:
        return result
    made = expect(bare, own, others, message)
    return replace(result, judgement=made, known=explanation(bare, own, others, message) or own)


def _bare(
    header: Mapping[str, Any], implementation: Implementation, result: Result
) -> Judgement | None:
    """The judgement without known deviations; None where they say nothing, or its attempts are not all kept."""
    made = result.judgement
    if result.stopped or made.verdict in (Verdict.NOT_RUN, Verdict.BUG):
        return None
    if made.verdict not in _EXPECTED:
        return replace(made, reason=made.reason.partition(OTHERWISE)[0])
    if result.attempts:
        return None
    scenario = header["scenarios"][result.trial.scenario]
    terms = Terms(
        story=parse(result.expected),
        tiers=declared_tiers(scenario["tiers"]),
        exact=bool(scenario["exact"]),
        unmet=unmet(scenario["needs"], implementation.claims),
        interprets=implementation.interprets,
        device=implementation.device,
    )
    return judge(terms, [result.exit])
