from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from conftest import HANGS, ROOT, touchstone

from conformance.commands.implementations import NO_PYTHON, NO_TORCH, NOT_MADE, READY, survey
from conformance.doctor import BROKEN, BUG, CONTROL, DEVIATES, FINE, SMOKE, Check, diagnose
from harness import catalog
from harness.implementations import find
from harness.model import Exit, Implementation, Judgement, Observation, Result, Trial, Verdict
from harness.needs import NEEDS

GOOD = [Check("environment", "here"), Check("torch", "2.13.0")]


def result(verdict: Verdict) -> Result:
    return Result(Trial("a/b", "", "mine"), Judgement(verdict), "", "", Exit(Observation()))


@pytest.mark.parametrize(
    ("verdicts", "code", "said"),
    [
        ([Verdict.PASS, Verdict.UNSUPPORTED], FINE, "2 scenarios found nothing to complain of"),
        ([Verdict.PASS, Verdict.XFAIL, Verdict.IMPROVED], FINE, "your environment works"),
        ([Verdict.PASS, Verdict.FAIL], DEVIATES, "does not conform in 1 of 2 scenarios"),
        ([Verdict.CRASH, Verdict.ERROR], DEVIATES, "does not conform in 2 of 2 scenarios"),
        ([Verdict.FAIL, Verdict.BUG], BUG, "Touchstone itself failed"),
        ([Verdict.UNSUPPORTED], BROKEN, "nothing was applicable"),
    ],
)
def test_a_diagnosis_says_whose_fault_it_is(verdicts: list[Verdict], code: int, said: str) -> None:
    found = diagnose(GOOD, [result(each) for each in verdicts])
    assert found[0] == code
    assert said in found[1]


def test_a_broken_environment_says_nothing_about_conformance() -> None:
    code, said = diagnose([*GOOD, Check("import", "no module", good=False)], [])
    assert (code, said) == (
        4,
        "your environment is broken (import); nothing is said about conformance",
    )


def test_the_smoke_is_a_dozen_scenarios_over_all_families_and_needs_but_few() -> None:
    entries = {entry.id: entry for entry in catalog.read()}
    assert set(SMOKE) <= set(entries)
    assert len(SMOKE) == len(set(SMOKE)) == 12
    assert len({entries[each].family for each in SMOKE}) >= 8
    assert len({need for each in SMOKE for need in entries[each].needs}) >= 11
    assert not any(entries[each].needs for each in CONTROL)


def doctor(name: str) -> tuple[int, str]:
    ran = subprocess.run(
        touchstone("doctor", name),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert "Traceback" not in ran.stderr
    return ran.returncode, ran.stdout


def profile(folder: Path, text: str) -> str:
    file = folder / "mine.toml"
    file.write_text(
        f'{text}\n[environ]\nPYTHONPATH = "{Path(__file__).parent}"\n', encoding="utf-8"
    )
    return str(file)


def test_a_conforming_implementation_is_confirmed_claim_by_claim() -> None:
    code, said = doctor("eager")
    assert code == 0, said
    assert len(re.findall(r"^  pass ", said, re.MULTILINE)) == 12
    assert "  torch_compile      confirmed (1/1)" in said
    assert "eager: your environment works, and 12 scenarios found nothing to complain of" in said


def test_an_implementation_that_is_wrong_is_told_from_an_environment_that_is_broken(
    tmp_path: Path,
) -> None:
    code, said = doctor(profile(tmp_path, 'backend = "faults:wrong"\nclaims = ["fullgraph"]'))
    assert code == 1, said
    assert "  ok      control      backend eager conforms here" in said
    assert "  fullgraph          claimed, but fails (0/1)" in said
    assert "  autocast           not claimed (0/1)" in said
    assert "your environment works, and your implementation does not conform in 3 of 12" in said


@pytest.mark.long
def test_what_passes_without_being_claimed_is_said(tmp_path: Path) -> None:
    code, said = doctor(profile(tmp_path, 'backend = "faults:honest"\nclaims = []'))
    assert code == 0, said
    assert "  dynamic_shapes     not claimed, but passes (3/3)" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('backend = "eager"\npython = "/nope/python"', "BROKEN  environment  .* correct `python`"),
        ('backend = "no.such:thing"', "BROKEN  import .* No module named 'no'; install it into"),
        (
            'backend = "eager"\ntools = ["no-such-g++"]',
            "BROKEN  tools .* no-such-g.. not found; ins",
        ),
        (
            'backend = "eager"\ncpu = ["VSX"]',
            "BROKEN  cpu .* with VSX alone, .* another machine",
        ),
        ('backend = "eager"\ndevice = "warp"', "BROKEN  control .* repair torch, the device or"),
    ],
)
def test_a_broken_environment_is_told_with_the_remedy_and_nothing_is_judged(
    tmp_path: Path, text: str, said: str
) -> None:
    code, told = doctor(profile(tmp_path, text))
    assert code == 4
    assert re.search(said, told), told
    assert "a dozen scenarios" not in told
    assert "your environment is broken" in told


# the state of an environment, from its files alone


def test_the_states_of_environments_are_seen_without_starting_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOUCHSTONE_HOME", str(tmp_path / "home"))
    scripts = tmp_path / "venv/bin"
    scripts.mkdir(parents=True)
    (scripts / "python").write_text("#!/bin/sh\nexit 1\n")
    (scripts / "python").chmod(0o755)
    (tmp_path / "venv/pyvenv.cfg").write_text("include-system-site-packages = false\n")
    own = Implementation("own", python=str(scripts / "python"), backend="x")
    assert (survey(own)["state"], survey(own)["torch"]) == (NO_TORCH, "")
    (tmp_path / "venv/lib/python3.12/site-packages/torch-2.12.1.dist-info").mkdir(parents=True)
    assert (survey(own)["state"], survey(own)["torch"]) == (READY, "2.12.1")
    gone = Implementation("gone", python="/nope/python", backend="x")
    assert survey(gone)["state"] == NO_PYTHON
    assert survey(find("eager-2.15"))["state"] == NOT_MADE
    assert survey(find("eager"))["torch"].startswith("2.13.0")
    assert survey(find("inductor"))["claims"] == list(NEEDS)
