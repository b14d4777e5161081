"""A second look tells a deviation from a flake, from a fault of our isolation, and from what others leave behind."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from conftest import HANGS, ROOT, touchstone
from hypothesis import given, settings
from hypothesis import strategies as st
from test_run import profile

from conformance.second_look import _Looker, unexpected
from harness.culprits import smallest
from harness.judge import Terms
from harness.model import Exit, Judgement, Observation, Result, Trial, Verdict
from harness.record import Record, read
from harness.story import Tier, parse

if TYPE_CHECKING:
    from conformance.session import Session

BOUNDED = settings(max_examples=100, deadline=None, derandomize=True)

#: The first compiles a product, the second a sum.
PRODUCT, SUM = (
    "aliasing/kept_results_stay",
    "aliasing/neutral_operation_makes_a_tensor[operation=add 0]",
)


@BOUNDED
@given(st.sets(st.integers(0, 40), min_size=1, max_size=5), st.integers(41, 60))
def test_exactly_those_are_found_that_it_takes(culprits: set[int], number: int) -> None:
    asked: list[Sequence[int]] = []

    def happens(things: Sequence[int]) -> bool:
        asked.append(things)
        assert list(things) == sorted(things)
        return culprits <= set(things)

    assert set(smallest(range(number), happens)) == culprits
    assert len(asked) <= (2 * number.bit_length() if len(culprits) == 1 else 60 * len(culprits))


def made(name: str, verdict: Verdict, signature: str = "", tier: Tier = Tier.MUST) -> Result:
    judgement = Judgement(verdict, "a reason", tier, signature=signature)
    return Result(Trial(name, "", "mine"), judgement, "", "", Exit(Observation()))


def test_each_deviation_is_looked_at_before_others_like_it_and_what_is_expected_is_not() -> None:
    results = [
        made("a/one", Verdict.FAIL, "x"),
        made("a/two", Verdict.FAIL, "x"),
        made("a/three", Verdict.CRASH, "y"),
        made("a/pass", Verdict.PASS),
        made("a/known", Verdict.XFAIL, "x"),
        made("a/bug", Verdict.BUG, "bug"),
        made("a/may", Verdict.FAIL, "z", Tier.MAY),
    ]
    assert [each.trial.scenario for each in unexpected(results)] == ["a/one", "a/three", "a/two"]
    assert "a/may" in [each.trial.scenario for each in unexpected(results, strict=True)]


def test_a_search_whose_time_is_over_says_so_and_accuses_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody knows then whether trials before it explain the deviation."""
    conforms = Exit(Observation(story=parse("reset"), ended=True))
    monkeypatch.setattr(_Looker, "_terms", lambda *_: Terms(parse("reset")))
    monkeypatch.setattr(_Looker, "_alone", lambda *_: conforms)
    monkeypatch.setattr(_Looker, "_run", lambda *_: conforms)
    session = SimpleNamespace(
        settings=SimpleNamespace(mode="fork", folder=tmp_path), isolation=None
    )
    results = [made("a/before", Verdict.PASS), made("a/one", Verdict.FAIL, "x")]
    looker = _Looker(cast("Session", session), results, until=time.monotonic() - 1)
    found = looker.look(results[1])
    assert (found.judgement.verdict, found.judgement.signature) == (Verdict.FAIL, "x")
    assert found.judgement.reason.startswith("a reason; not so alone or where home is empty")
    assert found.polluters == ()


Run = Callable[..., tuple[Record, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run_(backend: str, *arguments: str) -> tuple[Record, str]:
        shared = "--isolation=none" in arguments  # it takes no environment of its own
        asked = f"faults:{backend}" if shared else profile(tmp_path, backend)
        home = tmp_path / "home"
        home.mkdir()
        done = subprocess.run(
            touchstone(
                *("run", "--second-look=3600", *arguments, "-n0", f"-o{tmp_path / 'out'}"),
                f"--implementation={asked}",
            ),
            cwd=ROOT,
            env={
                **os.environ,
                "HOME": str(home),
                "COUNT": str(tmp_path / "count"),
                "PYTHONPATH": str(Path(__file__).parent),
            },
            capture_output=True,
            text=True,
            timeout=HANGS,
            check=False,
        )
        record = read(tmp_path / "out/record.jsonl")
        assert len(record.results) == len(record.planned)
        return record, done.stdout + done.stderr

    return run_


def by_scenario(record: Record) -> dict[str, Result]:
    return {
        f"{r.trial.scenario}[{r.trial.variant}]" if r.trial.variant else r.trial.scenario: r
        for r in record.results
    }


def test_what_deviates_alike_in_a_fresh_interpreter_is_confirmed(run: Run) -> None:
    record, said = run("wrong", PRODUCT)
    (result,) = record.results
    assert "looking again at 1 unexpected" in said
    assert result.judgement.verdict is Verdict.FAIL
    assert [each.how for each in result.attempts] == [
        "in order",
        "in a fresh interpreter, with an empty home",
    ]
    assert len({(each.verdict, each.signature) for each in result.attempts}) == 1


def test_identical_attempts_that_differ_are_flaky(run: Run) -> None:
    record, said = run("now_and_then", PRODUCT)
    (result,) = record.results
    assert result.judgement.verdict is Verdict.FLAKY
    assert record.footer["verdicts"] == {"flaky": 1}
    assert [str(each.verdict) for each in result.attempts] == ["fail", "pass", "pass", "pass"]
    assert "identical attempts differ: fail (" in said


def test_repeated_attempts_that_differ_are_flaky_and_need_no_second_look(run: Run) -> None:
    record, said = run("now_and_then", PRODUCT, "--repeat", "3")
    (result,) = record.results
    assert result.judgement.verdict is Verdict.FLAKY
    assert [str(each.verdict) for each in result.attempts] == ["fail", "pass", "pass"]
    assert result.exit.observation.story[0].outcome.startswith("differs")  # type: ignore[union-attr]
    assert "looking again" not in said


@pytest.mark.long
def test_the_trials_that_pollute_another_are_named(run: Run) -> None:
    record, said = run("remembers", "aliasing/kept_results_stay", "aliasing/neutral_operation*")
    found = by_scenario(record)
    polluted = found[SUM]
    assert polluted.judgement.verdict is Verdict.FAIL
    assert polluted.polluters == (f"{PRODUCT} @ remembers",)
    assert f"conforms alone, and deviates after {PRODUCT} @ remembers: " in said
    assert found[PRODUCT].judgement.verdict is Verdict.PASS


@pytest.mark.long
def test_what_only_forks_suffer_from_is_our_fault(run: Run) -> None:
    record, _ = run("fears_forks", PRODUCT)
    (result,) = record.results
    assert result.judgement.verdict is Verdict.BUG
    assert "judge it with `--isolation spawn`" in result.judgement.reason


def test_no_second_look_is_taken_where_none_is_wanted(run: Run) -> None:
    record, said = run("wrong", PRODUCT, "--second-look", "0")
    assert record.results[0].attempts == ()
    assert "looking again" not in said


@pytest.mark.long
def test_without_isolation_what_pollutes_the_process_is_named(run: Run) -> None:
    record, said = run("remembers_here", PRODUCT, "aliasing/neutral_op*", "--isolation=none")
    found = by_scenario(record)
    name = found[SUM].trial.implementation
    assert found[SUM].polluters == (f"{PRODUCT} @ {name}",), said
    assert found[PRODUCT].judgement.verdict is Verdict.PASS
