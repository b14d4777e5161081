"""Renewal: of an older record stays what still holds, and the rest is left to run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import call
from test_edition import CHANGES, SOURCE, entries
from test_record import header, result, written

from conformance import header as header_of
from conformance.request import OPTIONS, RequestError
from conformance.update import catch_up
from harness import catalog, environment, resume
from harness.edition import conduct
from harness.implementations import ProfileError, find
from harness.model import Trial
from harness.record import Record, RecordError, read
from harness.renewal import Today, renew

PATH = Path("r.jsonl")
RESULTS = tuple(result(name) for name in ("one", "two", "gone"))
JUDGED = resume.implementations(PATH, Record(header([RESULTS[0].trial]), (), {}))


def described(**conducts: str) -> dict[str, Any]:
    """Scenarios by what they conduct."""
    some = next(iter(header([RESULTS[0].trial])["scenarios"].values()))
    return {f"family/{name}": {**some, "conduct": digest} for name, digest in conducts.items()}


def record(catalog_has: int = 3, **fields: object) -> Record:
    made = header([each.trial for each in RESULTS])
    made["scenarios"] = described(one="1", two="2", gone="3")
    made["suite"] = {**made["suite"], "scenarios": catalog_has}
    return Record({**made, **fields}, RESULTS, {"seconds": 7.0})


def suite(**fields: object) -> Mapping[str, Any]:
    return {**record().header["suite"], "catalog": "fedcba9876543210", "scenarios": 9, **fields}


def trials(*names: str) -> list[Trial]:
    return [Trial(f"family/{name}", "size=1", "mine") for name in names]


def test_what_runs_and_expects_the_same_stays() -> None:
    now = described(one="1", two="another", new="4")
    found = renew(PATH, record(), Today(suite(), now, JUDGED, trials("one", "two", "new")))
    assert found.results == RESULTS[:1]
    assert resume.remaining(found) == tuple(trials("two", "new"))
    assert found.header["suite"] == suite()
    assert set(found.header["scenarios"]) == set(now)
    assert found.footer["seconds"] == 7.0
    assert [each["command"] for each in found.header["parts"]] == [["run"]]


def test_a_record_of_a_part_gets_nothing_new() -> None:
    now = described(one="1", two="2", new="4")
    found = renew(
        PATH, record(catalog_has=594), Today(suite(), now, JUDGED, trials("one", "two", "new"))
    )
    assert found.planned == tuple(trials("one", "two"))
    assert set(found.header["scenarios"]) == {"family/one", "family/two"}
    assert resume.remaining(found) == ()


@pytest.mark.parametrize("claims", [(), ("fullgraph", "autocast")])
def test_what_is_claimed_otherwise_is_left_to_run(claims: tuple[str, ...]) -> None:
    old, now = record(), described(one="1", two="2", gone="3")
    old.header["implementations"]["mine"]["profile"]["claims"] = ["fullgraph"]
    now["family/one"]["needs"] = ["fullgraph"]
    now["family/two"]["needs"] = ["autocast"]
    planned = trials("one", "two", "gone")
    judged = [replace(JUDGED[0], claims=claims)]
    found = renew(PATH, old, Today(suite(), now, judged, planned))
    assert resume.remaining(found) == (planned[1] if claims else planned[0],)
    assert resume.implementations(PATH, found) == judged


def test_a_record_without_fingerprints_holds_for_its_own_catalog_alone() -> None:
    old = record()
    for each in old.header["scenarios"].values():
        del each["conduct"]
    now = described(one="1", two="2", gone="3")
    planned = trials("one", "two", "gone")
    assert renew(PATH, old, Today(suite(), now, JUDGED, planned)).results == ()
    assert (
        renew(PATH, old, Today(record().header["suite"], now, JUDGED, planned)).results == RESULTS
    )


def test_another_touchstone_is_refused() -> None:
    with pytest.raises(RecordError, match=r"is of another Touchstone \(.* sees; run again"):
        renew(PATH, record(), Today(suite(version="0.2.0"), {}, JUDGED, []))


def test_a_shard_is_refused() -> None:
    with pytest.raises(RecordError, match="is of a shard; make one record of all first"):
        renew(PATH, record(shard={}), Today(suite(), {}, JUDGED, []))


@pytest.mark.parametrize("option", ["implementation", "select", "shard"])
def test_what_the_record_answers_must_not_be_asked(option: str) -> None:
    given = {**dict.fromkeys(OPTIONS), option: ["x"]}
    with pytest.raises(RequestError, match=f"--update takes everything .* leave out --{option}"):
        catch_up(PATH, given)


@pytest.fixture
def asked(tmp_path: Path) -> tuple[Path, Path]:
    """A profile, and a record of the suite of today that was made with it."""
    profile = tmp_path / "mine.toml"
    profile.write_text('backend = "eager"\nclaims = ["fullgraph"]\n', encoding="utf-8")
    path = written(tmp_path, RESULTS)
    first, *others = path.read_text(encoding="utf-8").splitlines(keepends=True)
    made = json.loads(first)
    made["suite"]["version"] = header_of.suite(())["version"]
    made["implementations"]["mine"]["profile"] = environment.profile(find(str(profile)))
    path.write_text("".join([json.dumps(made) + "\n", *others]), encoding="utf-8")
    return profile, path


def test_claims_are_those_of_the_profile_of_today(asked: tuple[Path, Path]) -> None:
    profile, path = asked
    profile.write_text('backend = "eager"\ntime_factor = 2\nclaims = []\n', encoding="utf-8")
    request, _ = catch_up(path, dict.fromkeys(OPTIONS))
    assert request.implementations == (find(str(profile)),)
    profile.unlink()
    request, _ = catch_up(path, dict.fromkeys(OPTIONS))
    assert request.implementations[0].claims == ("fullgraph",)


def test_a_profile_of_something_else_is_refused(asked: tuple[Path, Path]) -> None:
    profile, path = asked
    profile.write_text('backend = "aot_eager"\n', encoding="utf-8")
    with pytest.raises(
        RecordError,
        match=r"the profile of 'mine' had and has backend eager and aot_eager; run again: touchstone run",
    ):
        catch_up(path, dict.fromkeys(OPTIONS))


def test_a_broken_profile_is_refused(asked: tuple[Path, Path]) -> None:
    profile, path = asked
    profile.write_text('backends = "eager"\n', encoding="utf-8")
    with pytest.raises(ProfileError, match="`backends` is no key of a profile; did you mean 'back"):
        catch_up(path, dict.fromkeys(OPTIONS))


# what a scenario conducts


@pytest.mark.parametrize("what", CHANGES)
def test_a_scenario_conducts_what_it_runs_and_expects_but_no_words(
    tmp_path: Path, what: str
) -> None:
    one, two = entries(tmp_path)
    before = conduct(one), conduct(two)
    one, two = entries(tmp_path, SOURCE.replace(*CHANGES[what], 1))
    assert (conduct(one) == before[0]) is (what == "claim")
    assert conduct(two) == before[1]


def test_no_two_scenarios_conduct_the_same() -> None:
    found = [conduct(each) for each in catalog.read_module(catalog.CASES / "aliasing.py")]
    assert len(set(found)) == len(found)


# real runs


def test_an_update_runs_what_conducts_something_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked = ("run", "modules/*", "--implementation=eager", "-n0")
    ended = call(*asked, f"-o{out}")
    assert ended.returncode == 0, ended.stdout
    before = read(out / "record.jsonl")
    rows = (out / "record.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    first = json.loads(rows[0])
    first["suite"]["catalog"] = "0123456789abcdef"
    first["scenarios"]["modules/weights_are_updated"]["conduct"] = "something else"
    old = tmp_path / "old.jsonl"
    old.write_text("".join([json.dumps(first) + "\n", *rows[1:]]), encoding="utf-8")

    ended = call("run", f"--update={old}", "-n0", f"-o{tmp_path / 'new'}")
    assert ended.returncode == 0, ended.stdout
    kept = len(before.results) - 1
    assert f"{kept} results hold for the catalog of today; 1 trial is left to run" in ended.stderr
    after = read(tmp_path / "new" / "record.jsonl")
    assert after.header["suite"] == before.header["suite"]
    assert after.results[-1].trial == Trial("modules/weights_are_updated", "", "eager")
    assert {each.trial for each in after.results} == {each.trial for each in before.results}
    assert [each["command"][1] for each in after.header["parts"]] == [
        "modules/*",
        f"--update={old}",
    ]

    ended = call("run", f"--update={old}", f"--resume={old}")
    assert ended.returncode == 4
    assert "give one" in ended.stderr
