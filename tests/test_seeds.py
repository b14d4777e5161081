"""Is every upstream behaviour that the catalog began with covered, and does the page say so?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import catalog
from harness.model import Exit, Judgement, Observation, Result, Trial, Verdict
from reports.seeds import Seed, cover, page, read_seeds, speaks_of, tiers

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "seeds.md"
SEEDS = [(subject, seed) for subject, seeds in read_seeds().items() for seed in seeds]
ENTRIES = catalog.read()


def rows() -> dict[tuple[str, str], list[str]]:
    """The cells of each row of the page, by subject and title."""
    found: dict[tuple[str, str], list[str]] = {}
    subject = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            subject = line.removeprefix("## ").lower()
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| test_"):
            found[subject, cells[0]] = cells[1:]
    return found


def result(variant: str) -> Result:
    trial = Trial("family/name", variant, "mine")
    return Result(trial, Judgement(Verdict.PASS), "", "", Exit(Observation()))


def test_the_list_is_whole() -> None:
    assert {subject: len(seeds) for subject, seeds in read_seeds().items()} == {
        "recompilation": 18,
        "comptime": 12,
        "compiled autograd": 56,
        "ahead of time": 22,
        "ahead of time since": 7,
    }


@pytest.mark.parametrize(("subject", "seed"), SEEDS, ids=lambda each: getattr(each, "title", each))
def test_each_behaviour_has_a_row_with_its_scenarios_and_verdicts(subject: str, seed: Seed) -> None:
    covering = cover(seed, ENTRIES)
    assert covering, f"no scenario names {seed.name} in `seed`"
    ids, promised, *verdicts = rows()[subject, seed.title]
    assert re.findall(r"`(.+?)`", ids) == [entry.id for entry in covering]
    assert promised.split() == list(tiers(covering))
    assert len(verdicts) == 2, "one column for torch 2.13, one for 2.15"
    for cell in verdicts:
        assert re.fullmatch(r"(pass|xfail|unsupported) \d+(, (xfail|unsupported|pass) \d+)*", cell)


def test_no_row_is_left_over() -> None:
    assert set(rows()) == {(subject, seed.title) for subject, seed in SEEDS}


def test_scenarios_name_no_behaviour_that_is_not_listed() -> None:
    listed = {seed.name for _, seed in SEEDS}
    assert {name for entry in ENTRIES for name in entry.seed} <= listed


@pytest.mark.parametrize(
    ("settings", "variant", "backend", "speaks"),
    [
        ({}, "api=compile", "eager", True),
        ({"backend": "eager"}, "api=compile", "inductor", False),
        ({"backend": "eager"}, "", "eager", True),
        ({"api": "compile", "backend": "eager"}, "api=compile,dynamic=None", "eager", True),
        ({"api": "compile"}, "api=optimize", "eager", False),
        ({"api": "compile"}, "dynamic=None", "eager", True),
    ],
)
def test_a_setting_narrows_the_trials_that_a_row_counts(
    settings: dict[str, str], variant: str, backend: str, *, speaks: bool
) -> None:
    assert speaks_of(Seed("test_it", settings), result(variant), backend) is speaks


def test_a_page_without_records_still_has_every_row() -> None:
    assert page(read_seeds(), ENTRIES, []).count("\n| test_") == len(SEEDS)
