"""What real implementations have shown: where one deviates, a scenario has been seen to notice. Near side.

Knows which known deviations speak for a scenario. Must not run anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness import catalog, implementations, known, plan
from harness.catalog import Entry

#: Those that torch itself ships; what others lack may be anything.
REAL = ("eager", "aot_eager", "inductor")

#: The versions of torch that are judged: what has deviated in one of them has been seen.
VERSIONS = ("2.12.1", "2.13.0", "2.14.1", "2.15.0")

#: What a signature says of a value or an effect that is not eager's, as opposed to an error or a compilation.
_SHOWN = re.compile(r"differs from eager|\b(mutates|changes|shares|result is)\b| = ")


def deviating(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """The real implementations that are known to deviate in a value or an effect, by scenario."""
    shown = [each for each in known.read() if _SHOWN.search(each.signature)]
    found: dict[str, list[str]] = {}
    for name in REAL:
        implementation = implementations.find(name)
        own = {
            each
            for version in VERSIONS
            for each in known.speaking(shown, implementation, {"torch": version})
        }
        for entry in entries:
            trials = [plan.trial(entry, each, implementation) for each in catalog.variants(entry)]
            if any(known.covers(each, trial) for each in own for trial in trials):
                found.setdefault(entry.id, []).append(name)
    return found
