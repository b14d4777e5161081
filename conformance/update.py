"""Updates: a run that brings a record up to the catalog of today.

Knows how the record, the catalog and the known deviations of today meet. Must not run anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance import header
from conformance.request import Begun, Request, check_answered, complete
from harness import catalog, known, plan, resume
from harness.record import read_interrupted
from harness.renewal import renew
from harness.revision import revise


def catch_up(path: Path, options: Mapping[str, Any]) -> tuple[Request, Begun]:
    """The request of a run of what a record lacks for the catalog of today, and what of it stays.

    What stays is judged by the known deviations of today.

    Raises:
        RequestError, RecordError, CatalogError: the record cannot be brought up, or not with these options.
    """
    check_answered(options, "--update")
    record = read_interrupted(path)
    judged = resume.implementations(path, record)
    entries = catalog.read()
    kept = renew(
        path,
        record,
        header.suite(entries),
        {entry.id: header.describe(entry) for entry in entries},
        plan.trials(entries, judged),
    )
    kept = revise(kept, judged, resume.known(path, record), known.read())
    return complete(path, kept, options), Begun(path, kept, "--update")
