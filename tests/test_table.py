from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_record import controls

from harness.judge import fails
from harness.model import Exit, Judgement, Observation, Result, Trial, Verdict
from harness.record import Record
from harness.story import TIERS, Tier
from reports import table
from reports.table import Count

if TYPE_CHECKING:
    from collections.abc import Sequence

BOUNDED = settings(max_examples=80, deadline=None, derandomize=True)

MUST, SHOULD, MAY = TIERS


def made(  # noqa: PLR0913 - one argument for each thing that tests vary
    scenario: str,
    verdict: Verdict,
    promised: Sequence[Tier] = (MUST, SHOULD),
    kept: Sequence[Tier] = (),
    *,
    on: str = "mine",
    tier: Tier | None = None,
) -> Result:
    judgement = Judgement(verdict, "a reason", tier, promised=tuple(promised), kept=tuple(kept))
    return Result(Trial(scenario, "", on), judgement, "", "", Exit(Observation()))


def record(results: Sequence[Result], *, without: Sequence[Trial] = ()) -> Record:
    planned = [each.trial for each in results] + list(without)
    names = dict.fromkeys(each.implementation for each in planned)
    header: dict[str, Any] = {
        "plan": [asdict(each) for each in planned],
        "controls": controls(list(names)),
        "implementations": {name: {} for name in names},
    }
    return Record(header, tuple(results), {})


#: One trial of every verdict, all with MUST and SHOULD promises, in one family.
EVERY = record(
    [
        made("a/pass", Verdict.PASS, kept=(MUST, SHOULD)),
        made("a/improved", Verdict.IMPROVED, kept=(MUST, SHOULD), tier=SHOULD),
        made("a/fail_should", Verdict.FAIL, kept=(MUST,), tier=SHOULD),
        made("a/fail_must", Verdict.FAIL, kept=(SHOULD,), tier=MUST),
        made("a/fail_may", Verdict.FAIL, (MUST, SHOULD, MAY), (MUST, SHOULD), tier=MAY),
        made("a/fell_back", Verdict.FELL_BACK, tier=MUST),
        made("a/error", Verdict.ERROR, tier=MUST),
        made("a/crash", Verdict.CRASH, tier=MUST),
        made("a/timeout", Verdict.TIMEOUT, tier=MUST),
        made("a/unsupported", Verdict.UNSUPPORTED),
        made("a/xfail", Verdict.XFAIL, kept=(MUST,), tier=SHOULD),
        made("a/xpass", Verdict.XPASS, kept=(MUST, SHOULD)),
        made("a/flaky", Verdict.FLAKY, kept=(MUST,), tier=SHOULD),
        made("a/bug", Verdict.BUG),
    ],
    without=[Trial("a/not_run", "", "mine")],
)


def test_the_table_has_every_verdict_once_at_least() -> None:
    assert {each.judgement.verdict for each in table.results(EVERY)} == set(Verdict)


def test_counts_are_passed_applicable_and_total_by_tier() -> None:
    assert table.count(table.results(EVERY)) == {
        MUST: Count(passed=7, applicable=13, total=15),
        SHOULD: Count(passed=5, applicable=12, total=14),
        MAY: Count(passed=0, applicable=1, total=1),
    }


@pytest.mark.parametrize("verdict", [v for v in Verdict if v.applicable])
def test_an_applicable_trial_counts_and_passes_by_what_it_kept(verdict: Verdict) -> None:
    kept = made("a/b", verdict, (MUST, SHOULD), (MUST,))
    assert table.count([kept]) == {MUST: Count(1, 1, 1), SHOULD: Count(0, 1, 1)}


@pytest.mark.parametrize("verdict", [Verdict.UNSUPPORTED, Verdict.BUG])
def test_a_trial_that_is_not_applicable_only_counts_in_the_total(verdict: Verdict) -> None:
    kept = made("a/b", verdict, (MUST, SHOULD), (MUST, SHOULD))
    assert table.count([kept]) == {MUST: Count(0, 0, 1), SHOULD: Count(0, 0, 1)}


def test_a_planned_trial_without_result_is_not_run() -> None:
    trial = Trial("a/b", "size=1", "mine")
    (found,) = table.results(record([], without=[trial]))
    assert (found.trial, found.judgement.verdict) == (trial, Verdict.NOT_RUN)
    assert table.count([found]) == {MUST: Count(passed=0, applicable=1, total=1)}


def test_a_planned_trial_without_result_is_counted_by_the_promises_of_its_story() -> None:
    whole = record([], without=[Trial("a/b", f"size={size}", "mine") for size in (1, 2)])
    stories = [
        {"condition": "size=1", "story": "\n    call 1: reuses, equals eager\n"},
        {"condition": "size=2, torch<2.13", "story": "call 1: compiles, 2 ops, equals eager"},
        {"condition": "otherwise", "story": "x (may) = 1"},
    ]
    whole.header["implementations"]["mine"]["fingerprint"] = {"torch": "2.12.1", "python": "3.12"}
    described = {"tiers": {"compiles": "must: a reason"}, "stories": stories}
    whole.header.update(scenarios={"a/b": described})  # type: ignore[attr-defined]
    counts = [table.count([each]) for each in table.results(whole)]
    assert counts == [{MUST: Count(0, 1, 1)}, {MUST: Count(0, 1, 1), MAY: Count(0, 1, 1)}]


def test_a_tier_without_promises_is_left_out() -> None:
    assert list(table.count([made("a/b", Verdict.PASS, (MAY,), (MAY,))])) == [MAY]
    assert table.count([]) == {}


def test_tiers_come_from_the_most_to_the_least_binding() -> None:
    results = [made("a/b", Verdict.PASS, (MAY,)), made("a/c", Verdict.PASS, (SHOULD, MUST))]
    assert list(table.count(results)) == [MUST, SHOULD, MAY]


def test_a_count_is_written_with_slashes() -> None:
    assert str(Count(1, 2, 3)) == "1/2/3"


def test_results_come_in_the_order_of_the_plan() -> None:
    first, second = made("a/one", Verdict.PASS), made("a/two", Verdict.FAIL)
    planned = record([first, second], without=[Trial("a/three", "", "mine")])
    shuffled = Record(planned.header, (second, first), {})
    assert [each.trial.scenario for each in table.results(shuffled)] == [
        "a/one",
        "a/two",
        "a/three",
    ]


def test_families_are_sorted_and_implementations_come_as_they_were_asked_for() -> None:
    results = [
        made("b/x", Verdict.PASS, on="second"),
        made("a/x", Verdict.PASS, on="second"),
        made("b/y", Verdict.PASS, on="first"),
    ]
    assert table.families(record(results)) == ["a", "b"]
    assert table.implementations(record(results)) == ["second", "first"]


def test_deviations_are_what_does_not_conform_the_worst_first() -> None:
    found = [each.judgement.verdict for each in table.deviations(EVERY)]
    assert found == [
        Verdict.BUG,
        Verdict.NOT_RUN,
        Verdict.FLAKY,
        Verdict.CRASH,
        Verdict.TIMEOUT,
        Verdict.ERROR,
        Verdict.FELL_BACK,
        *[Verdict.FAIL] * 3,
        Verdict.XPASS,
        Verdict.XFAIL,
    ]


def test_failing_is_what_the_judge_says_fails_a_run() -> None:
    found = {each.trial.scenario for each in table.failing(EVERY)}
    passing = {"a/pass", "a/improved", "a/fail_may", "a/unsupported", "a/xfail"}
    assert found == {each.trial.scenario for each in table.results(EVERY)} - passing


RESULTS = st.lists(
    st.builds(
        made,
        st.sampled_from(["a/b", "a/c", "b/a"]),
        st.sampled_from(Verdict),
        st.lists(st.sampled_from(TIERS), unique=True),
        st.lists(st.sampled_from(TIERS), unique=True),
        on=st.sampled_from(["mine", "other"]),
    ),
    max_size=6,
    unique_by=lambda each: each.trial,
)
TRIALS = st.lists(
    st.builds(Trial, st.just("c/d"), st.sampled_from("xyz"), st.just("mine")), unique=True
)


@BOUNDED
@given(RESULTS, TRIALS)
def test_counts_are_over_the_plan_and_in_order(results: list[Result], missing: list[Trial]) -> None:
    whole = record(results, without=missing)
    every = table.results(whole)
    assert [each.trial for each in every] == list(whole.planned)
    for each in table.count(every).values():
        assert 0 <= each.passed <= each.applicable <= each.total <= len(whole.planned)


@BOUNDED
@given(RESULTS, TRIALS)
def test_every_planned_trial_is_in_some_count(results: list[Result], missing: list[Trial]) -> None:
    for each in table.results(record(results, without=missing)):
        counts = table.count([each]).values()
        assert {count.total for count in counts} == {1}


@BOUNDED
@given(RESULTS, TRIALS)
def test_what_fails_a_run_is_a_deviation(results: list[Result], missing: list[Trial]) -> None:
    whole = record(results, without=missing)
    deviating = {each.trial for each in table.deviations(whole)}
    assert {each.trial for each in table.failing(whole)} <= deviating
    assert all(fails(each.judgement) for each in table.failing(whole))


def test_what_is_not_applicable_is_told_by_what_is_lacking_the_most_first() -> None:
    def lacking(scenario: str, reason: str, on: str) -> Result:
        found = made(scenario, Verdict.UNSUPPORTED, on=on)
        return replace(found, judgement=replace(found.judgement, reason=reason))

    every = [
        lacking("a/x", "needs g; run all the same, it ended in error: x", "mine"),
        lacking("a/y", "needs h; run all the same, it ended in fail: x", "mine"),
        lacking("a/z", "needs h; run all the same, it ended in error: y", "mine"),
        lacking("a/x", "needs g; conforms", "other"),
        made("a/y", Verdict.PASS, on="other"),
    ]
    assert table.unsupported(record(every)) == [
        ("mine", "needs h", 2),
        ("mine", "needs g", 1),
        ("other", "needs g; conforms", 1),
    ]
