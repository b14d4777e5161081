"""Determinism: records made under several conditions held against each other, and the command that makes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import HANGS, ROOT, touchstone
from test_record import header, result

from conformance import conditions
from conformance.conditions import ConditionError
from harness import adapter
from harness.certificate import Condition, certify, to_json
from harness.model import Implementation, Result, Verdict
from harness.record import Record, RecordError, read
from harness.story import parse

ONE, TWO = result("one"), result("two")
SOME = "recompiles/call_method_is_rebound*"
STORY = "call 1: compiles, equals eager\ncall 2: reuses, equals eager"


def record(*results: Result, lost: tuple[Result, ...] = ()) -> Record:
    planned = header([each.trial for each in (ONE, TWO)])
    counted = {"seconds": 1.5}
    return Record(planned, tuple(each for each in results if each not in lost), counted)


def telling(each: Result, story: str) -> Result:
    seen = replace(each.exit.observation, story=parse(story))
    return replace(each, exit=replace(each.exit, observation=seen))


def judged(each: Result, verdict: Verdict = Verdict.PASS, signature: str = "") -> Result:
    made = replace(each.judgement, verdict=verdict)
    return replace(each, judgement=replace(made, signature=signature or made.signature))


def test_records_that_tell_the_same_are_certified() -> None:
    slower = replace(TWO, exit=replace(TWO.exit, seconds=99.0, output="other"))
    found = certify({"usual": record(ONE, TWO), "odd": record(slower, ONE)})
    assert str(found) == "2 trials told the same story under 2 conditions (usual, odd)"
    assert found.deviations == ()
    assert len(set(found.digests.values())) == 1


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            telling(TWO, "call 1: compiles 2 graphs, equals eager"),
            "event 1 differs: usual, third: call 1: compiles, equals eager; odd: call 1: compiles 2 graphs",
        ),
        (
            telling(TWO, "call 1: compiles, equals eager"),
            "event 2 differs: usual, third: call 2: reuses, equals eager; odd: nothing",
        ),
        (judged(telling(TWO, ""), verdict=Verdict.ERROR), "event 1 differs: usual, third: call 1"),
        (
            judged(telling(TWO, STORY), verdict=Verdict.ERROR),
            "verdict differs: usual, third: pass; odd: error",
        ),
        (
            judged(telling(TWO, STORY), signature="other"),
            "signature differs: usual, third: call 2 reuses; odd: other",
        ),
    ],
)
def test_a_trial_that_differs_is_named_with_conditions_and_the_first_event(
    other: Result, said: str
) -> None:
    usual = telling(TWO, STORY)
    runs = {"usual": record(ONE, usual), "odd": record(ONE, other), "third": record(ONE, usual)}
    found = certify(runs)
    [deviation] = found.deviations
    assert str(deviation).startswith(f"{TWO.trial.id}: {said}")
    assert str(found).startswith("1 of 2 trials did not tell the same story under 3 conditions")
    assert found.digests["usual"] == found.digests["third"] != found.digests["odd"]


def test_a_trial_without_a_result_is_not_the_same() -> None:
    found = certify({"usual": record(ONE, TWO), "odd": record(ONE)})
    assert [each.trial for each in found.deviations] == [TWO.trial]


def test_records_of_different_catalogs_are_refused() -> None:
    other = record(ONE, TWO)
    suite = {**other.header["suite"], "catalog": "f" * 16}
    with pytest.raises(RecordError, match="are not of the same scenarios"):
        certify(
            {"a": record(ONE, TWO), "b": replace(other, header={**other.header, "suite": suite})}
        )


def test_a_certificate_says_what_it_speaks_of() -> None:
    runs = {
        name: replace(record(ONE, TWO), header={**record().header, "started": name})
        for name in ("a", "b")
    }
    asked = [Condition("a", "as it is"), Condition("b", "odd", {"TZ": "UTC"}, 7)]
    value = json.loads(json.dumps(to_json(certify(runs), asked, runs)))
    assert value["same"] is True
    assert value["trials"] == 2
    assert value["implementations"]["mine"]["torch"] == "2.13.0"
    odd = value["conditions"][1]
    assert (odd["environ"], odd["shuffle"], odd["verdicts"]) == ({"TZ": "UTC"}, 7, {"pass": 2})
    assert odd["stories"] == value["conditions"][0]["stories"]


def test_every_condition_has_a_name_and_varies_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for name in conditions.NAMES:
        if name == "comma":
            monkeypatch.setattr(conditions, "_has_comma", lambda _: True)
        made.append(conditions.find(name, tmp_path))
    usual, *others = made
    for each in others:
        assert replace(each, name=usual.name, what=usual.what) != usual
    assert set(conditions.DEFAULTS) == set(conditions.NAMES) - {"spawn"}


def test_a_locale_that_is_not_there_is_not_certified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditions, "_COMMAS", ("xx_XX.UTF-8", "C"))
    with pytest.raises(ConditionError, match=r"no locale with a decimal comma.*install one of xx"):
        conditions.find("comma", tmp_path)


def test_what_a_condition_has_a_process_take_on_is_no_part_of_the_implementation() -> None:
    added = conditions.find("threads", Path()).modules
    asked = Implementation("mine", backend="a.b:c", modules=("x", *added))
    assert added
    assert adapter.modules(asked) == ("x", "a.b")


def test_a_process_takes_on_locale_and_threads() -> None:
    code = (
        "import locale, torch, harness.circumstances; "
        "print(locale.setlocale(locale.LC_NUMERIC), torch.get_num_threads())"
    )
    variables = {"LC_ALL": "C.UTF-8", "TOUCHSTONE_THREADS": "2", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=True,
    )
    assert ran.stdout.split() == ["C.UTF-8", "2"]


def certified(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        touchstone("certify", *arguments, "-n", "0", "-o", str(folder)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )


@pytest.mark.long
def test_a_part_of_the_catalog_is_the_same_under_conditions(tmp_path: Path) -> None:
    names = ("usual", "random", "threads", "folder")
    ran = certified(tmp_path, SOME, *(f"--condition={name}" for name in names))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    value = json.loads((tmp_path / "certificate.json").read_text())
    assert f"{value['trials']} trials told the same story under 4 conditions" in ran.stdout
    assert value["trials"] == 2
    drawn = value["conditions"][1]["environ"]["PYTHONHASHSEED"]
    told = read(tmp_path / "random" / "record.jsonl").header["implementations"]["eager"]
    assert told["fingerprint"]["environ"]["PYTHONHASHSEED"] == drawn


@pytest.mark.long
def test_an_implementation_that_depends_on_the_hash_seed_is_found_out(tmp_path: Path) -> None:
    profile = tmp_path / "seeded.toml"
    profile.write_text(
        f'name = "seeded"\nbackend = "faults:seeded"\n[environ]\nPYTHONPATH = "{ROOT / "tests"}"\n'
    )
    asked = ["--condition=usual", "--condition=hash-seed", f"--implementation={profile}"]
    ran = certified(tmp_path / "out", SOME, *asked)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "@ seeded: event 2 differs: usual: call 1" in ran.stdout
    value = json.loads((tmp_path / "out" / "certificate.json").read_text())
    assert value["same"] is False
    assert value["deviations"][0]["trial"]["implementation"] == "seeded"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing/*"], "no scenario matches"),
        (["aliasing/*", "--condition=usual"], "one condition has nothing to be compared with"),
        (["aliasing/*", "--implementation=no_such"], "there is no implementation"),
    ],
)
def test_a_request_that_makes_no_sense_is_answered_with_a_sentence(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    ran = certified(tmp_path, *arguments)
    assert (ran.returncode, said in ran.stderr) == (4, True), ran.stderr
