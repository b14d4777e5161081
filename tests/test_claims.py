from __future__ import annotations

import pytest

from harness.judge import NOT_CLAIMED
from harness.model import Exit, Failure, Judgement, Observation, Result, Trial, Verdict
from harness.record import Record
from harness.story import Call
from reports import text
from reports.claims import Standing, claims, tally


def result(
    scenario: str, verdict: Verdict, reason: str = "", on: str = "mine", phase: str = ""
) -> Result:
    failure = Failure(phase, "ValueError", "no") if phase else None
    return Result(
        Trial(f"a/{scenario}", "", on),
        Judgement(verdict, reason),
        "",
        "",
        Exit(Observation(failure=failure)),
    )


def standing(results: list[Result], *claimed: str) -> tuple[Standing, int, int]:
    needs = {each.trial.scenario: ["fullgraph"] for each in results} or {"a/none": ["fullgraph"]}
    (claim,) = tally(results, needs, {"mine": claimed})
    return claim.standing, claim.kept, claim.trials


UNMET = f"needs fullgraph, {NOT_CLAIMED}; run all the same, it ended in fail: x"


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([Verdict.PASS, Verdict.IMPROVED], (Standing.CONFIRMED, 2, 2)),
        ([Verdict.PASS, Verdict.FAIL], (Standing.PARTLY, 1, 2)),
        ([Verdict.CRASH, Verdict.XFAIL], (Standing.CONTRADICTED, 0, 2)),
        ([Verdict.BUG, Verdict.NOT_RUN], (Standing.UNTESTED, 0, 0)),
        ([Verdict.UNSUPPORTED], (Standing.UNTESTED, 0, 0)),
        ([], (Standing.UNTESTED, 0, 0)),
    ],
)
def test_a_claim_stands_as_its_trials_show(
    verdicts: list[Verdict], expected: tuple[Standing, int, int]
) -> None:
    results = [result(f"s{number}", each) for number, each in enumerate(verdicts)]
    assert standing(results, "fullgraph") == expected


def test_a_need_that_is_not_claimed_is_offered_if_all_of_its_trials_conform() -> None:
    kept, unmet = result("one", Verdict.PASS), result("two", Verdict.UNSUPPORTED, UNMET)
    assert standing([kept]) == (Standing.OFFERED, 1, 1)
    assert standing([kept, unmet]) == (Standing.ABSENT, 1, 2)
    assert standing([]) == (Standing.ABSENT, 0, 0)


def test_a_missing_program_or_another_torch_says_nothing_about_a_need() -> None:
    reason = "needs g++, which is not installed here; run all the same, it ended in error: x"
    assert standing([result("one", Verdict.UNSUPPORTED, reason)]) == (Standing.ABSENT, 0, 0)


def test_a_need_that_is_missing_does_not_speak_against_another_that_is_claimed() -> None:
    results = [result("one", Verdict.UNSUPPORTED, UNMET)]
    found = tally(results, {"a/one": ["fullgraph", "autocast"]}, {"mine": ["autocast"]})
    assert [(claim.need, claim.standing) for claim in found] == [
        ("fullgraph", Standing.ABSENT),
        ("autocast", Standing.UNTESTED),
    ]


def test_an_implementation_that_cannot_run_has_no_claims() -> None:
    for phase in "import", "environment":
        stopped = result("one", Verdict.ERROR, phase=phase)
        assert tally([stopped], {"a/one": ["fullgraph"]}, {"mine": ["fullgraph"]}) == []


def record() -> Record:
    trials = [
        Trial(f"a/{name}", "", on) for on in ("mine", "other") for name in ("one", "two", "free")
    ]
    results = [
        result("one", Verdict.PASS),
        result("two", Verdict.FAIL),
        result("free", Verdict.PASS),
        result("one", Verdict.PASS, on="other"),
        result("two", Verdict.UNSUPPORTED, UNMET, on="other"),
    ]
    header = {
        "plan": [
            {"scenario": t.scenario, "variant": "", "implementation": t.implementation}
            for t in trials
        ],
        "scenarios": {
            "a/one": {"needs": ["autocast", "fullgraph"], "tiers": {}, "stories": []},
            "a/two": {"needs": ["fullgraph"], "tiers": {}, "stories": []},
            "a/free": {"needs": [], "tiers": {}, "stories": []},
        },
        "implementations": {
            "mine": {"profile": {"claims": ["fullgraph", "autocast", "graph_text"]}},
            "other": {"profile": {"claims": []}},
        },
    }
    return Record(header, tuple(results), {})


def test_the_claims_of_a_record_are_those_of_its_scenarios_in_the_order_of_the_needs() -> None:
    assert [
        (each.need, each.implementation, each.standing, each.kept, each.trials)
        for each in claims(record())
    ] == [
        ("fullgraph", "mine", Standing.PARTLY, 1, 2),
        ("fullgraph", "other", Standing.ABSENT, 1, 2),
        ("autocast", "mine", Standing.CONFIRMED, 1, 1),
        ("autocast", "other", Standing.OFFERED, 1, 1),
    ]


def test_the_table_of_claims_has_what_is_claimed_and_what_is_not() -> None:
    assert text.claimed(record()).splitlines() == [
        "claims: trials that conform / trials that need it",
        "need       mine                        other",
        "---------  --------------------------  ---------------------------",
        "fullgraph  claimed, fails in part 1/2  not claimed 1/2",
        "autocast   confirmed 1/1               not claimed, but passes 1/1",
    ]


def test_of_many_implementations_the_claims_that_fail_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(text, "SIDE_BY_SIDE", 1)
    some = record()
    assert text.claimed(some) == ""
    failed = tuple(
        result(each.trial.scenario.partition("/")[2], Verdict.FAIL, on=each.trial.implementation)
        for each in some.results
    )
    assert text.claimed(Record(some.header, failed, {})).splitlines()[3:] == [
        "mine              fullgraph  claimed, but fails 0/2",
        "mine              autocast   claimed, but fails 0/1",
    ]


def test_a_story_that_began_is_no_failure_to_run() -> None:
    late = Observation(
        story=(Call(1, "compiles", "equals eager"),), failure=Failure("import", "X", "y")
    )
    begun = Result(Trial("a/one", "", "mine"), Judgement(Verdict.ERROR), "", "", Exit(late))
    (claim,) = tally([begun], {"a/one": ["fullgraph"]}, {"mine": ["fullgraph"]})
    assert claim.standing is Standing.CONTRADICTED
