from __future__ import annotations

import itertools
import json
import textwrap
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.story import (
    RESET,
    Act,
    Call,
    Event,
    Note,
    Step,
    Story,
    StoryError,
    Tier,
    Told,
    facets,
    from_json,
    lines,
    parse,
    render,
    to_json,
)

BOUNDED = settings(max_examples=80, deadline=None, derandomize=True)

NAMES = st.from_regex(r"[a-z]([a-z0-9 \[\].]{0,8}[a-z0-9\]])?", fullmatch=True).filter(
    lambda name: name != "change" and not name.startswith("call")
)
PLACES = st.sampled_from(
    ["result", "result[0]", "result['a']", "argument 0", "argument bias", "argument 1[0].x"]
)
EFFECTS = st.one_of(
    PLACES.map("mutates {}".format),
    st.builds("{} is {}".format, PLACES, PLACES),
    st.builds("{} shares storage with {}".format, PLACES, PLACES),
)
OUTCOMES = st.sampled_from(
    [
        "equals eager",
        "resembles eager",
        "differs from eager in stride of result",
        "differs from eager in value of result[0] and dtype of result[1]",
        "returns [1, 2], of shape [2]",
        "returns mutates argument 0, equals eager",
        "raises ValueError",
        "raises torch._dynamo.exc.Unsupported while tracing",
        "raises RuntimeError, equals eager",
    ]
)
LINES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=12
).map(str.rstrip)
TEXTS = st.one_of(
    LINES,
    st.lists(LINES, min_size=1, max_size=4).flatmap(
        lambda rows: LINES.filter(bool).map(lambda last: "\n".join([*rows, last]))
    ),
)
CALLS = st.one_of(
    st.builds(
        Call,
        number=st.just(1),
        ran=st.just("compiles"),
        graphs=st.integers(0, 12),
        ops=st.none() | st.integers(0, 12),
        captures=st.none() | st.integers(1, 12),
        outcome=OUTCOMES,
        of=st.just("") | NAMES,
        effects=st.lists(EFFECTS, max_size=3).map(tuple),
    ),
    st.builds(
        Call,
        number=st.just(1),
        ran=st.sampled_from(["reuses", "runs uncompiled", ""]),
        outcome=OUTCOMES,
        of=st.just("") | NAMES,
        effects=st.lists(EFFECTS, max_size=3).map(tuple),
    ),
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    CALLS,
    st.builds(
        Act,
        NAMES,
        st.sampled_from(["succeeds", "raises ValueError while tracing"]),
        st.none() | st.integers(0, 12),
    ),
    st.builds(
        Note,
        NAMES,
        st.sampled_from(["equals eager", "resembles eager", "differs from eager in value of it"]),
    ),
    st.builds(Told, NAMES, TEXTS, st.sampled_from(Tier)),
    st.builds(Step, LINES.filter(bool)),
    st.just(RESET),
)


def numbered(runs: list[tuple[Event, int]]) -> Story:
    numbers = itertools.count(1)
    events = [event for event, times in runs for _ in range(times)]
    return tuple(
        replace(event, number=next(numbers)) if isinstance(event, Call) else event
        for event in events
    )


STORIES = st.lists(st.tuples(EVENTS, st.integers(1, 5)), max_size=6).map(numbered)


@BOUNDED
@given(STORIES)
def test_a_story_is_what_its_text_says(story: Story) -> None:
    assert parse(render(story)) == story


@BOUNDED
@given(STORIES)
def test_the_text_of_a_story_is_canonical(story: Story) -> None:
    assert render(parse(render(story))) == render(story)


@BOUNDED
@given(STORIES, st.integers(0, 12))
def test_common_indentation_and_blank_margins_are_no_part_of_a_story(
    story: Story, deep: int
) -> None:
    assert parse("\n\n" + textwrap.indent(render(story), " " * deep) + "\n   ") == story


@BOUNDED
@given(STORIES)
def test_an_event_is_what_its_json_says(story: Story) -> None:
    assert tuple(from_json(json.loads(json.dumps(to_json(event)))) for event in story) == story


@BOUNDED
@given(STORIES)
def test_there_is_one_line_an_event_where_nothing_is_collapsed(story: Story) -> None:
    assert len(lines(story)) == len(story)
    assert parse("\n".join(lines(story))) == story


def reuse(number: int, **more: Any) -> Call:  # noqa: ANN401 - a field of any type
    return Call(number, "reuses", "equals eager", **more)


def test_two_like_calls_stay_two_lines() -> None:
    assert render((reuse(1), reuse(2))) == (
        "call 1: reuses, equals eager\ncall 2: reuses, equals eager\n"
    )


def test_three_like_calls_become_one_line() -> None:
    assert render((reuse(1), reuse(2), reuse(3))) == "calls 1-3: reuses, equals eager\n"


def test_a_run_of_like_calls_ends_where_a_facet_changes() -> None:
    story = (reuse(1), reuse(2), reuse(3), reuse(4, effects=("mutates argument 0",)))
    assert render(story) == (
        "calls 1-3: reuses, equals eager\ncall 4: reuses, mutates argument 0, equals eager\n"
    )


def test_a_run_of_like_calls_ends_at_another_event() -> None:
    story = (reuse(1), reuse(2), RESET, reuse(3))
    assert render(story).splitlines() == [
        "call 1: reuses, equals eager",
        "call 2: reuses, equals eager",
        "reset",
        "call 3: reuses, equals eager",
    ]


def test_calls_of_different_programs_are_not_collapsed() -> None:
    story = (reuse(1, of="f"), reuse(2, of="g"), reuse(3, of="f"))
    assert len(render(story).splitlines()) == 3


def test_a_range_of_calls_of_a_program_is_that_many_calls() -> None:
    assert parse("calls 1-3 of f: reuses, equals eager") == tuple(
        reuse(number, of="f") for number in (1, 2, 3)
    )


def test_like_events_that_are_no_calls_are_never_collapsed() -> None:
    assert render((RESET,) * 3) == "reset\nreset\nreset\n"


@pytest.mark.parametrize(
    ("graphs", "ops", "text"),
    [
        (1, None, "call 1: compiles, equals eager\n"),
        (2, None, "call 1: compiles 2 graphs, equals eager\n"),
        (0, None, "call 1: compiles no graphs, equals eager\n"),
        (1, 1, "call 1: compiles, 1 op, equals eager\n"),
        (1, 0, "call 1: compiles, 0 ops, equals eager\n"),
        (3, 7, "call 1: compiles 3 graphs, 7 ops, equals eager\n"),
    ],
)
def test_graphs_and_ops_are_counted_in_words(graphs: int, ops: int | None, text: str) -> None:
    assert render((Call(1, "compiles", "equals eager", graphs=graphs, ops=ops),)) == text


def test_a_call_has_its_facets_in_the_order_of_its_line() -> None:
    call = Call(
        1,
        "compiles",
        "equals eager",
        graphs=2,
        ops=3,
        effects=("mutates argument 0", "result is argument 0"),
    )
    assert facets(call) == [
        ("compiles", "compiles 2 graphs"),
        ("ops", "3 ops"),
        ("effects", "mutates argument 0"),
        ("effects", "result is argument 0"),
        ("outcome", "equals eager"),
    ]


def test_a_call_of_which_nothing_is_known_has_only_an_outcome() -> None:
    assert facets(Call(1, "", "equals eager")) == [("outcome", "equals eager")]


def test_other_events_have_one_facet() -> None:
    assert facets(Note("weight", "equals eager")) == [("outcome", "weight: equals eager")]


def test_a_text_of_several_lines_is_an_indented_block() -> None:
    story = (Told("graph", "def f(x):\n    return x\n\nend", Tier.MAY), RESET)
    text = "graph (may) =\n    def f(x):\n        return x\n\n    end\nreset\n"
    assert render(story) == text
    assert parse(text) == story


def test_a_block_ends_where_its_indentation_does() -> None:
    story = parse("  a =\n      one\n      two\n  b = 3")
    assert story == (Told("a", "one\ntwo"), Told("b", "3"))


def test_a_text_may_contain_what_looks_like_another_event() -> None:
    story = (Told("guards", "call 1: equals eager\nx = 2\n    reset"),)
    assert parse(render(story)) == story


@pytest.mark.parametrize("tier", ["should", "may", "diverge"])
def test_a_told_value_names_its_tier_unless_it_binds(tier: str) -> None:
    assert render((Told("inputs", "f32[2]", Tier(tier)),)) == f"inputs ({tier}) = f32[2]\n"
    assert render((Told("inputs", "f32[2]"),)) == "inputs = f32[2]\n"


def test_an_empty_text_is_an_empty_story() -> None:
    assert parse("\n   \n") == ()
    assert render(()) == ""


def test_an_empty_line_is_refused_by_its_number() -> None:
    with pytest.raises(StoryError, match="line 2 is empty: a story has one event a line"):
        parse("reset\n\nreset")


@pytest.mark.parametrize(
    "line", ["calls", "call 1 of f", "weight: is fine", "call 1 compiles", "call x: reuses"]
)
def test_a_line_that_is_no_event_is_refused_with_number_and_grammar(line: str) -> None:
    with pytest.raises(StoryError) as caught:
        parse(f"reset\n{line}")
    assert str(caught.value).startswith(f"line 2 is no event: {line!r}; expected 'call N: ...'")
    for word in ("calls N-M: ...", "change: ...", "reset", "NAME: equals eager", "NAME = VALUE"):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("clauses", "rest"),
    [
        ("compiles, is right", "is right"),
        ("compiles", "compiles"),
        ("recompiles, equals eager", "recompiles, equals eager"),
        ("mutates nothing, equals eager", "mutates nothing, equals eager"),
        ("equals eager, 2 ops", "equals eager, 2 ops"),
        ("differs from eager", "differs from eager"),
    ],
)
def test_a_call_without_outcome_is_refused_with_number_and_grammar(clauses: str, rest: str) -> None:
    with pytest.raises(StoryError) as caught:
        parse(f"reset\ncall 1: {clauses}")
    assert str(caught.value).startswith(f"line 2: {rest!r} in 'call 1: {clauses}' is no outcome")
    for word in ("'equals eager'", "'differs from eager in ...'", "'returns ...'", "'raises ...'"):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("call 2: equals eager", "[2]"),
        ("call 1: equals eager\ncall 1: equals eager", "[1, 1]"),
        ("call 1: equals eager\ncall 3: equals eager", "[1, 3]"),
        ("calls 1-3: equals eager\ncall 3: equals eager", "[1, 2, 3, 3]"),
        ("call 0: equals eager", "[0]"),
    ],
)
def test_calls_out_of_order_are_refused_with_what_was_expected(text: str, found: str) -> None:
    with pytest.raises(StoryError) as caught:
        parse(text)
    assert str(caught.value) == (f"calls are numbered {found}, expected 1, 2, 3 and so on in order")


def test_a_range_that_runs_backwards_is_refused() -> None:
    with pytest.raises(StoryError, match="3-1"):
        parse("calls 3-1: equals eager")


def test_only_a_compilation_counts_graphs() -> None:
    with pytest.raises(StoryError, match="line 1"):
        parse("call 1: reuses 2 graphs, equals eager")


def test_a_place_in_a_story_may_be_a_key_with_spaces_and_commas() -> None:
    story = (Call(1, "reuses", "equals eager", effects=("mutates argument 0['a, b']",)),)
    assert parse(render(story)) == story


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"kind": "dream"},
        {"kind": "note", "name": "weight"},
        {"kind": "step", "text": "x", "more": 1},
        {"kind": "told", "name": "x", "text": "y", "tier": "perhaps"},
        {"kind": "call", "number": 1, "ran": "", "outcome": "equals eager", "effects": 5},
    ],
)
def test_a_value_that_is_no_event_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(StoryError, match="is no event"):
        from_json(value)
