"""Each finding shows where it says that it does, and its page is what the scripts say."""

from __future__ import annotations

from importlib.metadata import version

import findings
import pytest
from findings import Finding

from harness import catalog

EVERY = findings.every()
TORCH = version("torch").partition("+")[0]


#: How many scripts there are for each that runs without `--long`: what they end with depends on torch alone.
SAMPLED = 6


@pytest.fixture(scope="module")
def ends(request: pytest.FixtureRequest) -> dict[str, tuple[str, str]]:
    """How scripts end on the first backend on which each shows, here or elsewhere, by its name."""
    run = [each for each in EVERY if each.is_run()]
    asked = [
        (each, next(b for b in each.seen.get(TORCH, each.backends) if b in findings.BACKENDS))
        for each in (run if request.config.getoption("long") else run[::SAMPLED])
    ]
    said = findings.run(asked)
    return {
        each.file.stem: (backend, how) for (each, backend), how in zip(asked, said, strict=True)
    }


@pytest.mark.parametrize("finding", EVERY, ids=lambda each: each.file.stem)
def test_a_finding_shows_where_it_says_so(
    finding: Finding, ends: dict[str, tuple[str, str]]
) -> None:
    if not finding.is_run():
        pytest.skip(f"shows on {' and '.join(finding.backends)} alone, which is not installed here")
    if finding.file.stem not in ends:
        pytest.skip("is not in the sample: ./test --long runs it")
    backend, how = ends[finding.file.stem]
    assert findings.agrees(finding, TORCH, backend, how), how or "ended in silence"


@pytest.mark.parametrize("finding", EVERY, ids=lambda each: each.file.stem)
def test_a_finding_names_scenarios_that_are_there(finding: Finding) -> None:
    assert set(finding.scenarios) <= {entry.id for entry in catalog.read()}


def test_the_page_is_written_from_the_scripts() -> None:
    assert findings.PAGE.read_text(encoding="utf-8") == findings.page(EVERY)
