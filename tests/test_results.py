"""The page of results is what its records say, and everybody can read these."""

from __future__ import annotations

from collections.abc import Iterator

from conftest import ROOT

from harness.record import Record, read
from reports.results import page

FOLDER = ROOT / "docs" / "results"


def whole() -> Iterator[Record]:
    """One record at a time, for each is large; each is of a whole run of one implementation."""
    for path in sorted(FOLDER.glob("*.jsonl.xz")):
        record = read(path)
        assert len(record.results) == len(record.planned), path.name
        scenarios = {each.scenario for each in record.planned}
        assert len(scenarios) == record.header["suite"]["scenarios"], path.name
        assert list(record.header["implementations"]) == [path.name.partition(".jsonl")[0]]
        yield record


def test_the_page_is_made_of_the_records_beside_it_which_are_of_whole_runs() -> None:
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == page(whole())
