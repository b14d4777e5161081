"""What known deviations make of a judgement: what they expect is `xfail`, what no longer deviates `xpass`.

Knows what an entry does to a judgement that was made without it. Must not judge a story or find entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.known import explains
from harness.model import Judgement, Known, Verdict

#: What stands before the deviation that a known entry expects, where another was seen.
OTHERWISE = "; the known entry expects another deviation: "


def expect(
    judgement: Judgement, known: Known | None, others: Sequence[Known] = (), message: str = ""
) -> Judgement:
    """A judgement as known deviations leave it.

    Args:
        judgement: made without them.
        known: the entry that speaks of the trial, if one does; it alone makes an `xpass`.
        others: entries that do as well: of a cause that the error's message tells, or of what other machines show.
        message: the error's, "" where there was none.
    """
    if judgement.verdict is Verdict.UNSUPPORTED:
        return judgement
    if judgement.verdict.conforms:
        if known is None or known.flaky:
            return judgement
        return replace(
            judgement,
            verdict=Verdict.XPASS,
            reason=f"listed as known ({known.reason}) but conforms: delete the entry",
        )
    flaky = judgement.verdict is Verdict.FLAKY
    found = explanation(judgement, known, others, message)
    if found:
        reason = f"{found.reason} ({judgement.reason})" if flaky else found.reason
        return replace(judgement, verdict=Verdict.XFAIL, reason=reason)
    if known is None or flaky:
        return judgement
    return replace(judgement, reason=f"{judgement.reason}{OTHERWISE}{known.signature}")


def explanation(
    judgement: Judgement, known: Known | None, others: Sequence[Known] = (), message: str = ""
) -> Known | None:
    """The first entry that expects a deviation; attempts that differ, only one that lets the deviation come and go."""
    if judgement.verdict is Verdict.FLAKY:
        return known if known and known.flaky else None
    asked = (*((known,) if known else ()), *others)
    return next((each for each in asked if explains(each, judgement.signature, message)), None)
