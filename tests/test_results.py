"""The page of results is what its records say, and everybody can read these."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROOT

from harness.record import read
from reports.results import page

FOLDER = ROOT / "docs" / "results"
RECORDS = sorted(FOLDER.glob("*.jsonl.xz"))


def test_the_page_is_made_of_the_records_beside_it() -> None:
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == page(map(read, RECORDS))


@pytest.mark.parametrize("path", RECORDS, ids=lambda each: each.name.partition(".")[0])
def test_a_record_is_of_a_whole_run_of_the_whole_catalog(path: Path) -> None:
    record = read(path)
    assert len(record.results) == len(record.planned)
    assert len({each.scenario for each in record.planned}) == record.header["suite"]["scenarios"]
    assert list(record.header["implementations"]) == [path.name.partition(".jsonl")[0]]
