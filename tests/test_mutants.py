"""Implementations that are wrong on purpose are caught, each where it says; the kill matrix speaks of all of them."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from mutants import bench, declared, evidence, kills, page
from mutants.declared import Kill, Mutant
from mutants.digest import source
from mutants.kills import Kills, Row

from conformance.session import Session
from harness import catalog
from harness.catalog import Entry, Variant

CONTENT = declared.read()
ENTRIES = {entry.id: entry for entry in catalog.read()}
PAGE = (ROOT / "docs" / "kill-matrix.md").read_text(encoding="utf-8")

CAUGHT = [(mutant, kill) for mutant in CONTENT.mutants for kill in mutant.killed_by]
QUICK = [(mutant, kill) for mutant, kill in CAUGHT if not mutant.slow]

#: One of so many is faced without --long: all were when the matrix was run, which tells what has changed since.
SAMPLED = 5

OF_BASE = {
    kill.scenario.partition("/")[0]: kill.scenario
    for mutant, kill in QUICK
    if mutant.base == declared.BASE.name
}


def sampled(cases: Iterable[object]) -> list[Any]:
    """The cases, of which one in so many is run without --long."""
    marks = itertools.cycle([[], *[[pytest.mark.long]] * (SAMPLED - 1)])
    return [
        pytest.param(*each, marks=mark)
        if isinstance(each, tuple)
        else pytest.param(each, marks=mark)
        for each, mark in zip(cases, marks, strict=False)
    ]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with bench.opened(CONTENT.mutants, 60) as opened:
        yield opened


@pytest.fixture(scope="module")
def impatient(session: Session) -> Session:
    """The same for mutants that never come back."""
    settings = dataclasses.replace(session.settings, time_limit=20)
    hasty = Session(settings, list(session.implementations.values()))
    hasty.isolation = session.isolation
    return hasty


def trial(named: str) -> tuple[Entry, Variant]:
    """The trial of a declared kill: the variant that it names, or else the first."""
    scenario, _, variant = named.partition("[")
    variants = catalog.variants(ENTRIES[scenario])
    return ENTRIES[scenario], next(
        (each for each in variants if each.id == variant.removesuffix("]")), variants[0]
    )


@pytest.mark.parametrize(
    ("mutant", "kill"),
    sampled(QUICK),
    ids=[f"{mutant.name}-{kill.scenario}" for mutant, kill in QUICK],
)
def test_a_mutant_is_caught_where_it_says(
    mutant: Mutant, kill: Kill, request: pytest.FixtureRequest
) -> None:
    found = request.getfixturevalue("impatient" if kill.verdict == "timeout" else "session")
    for _ in range(mutant.attempts):
        judgement = bench.face(found, mutant, *trial(kill.scenario))
        if declared.kills(judgement):
            break
    assert judgement.verdict == kill.verdict, judgement.reason
    assert kill.says in judgement.reason
    if kill.facet:
        assert declared.worst_facet(judgement) == kill.facet, judgement.reason


@pytest.mark.parametrize("scenario", sampled(OF_BASE.values()))
def test_the_healthy_base_passes_where_mutants_are_caught(session: Session, scenario: str) -> None:
    judgement = bench.face(session, None, *trial(scenario))
    assert judgement.verdict.conforms, judgement.reason


def test_where_mutants_are_caught_the_healthy_base_was_seen_to_conform() -> None:
    """All of them, when the matrix was run; the test above does one of each family again."""
    deviating = kills.read().base.kills
    for mutant, kill in CAUGHT:
        seen = deviating.get(bench.trial_id(*trial(kill.scenario)))
        assert seen is None, f"{mutant.name}: {kill.scenario} is no place to catch it ({seen})"


@pytest.mark.parametrize(
    "control", [each for each in CONTENT.mutants if not each.sin], ids=lambda each: each.name
)
def test_what_is_made_as_mutants_are_is_healthy(session: Session, control: Mutant) -> None:
    for scenario in "aliasing/one_argument_becomes_two", "modules/instances_share_a_graph":
        judgement = bench.face(session, control, *trial(scenario))
        assert judgement.verdict.conforms, judgement.reason


def test_a_declared_kill_names_a_trial() -> None:
    for mutant, kill in CAUGHT:
        entry, variant = trial(kill.scenario)
        if "[" in kill.scenario:
            assert bench.trial_id(entry, variant) == kill.scenario
        assert mutant.faces(entry.id), mutant.name


def test_there_are_mutants_for_every_family() -> None:
    killed = {scenario for row in kills.read().rows.values() for scenario in row.kills}
    idle = {scenario.partition("/")[0] for scenario in CONTENT.idle}
    assert {each.partition("/")[0] for each in killed} | idle >= {
        e.family for e in ENTRIES.values()
    }
    assert sum(bool(each.sin) for each in CONTENT.mutants) >= 40


def test_every_mutant_is_declared_once_and_is_caught_or_says_why_not() -> None:
    names = [mutant.name for mutant in CONTENT.mutants]
    assert len(names) == len(set(names))
    for mutant in CONTENT.mutants:
        assert bool(mutant.sin) == bool(mutant.killed_by or mutant.survives), mutant.name
        assert not (mutant.killed_by and mutant.survives), mutant.name


def rows(heading: str) -> list[str]:
    """The first cells of the table under a heading of the page."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| ([\w/]+) \|", section, re.MULTILINE)[1:]


def test_the_matrix_speaks_of_exactly_the_current_mutants_and_scenarios() -> None:
    assert rows("Mutants") == [mutant.name for mutant in CONTENT.mutants if mutant.sin]
    assert rows("Scenarios") == list(ENTRIES)


def test_the_matrix_has_no_undeclared_survivor_and_is_what_was_found() -> None:
    known = kills.read()
    assert not page.problems(known, CONTENT)
    assert not page.pending(known, CONTENT)
    assert page.text(known, CONTENT, list(ENTRIES.values())) == PAGE


MUTANT = Mutant("m", "a sin", backend="mutants.base:healthy")


def found(**scenarios: str) -> Kills:
    """What would be known if one mutant had faced some scenarios."""
    ids = {f"f/{name}": "" for name in scenarios}
    row = Row("", {f"f/{name}": how for name, how in scenarios.items() if how})
    return Kills({}, ids, Row("base"), {"m": row})


def test_survivors_and_idle_scenarios_are_problems_unless_they_are_declared() -> None:
    content = declared.Declared((MUTANT,), {})
    assert page.problems(found(a="fail"), content) == []
    assert page.problems(found(a="fail", b=""), content) == [
        "f/b kills nobody: which mutant would it kill?"
    ]
    assert page.problems(found(a=""), content)[0] == "m survives: a sin"
    declared_idle = declared.Declared((MUTANT,), {"f/a": "because", "f/b": "because"})
    assert page.problems(found(a="fail", b=""), declared_idle) == [
        "f/a is declared to kill nobody, but kills m"
    ]


def test_what_is_pending_is_no_survivor_but_is_named() -> None:
    known = found(a="")
    known.rows["m"].pending.append("f/a")
    content = declared.Declared((MUTANT,), {})
    assert page.problems(known, content) == []
    assert page.pending(known, content) == [
        "m has still to face 1 scenario",
        "f/a has killed nobody so far",
    ]


def test_a_mutant_that_is_killed_need_not_face_more_and_neither_need_a_scenario_that_kills() -> (
    None
):
    known = found(a="fail", b="")
    known.rows["other"] = Row("", {"f/b": "fail"}, ["f/a"])
    known.rows["m"].pending.append("f/b")
    content = declared.Declared((MUTANT, dataclasses.replace(MUTANT, name="other")), {})
    assert page.pending(known, content) == page.problems(known, content) == []
    assert "Of 4 pairs of a mutant and a scenario, 2 were run" in page.text(known, content, [])


def test_a_scenario_is_to_kill_a_mutant_that_is_not_blunt_if_one_fits_it() -> None:
    blunt = dataclasses.replace(MUTANT, name="blunt", blunt=True, fits=("f/*",))
    other = dataclasses.replace(MUTANT, name="other", fits=("g/*",))
    sharp = dataclasses.replace(MUTANT, fits=("f/a",))
    known = found(a="")
    known.rows["m"].pending.append("f/a")
    known.rows["blunt"] = known.rows["other"] = Row("", {"f/a": "fail"}, [])
    known.rows["other"] = Row("", {"f/b": "fail"}, ["f/a"])
    content = declared.Declared((blunt, other, sharp), {})
    assert content.fitting("f/a") == [sharp]
    assert page.specific(known, content, "f/a") == []
    assert page.pending(known, content)[-1] == "f/a has still to face m"
    assert page.pending(known, dataclasses.replace(content, only_blunt={"f/a": "why"})) == [
        "m has still to face 1 scenario"
    ]
    known.rows["m"] = Row("", {"f/a": "fail"})
    assert page.specific(known, content, "f/a") == ["m"]
    assert page.pending(known, content) == []
    assert page.problems(known, dataclasses.replace(content, only_blunt={"f/a": "why"})) == [
        "f/a is declared to kill only blunt mutants, but kills m"
    ]


def test_what_fits_a_scenario_best_faces_it_first() -> None:
    family = dataclasses.replace(MUTANT, name="family", killed_by=(Kill("f/other", "fail"),))
    broad = dataclasses.replace(MUTANT, name="broad", fits=("f/*",))
    narrow = dataclasses.replace(MUTANT, name="narrow", fits=("f/a*",))
    content = declared.Declared((family, broad, narrow, MUTANT), {})
    assert [each.name for each in content.fitting("f/ab")] == ["narrow", "broad", "family"]
    assert content.fitting("g/a") == []


def test_every_pattern_of_what_fits_names_a_scenario() -> None:
    for mutant in CONTENT.mutants:
        for pattern in (*mutant.fits, *mutant.only):
            assert any(fnmatchcase(each, pattern) for each in ENTRIES), (mutant.name, pattern)


def test_real_deviations_speak_for_the_scenarios_that_show_them() -> None:
    seen = evidence.deviating([ENTRIES["mutation_limits/writes_before_a_failing_operation_stay"]])
    assert list(seen.values()) == [["aot_eager", "inductor"]]
    assert evidence.deviating([ENTRIES["recompiles/flag_selects_a_graph"]]) == {}


def test_only_what_has_changed_is_run_again() -> None:
    some = list(ENTRIES.values())[:3]
    known = Kills({}, {}, Row(""), {})
    kills.refresh(known, [MUTANT], some)
    assert known.rows["m"].pending == [entry.id for entry in some]
    known.rows["m"].pending.clear()
    known.rows["m"].kills[some[0].id] = known.rows["m"].kills[some[1].id] = "crash"
    known.scenarios[some[0].id] = "another"
    kills.refresh(known, [MUTANT], some)
    assert known.rows["m"] == Row(kills.mutant_digest(MUTANT), {some[1].id: "crash"}, [some[0].id])


def test_the_source_of_a_definition_has_what_it_refers_to_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text("LIMIT = 3\nOTHER = 4\n")
    (tmp_path / "sins.py").write_text(
        "from mutants.base import LIMIT\ndef near(): return LIMIT\ndef far(): return 1\n"
        "def sin(): return near()  # a comment\n"
    )
    text = source(tmp_path / "sins.py", "sin")
    assert "LIMIT = 3" in text
    assert "def near" in text
    assert not re.search("far|OTHER|comment", text)


def test_what_is_known_survives_writing_and_reading(tmp_path: Path) -> None:
    known = found(a="fail must outcome", b="")
    known.rows["m"].pending.append("f/b")
    kills.write(known, tmp_path / "kills.json")
    assert kills.read(tmp_path / "kills.json") == known
