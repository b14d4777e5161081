"""The page of results that are kept in the repository: what today's implementations keep of the contract.

Knows how a row is made from the record of a run. Must not run anything.

    python -m reports.results docs/results/*.jsonl.xz > docs/results/README.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from harness.record import Record, read
from harness.story import TIERS
from reports import table
from reports.markdown import code

_HEAD = """\
# Results

What implementations keep of the contract, measured: the records of runs of the whole catalog, as
`touchstone run --implementation NAME` wrote them on two cores without an accelerator. They are compressed (`xz`), and
every command that reads a record reads them:

```sh
touchstone report docs/results/eager.jsonl.xz -o page                         # with stories, evidence and repro files
touchstone merge docs/results/*.jsonl.xz -o page                              # several as one page
touchstone diff docs/results/eager.jsonl.xz touchstone-report/record.jsonl    # what is otherwise with me?
touchstone judge docs/results/iree.jsonl.xz -o again                          # by the known deviations of today
touchstone run --update docs/results/iree.jsonl.xz -o again                   # by the catalog of today
```

Counts are *passed / applicable / total*, of the trials that promise something of the tier; stories of other versions of
torch may promise something of another. Known are deviations that were taken to their root
([findings.md](../findings.md), [implementations.md](../implementations.md)). What is unexpected was not: it is no
accusation. Where roots were found after a run, its record was judged again (`parts` in its header has the run).
"""


def page(records: Iterable[Record]) -> str:
    """The page for some records, a row for each implementation."""
    return "\n".join([_HEAD, *_rows(records)]) + "\n"


def _rows(records: Iterable[Record]) -> Iterator[str]:
    yield "| implementation | torch | MUST | SHOULD | MAY | known | unexpected | catalog | day | minutes |"
    yield "|---|---|---:|---:|---:|---:|---:|---|---|---:|"
    for record in records:
        for total in table.totals(record):
            yield _row(record, total)


def _row(record: Record, total: table.Total) -> str:
    cells = [
        code(total.name),
        record.header["implementations"][total.name]["fingerprint"]["torch"],
        *(str(total.counts.get(tier, "")) for tier in TIERS),
        str(total.known),
        str(total.unexpected),
        f"edition {record.header['suite']['edition']}, {record.header['suite']['catalog'][:8]}",
        str(record.header["started"])[:10],
        f"{record.footer['seconds'] / 60:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def main(paths: Sequence[str]) -> None:
    """Print the page for the records at some paths."""
    sys.stdout.write(page(read(Path(path)) for path in paths))


if __name__ == "__main__":
    main(sys.argv[1:])
