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
    judgement: Judgement, known: Known | None, causes: Sequence[Known] = (), message: str = ""
) -> Judgement:
    """A judgement as known deviations leave it.

    Args:
        judgement: made without them.
        known: the entry that speaks of the trial, if one does.
        causes: entries that speak of every trial that fails by one cause, told by the error's message.
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
    found = explanation(judgement, known, causes, message)
    if found:
        return replace(judgement, verdict=Verdict.XFAIL, reason=found.reason)
    if known is None:
        return judgement
    return replace(judgement, reason=f"{judgement.reason}{OTHERWISE}{known.signature}")


def explanation(
    judgement: Judgement, known: Known | None, causes: Sequence[Known] = (), message: str = ""
) -> Known | None:
    """The first entry that expects a deviation, the one that speaks of the trial before those of causes."""
    asked = (*((known,) if known else ()), *causes)
    return next((each for each in asked if explains(each, judgement.signature, message)), None)
