"""A file of known entries is written from a run: it expects what deviated, and nothing else."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, call
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import adoption, known
from harness.adoption import Suggestion, suggest
from harness.model import (
    Exit,
    Implementation,
    Judgement,
    Known,
    Observation,
    Result,
    Trial,
    Verdict,
)
from harness.record import read

TODAY = date(2026, 11, 21)
VARIANTS = ["size=1,mode=None", "size=1,mode=True", "size=2,mode=None", "size=2,mode=True"]
UNIVERSE = [
    *(Trial("a/axes", variant, "mine") for variant in VARIANTS),
    Trial("a/plain", "", "mine"),
    Trial("a/plain_too", "", "mine"),
    Trial("b/plain", "", "mine"),
]


def deviating(trial: Trial, signature: str = "call 2 compiles", **more: Any) -> Result:  # noqa: ANN401
    made = Judgement(
        **{"verdict": Verdict.FAIL, "reason": "a reason", "signature": signature, **more}
    )
    return Result(trial, made, "", "", Exit(Observation()))


def passing(trial: Trial) -> Result:
    return deviating(trial, "", verdict=Verdict.PASS)


def patterns(deviate: list[Trial], universe: list[Trial] | None = None) -> list[str]:
    results = [deviating(each) if each in deviate else passing(each) for each in UNIVERSE]
    found = suggest(results, UNIVERSE if universe is None else universe, TODAY)
    return [each.entry.scenario for each in found]


@pytest.mark.parametrize(
    ("deviate", "wanted"),
    [
        ([0], ["a/axes[size=1,mode=None]"]),
        ([0, 1], ["a/axes[size=1,mode=*]"]),
        ([1, 3], ["a/axes[size=*,mode=True]"]),
        ([0, 3], ["a/axes[size=1,mode=None]", "a/axes[size=2,mode=True]"]),
        ([0, 1, 2], ["a/axes[size=*,mode=None]", "a/axes[size=1,mode=True]"]),
        ([0, 1, 2, 3], ["a/axes[*]"]),
        ([4], ["a/plain"]),
        ([4, 5], ["a/plain", "a/plain_too"]),
        ([0, 1, 2, 3, 4, 5], ["a/*"]),
        ([6], ["b/plain"]),
        ([0, 1, 2, 3, 4, 5, 6], ["*"]),
        ([], []),
    ],
)
def test_a_pattern_is_as_narrow_as_what_deviates(deviate: list[int], wanted: list[str]) -> None:
    assert patterns([UNIVERSE[place] for place in deviate]) == wanted


def test_a_pattern_does_not_speak_of_trials_that_did_not_run() -> None:
    more = [*UNIVERSE, Trial("a/other", "", "mine"), Trial("a/axes", "size=3,mode=None", "mine")]
    assert patterns(UNIVERSE[:4], more) == ["a/axes[size=1,mode=*]", "a/axes[size=2,mode=*]"]


def test_what_is_unsupported_does_not_narrow_a_pattern() -> None:
    results = [deviating(each) for each in UNIVERSE[:3]]
    results.append(deviating(UNIVERSE[3], "", verdict=Verdict.UNSUPPORTED))
    (found,) = suggest(results, UNIVERSE, TODAY)
    assert found.entry.scenario == "a/axes[*]"
    assert len(found.results) == 3


def test_each_signature_and_each_implementation_has_its_own_entry() -> None:
    other = Trial("a/plain", "", "other")
    results = [deviating(UNIVERSE[0]), deviating(UNIVERSE[1], "timeout"), deviating(other)]
    found = [each.entry for each in suggest(results, [*UNIVERSE, other], TODAY)]
    assert [(each.implementation, each.signature) for each in found] == [
        ("mine", "call 2 compiles"),
        ("mine", "timeout"),
        ("other", "call 2 compiles"),
    ]


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict.PASS,
        Verdict.IMPROVED,
        Verdict.UNSUPPORTED,
        Verdict.XFAIL,
        Verdict.XPASS,
        Verdict.BUG,
        Verdict.NOT_RUN,
    ],
)
def test_what_no_entry_can_expect_or_need_gets_none(verdict: Verdict) -> None:
    assert suggest([deviating(UNIVERSE[0], verdict=verdict)], UNIVERSE, TODAY) == []


def test_a_flaky_deviation_may_come_and_go() -> None:
    (found,) = suggest([deviating(UNIVERSE[4], verdict=Verdict.FLAKY)], UNIVERSE, TODAY)
    assert found.entry.flaky


def test_a_suggested_entry_has_no_reason_yet_and_ninety_days() -> None:
    (found,) = suggest([deviating(UNIVERSE[4])], UNIVERSE, TODAY)
    assert found.entry == Known(
        "a/plain", "mine", "call 2 compiles", "TODO: why", expires="2027-02-19"
    )
    assert not found.entry.explained


TEXTS = st.text(min_size=1, max_size=12)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(TEXTS, TEXTS)
def test_any_signature_and_reason_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, signature: str, reason: str
) -> None:
    result = deviating(UNIVERSE[0], signature, reason=reason)
    entry = Known("a/axes[*]", "mine", signature, "TODO: why", flaky=True)
    file = tmp_path_factory.mktemp("known") / "mine.toml"
    file.write_text(adoption.render([Suggestion(entry, (result,))]), encoding="utf-8", newline="\n")
    assert known.read_file(file) == (entry,)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(["", "x", "y"]), min_size=7, max_size=7))
def test_whatever_deviates_is_expected_and_nothing_else(signatures: list[str]) -> None:
    results = [
        deviating(trial, signature) if signature else passing(trial)
        for trial, signature in zip(UNIVERSE, signatures, strict=True)
    ]
    entries = [each.entry for each in suggest(results, UNIVERSE, TODAY)]
    for result in results:
        found = known.find(known.speaking(entries, Implementation("mine"), {}), result.trial)[0]
        assert (found.signature if found else "") == result.judgement.signature


# the command


@pytest.mark.long
def test_a_run_that_deviates_is_adopted_in_one_command(tmp_path: Path) -> None:
    profile = tmp_path / "wrong.toml"
    profile.write_text(
        f'backend = "faults:wrong"\npython = "{sys.executable}"\n'
        f'[environ]\nPYTHONPATH = "{ROOT / "tests"}"\n'
    )
    asked = ["run", "autocast/*", f"--implementation={profile}", "-n0"]
    assert call(*asked, f"-o{tmp_path}").returncode == 1
    file = tmp_path / "known.toml"
    written = call("known", str(tmp_path / "record.jsonl"), "-o", str(file))
    assert written.returncode == 0, written.stderr
    assert "expect 2 deviations; each reason is still to be found" in written.stderr
    again = call(*asked, f"--known={file}", f"-o{tmp_path / 'again'}")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "not yet explained: 2 trials" in again.stdout
    record = read(tmp_path / "again/record.jsonl")
    assert {each.judgement.verdict for each in record.results} == {Verdict.XFAIL}
    kept = call("known", str(tmp_path / "record.jsonl"), "-o", str(file))
    assert (kept.returncode, "name another file" in kept.stderr) == (4, True)


def test_an_expired_or_unmatched_entry_of_ones_own_is_refused_before_anything_runs(
    tmp_path: Path,
) -> None:
    file = tmp_path / "known.toml"
    file.write_text(
        '[[known]]\nscenario = "autocast/gone"\nimplementation = "eager"\nsignature = "x"\nreason = "y"\n'
        '[[known]]\nscenario = "autocast/*"\nimplementation = "eager"\nsignature = "x"\nreason = "y"\n'
        'expires = "2020-01-01"\n'
    )
    ran = call(
        "run", "autocast/*", "--implementation=eager", "-n0", f"--known={file}", f"-o{tmp_path}/r"
    )
    assert ran.returncode == 4
    assert "'autocast/gone' on 'eager' matches no trial" in ran.stderr + ran.stdout
    assert "expired on 2020-01-01" in ran.stderr + ran.stdout


def test_a_missing_file_of_known_entries_makes_no_sense(tmp_path: Path) -> None:
    ran = call("run", "autocast/*", "--implementation=eager", f"--known={tmp_path}/no.toml")
    assert ran.returncode == 4
    assert "no.toml cannot be read" in ran.stderr
