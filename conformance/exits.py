"""Exit codes of the command, as docs/exit-codes.md explains them."""

from __future__ import annotations

from harness.judge import fails
from harness.model import Verdict
from harness.record import Record

OK, BROKEN, INTERRUPTED, BUG, USAGE, EMPTY = 0, 1, 2, 3, 4, 5


def of_record(record: Record, *, strict: bool) -> int:
    """The code that a record comes to; `strict` counts MAY promises and improvements too."""
    verdicts = [result.judgement.verdict for result in record.results]
    if Verdict.BUG in verdicts or record.distrust:
        return BUG
    if not any(verdict.applicable for verdict in verdicts):
        return EMPTY
    broken = any(fails(result.judgement, strict=strict) for result in record.results)
    return BROKEN if broken or len(record.results) < len(record.planned) else OK
