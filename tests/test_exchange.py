"""What is said about a pair of environments, from the story of the one that loads."""

from __future__ import annotations

from collections import Counter

import pytest

from harness import catalog
from harness.exchange import Outcome, Pair, exchanges, judge_pair, page, split, tabulate_pairs
from harness.model import Exit, Observation
from harness.story import Act, Call, Step, parse

STORY = parse("""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 2: reuses, equals eager
""")
REST = (Act("load", "succeeds"), Call(2, "reuses", "equals eager"))


def seen(*story: Act | Call, message: str = "", **more: object) -> Exit:
    evidence = tuple({"error": {"message": message}} for _ in story)
    told = Observation(story=story, evidence=evidence, ended=True)
    return Exit(told, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["process", "interpreter"])
def test_a_story_is_split_where_the_process_changes(kind: str) -> None:
    change = Step(f"a fresh {kind} goes on")
    before, after = split((*STORY[:3], change, *STORY[4:]))
    assert before[-1] == change
    assert after == REST


def test_the_expected_story_works() -> None:
    assert judge_pair(REST, seen(*REST)) == (Outcome.WORKS, "")


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ("the artifact has an unsupported serialization format", Outcome.REFUSES),
        ("persistent IDs must be strings", Outcome.FAILS),
    ],
)
def test_an_error_at_loading_is_clear_if_it_says_why(message: str, outcome: Outcome) -> None:
    found, reason = judge_pair(
        REST, seen(Act("load", "raises RuntimeError while running"), message=message)
    )
    assert found is outcome
    assert message in reason


def test_the_error_that_nobody_expects_is_the_reason() -> None:
    refused = Act("load without its module", "raises RuntimeError while running")
    failing = Act("load", "raises AttributeError while running")
    message = "no such thing in <module 'torch' from '/somewhere/torch.py'>"
    _, reason = judge_pair((refused, *REST), seen(refused, failing, message=message))
    assert reason == "load: raises AttributeError while running: no such thing in <module 'torch'>"


def test_of_many_scenarios_that_do_the_same_some_are_named() -> None:
    pairs = [Pair(f"a/x{n}", "", "old", "new", Outcome.FAILS, "why") for n in range(5)]
    said = page(pairs, {"old": "2.13", "new": "2.15"})
    assert "- old to new, 5 scenarios, such as `a/x0`, `a/x1`, `a/x2`: why" in said


def test_an_error_at_the_call_is_too_late_to_be_clear() -> None:
    call = Call(2, "", "raises RuntimeError while running")
    assert judge_pair(REST, seen(REST[0], call, message="version"))[0] is Outcome.FAILS


def test_wrong_values_crashes_and_half_stories_fail_badly() -> None:
    wrong = Call(2, "reuses", "differs from eager in value of result")
    assert judge_pair(REST, seen(REST[0], wrong))[0] is Outcome.FAILS
    assert judge_pair(REST, seen(*REST, status=-11))[0] is Outcome.FAILS
    assert judge_pair(REST, seen(REST[0]))[0] is Outcome.FAILS


def test_scenarios_that_go_on_elsewhere_with_an_artefact_can_be_exchanged() -> None:
    found = {entry.id for entry in catalog.read() if exchanges(entry)}
    assert "ahead_of_time/function_round_trip" in found
    assert not any(name.startswith("recompiles/") for name in found)


def test_the_page_counts_every_pair_and_gives_the_reasons_of_those_that_do_not_work() -> None:
    pairs = [
        Pair("f/a", "", "old", "new", Outcome.WORKS, ""),
        Pair("f/b", "x=1", "old", "new", Outcome.REFUSES, "another format"),
        Pair("f/b", "", "new", "old", Outcome.FAILS, "a pickle error"),
    ]
    assert tabulate_pairs(pairs)["old", "new"] == Counter([Outcome.WORKS, Outcome.REFUSES])
    text = page(pairs, {"old": "2.13", "new": "2.15"})
    assert "| old | - | works 1, refuses clearly 1 |" in text
    assert "- old to new, `f/b[x=1]`: another format" in text
    assert "- new to old, `f/b`: a pickle error" in text
