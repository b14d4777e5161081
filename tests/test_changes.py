"""What changed between two sides is found, sorted and shown; what did not is not."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_record import controls

from harness.model import Exit, Judgement, Observation, Result, Trial, Verdict
from harness.record import Record
from harness.story import Tier, parse, render
from reports import changes_html, changes_markdown, changes_text
from reports.changes import Comparison, Kind, compare
from reports.observed import Observed, observe, plain
from reports.sides import PairingError, pair_up

STORY = """\
call 1: compiles, equals eager
call 2: compiles, equals eager
call 3: reuses, equals eager
weight: equals eager
graph (may) = a
"""
HOSTILE = "<script>alert(1)</script> `|` ```\n</pre> [x](javascript:y) & \u202e"


def seen(story: str = STORY, **evidence: Any) -> Observation:  # noqa: ANN401 - any JSON value
    """An observation whose second event has this evidence."""
    events = parse(story)
    shown = [evidence if place == 1 else {} for place in range(len(events))]
    return Observation(events, tuple(shown), ended=True)


def made(
    scenario: str = "a/x",
    verdict: Verdict = Verdict.PASS,
    observation: Observation | None = None,
    **more: Any,  # noqa: ANN401 - fields of a result or judgement
) -> Result:
    expected = more.pop("expected", STORY)
    variant, name = more.pop("variant", ""), more.pop("implementation", "mine")
    tier = more.pop("tier", None if verdict.conforms else Tier.MUST)
    judgement = Judgement(
        verdict, more.pop("reason", ""), tier, signature=more.pop("signature", "")
    )
    exit_ = Exit(observation or seen())
    return Result(Trial(scenario, variant, name), judgement, expected, "", exit_, **more)


def recorded(
    *results: Result,
    torch: str = "2.13.0+cpu",
    catalog: str = "0123456789abcdef",
    scenarios: dict[str, Any] | None = None,
    backends: dict[str, str] | None = None,
) -> Record:
    names = dict.fromkeys(each.trial.implementation for each in results)
    described = {
        each.trial.scenario: {"claim": f"The claim of {each.trial.scenario}.", "stories": []}
        for each in results
    }
    return Record(
        header={
            "suite": {"version": "0.1.0", "catalog": catalog, "scenarios": 1},
            "controls": controls(
                list(dict.fromkeys(each.trial.implementation for each in results))
            ),
            "plan": [
                {
                    "scenario": each.trial.scenario,
                    "variant": each.trial.variant,
                    "implementation": each.trial.implementation,
                }
                for each in results
            ],
            "scenarios": {**described, **(scenarios or {})},
            "implementations": {
                name: {
                    "argument": f"{name}.toml",
                    "profile": {"backend": (backends or {}).get(name, name), "device": "cpu"},
                    "fingerprint": {"torch": torch},
                }
                for name in names
            },
        },
        results=results,
        footer={"results": len(results), "seconds": 1.0},
    )


def between(before: Result, after: Result) -> Comparison:
    return compare(recorded(before), recorded(after, torch="2.15.0"))


# observations


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("call 2: compiles", "call 2: reuses", ("call 2", "what ran", "compiles", "reuses")),
        (
            "call 2: compiles",
            "call 2: compiles 3 graphs",
            ("call 2", "what ran", "compiles", "compiles 3 graphs"),
        ),
        (
            "3: reuses, equals eager",
            "3: reuses, raises ValueError",
            ("call 3", "outcome", "equals eager", "raises ValueError"),
        ),
        (
            "3: reuses, ",
            "3: reuses, mutates argument 0, ",
            ("call 3", "effects", "", "mutates argument 0"),
        ),
        (
            "weight: equals eager",
            "weight: differs from eager in value of weight",
            ("weight", "outcome", "equals eager", "differs from eager in value of weight"),
        ),
        ("(may) = a", "(may) = b", ("graph", "text", "a", "b")),
        ("graph (may) = a\n", "", ("graph", "event", "graph (may) = a", "")),
        (
            "weight",
            "change: it rains\nweight",
            ("it rains", "event", "", "change: it rains"),
        ),
    ],
)
def test_each_part_of_a_story_that_changed_is_observed(
    old: str, new: str, wanted: tuple[str, str, str, str]
) -> None:
    assert observe(seen(), seen(STORY.replace(old, new))) == (Observed(*wanted),)


def test_calls_that_changed_alike_are_one_observation() -> None:
    before = "calls 1-9: compiles, equals eager\n"
    after = "calls 1-2: reuses, equals eager\ncall 3: compiles, equals eager\n"
    after += "calls 4-7: reuses, equals eager\ncall 8: compiles, equals eager\n"
    after += "call 9: reuses, equals eager\n"
    (found,) = observe(seen(before), seen(after))
    assert (found.where, found.before, found.after) == ("calls 1-2, 4-7, 9", "compiles", "reuses")


def test_a_side_that_told_nothing_is_not_compared_event_by_event() -> None:
    assert observe(Observation(), seen()) == observe(seen(), Observation()) == ()


def compiled(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    return {"compilations": [{"reason": "", "breaks": [], "failure": "", **more}]}


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (
            compiled(reason="0/0: size mismatch at index 0"),
            compiled(reason="1/2: stride mismatch"),
            ("recompile reason", "size mismatch at index 0", "stride mismatch"),
        ),
        (
            compiled(reason='["0/0: a is b", "0/1: c is d"]'),
            compiled(reason='["0/0: a is b"]'),
            ("recompile reason", "a is b\nc is d", "a is b"),
        ),
        (
            compiled(breaks=["print is called\n  more"]),
            compiled(),
            ("graph breaks", "1:\nprint is called", ""),
        ),
        (
            compiled(breaks=["x"]),
            compiled(breaks=["x", "x"]),
            ("graph breaks", "1:\nx", "2:\nx\nx"),
        ),
        (
            compiled(failure="Unsupported: x"),
            compiled(),
            ("failed compilation", "Unsupported: x", ""),
        ),
        (
            {"error": {"type": "E", "message": "old words", "phase": "run"}},
            {"error": {"type": "E", "message": "new words", "phase": "run"}},
            ("message", "old words", "new words"),
        ),
        (
            {"error": {"message": "first\nold\n\nfrom user code:\n at a"}, **compiled(failure="x")},
            {"error": {"message": "first\nnew\n\nfrom user code:\n at b"}, **compiled(failure="y")},
            ("message", "first\nold", "first\nnew"),
        ),
        ({"logs": []}, {"logs": ["limit hit"]}, ("logged", "", "limit hit")),
    ],
)
def test_what_explains_an_event_is_observed_as_evidence(
    before: dict[str, Any], after: dict[str, Any], wanted: tuple[str, str, str]
) -> None:
    (found,) = observe(seen(**before), seen(**after))
    assert found == Observed("call 2", *wanted, evidence=True)


@pytest.mark.parametrize(
    "evidence",
    [
        {"seconds": 1.0},
        {"compilations": [{"guards": "x", "graphs": ["y"], "id": "3/4"}]},
        {"something_new": {"a": 1}},
        {"compilations": None, "error": None, "logs": None},
    ],
)
def test_what_is_an_implementations_own_business_is_no_observation(
    evidence: dict[str, Any],
) -> None:
    assert observe(seen(), seen(**evidence)) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0/0: a is b", "2/1: a is b"),
        ("check(x, 140619205147872)", "check(x, 94725995090896)"),
        ("<f at 0x7f0011223344>", "<f at 0x7f0099887766>"),
        ("/opt/a/lib/file.py:12", "/home/b/lib/file.py:99"),
        (
            "a is c      # return c + 1  # wtD/cases/a.py:16 in add\nUser stack trace:\n  File x",
            "a is c  # return c  # elsewhere/a.py:20 in add",
        ),
        ("a\n  b", "a b"),
        ("  ~~^~~ ", "^^^^^"),
        ("Caused by: x # wtD/cases/a.py:16 in f", "Caused by: x # other/place/a.py:9 in f"),
        ("it failed\n\nfrom user code:\n  File a", "it failed\nSet TORCHDYNAMO_VERBOSE=1"),
    ],
)
def test_what_another_run_would_change_is_no_difference(one: str, other: str) -> None:
    assert plain(one) == plain(other)


def test_the_hint_after_a_line_of_source_is_kept() -> None:
    text = "check(y), type=int  # f = lambda x: x  # a/b.py:175 in <lambda> (HINT: type int)"
    assert plain(text) == "check(y), type=int (HINT: type int)"


def test_the_rows_of_a_long_text_are_those_around_the_change() -> None:
    before = "\n".join(f"line {number}" for number in range(20))
    found = Observed("graph", "text", before, before.replace("line 9", "line nine"))
    assert found.rows() == [
        ("…", ""),
        (" ", "line 7"),
        (" ", "line 8"),
        ("-", "line 9"),
        ("+", "line nine"),
        (" ", "line 10"),
        (" ", "line 11"),
        ("…", ""),
    ]


# sorting


FAILED: dict[str, Any] = {"reason": "call 2 compiles", "signature": "call 2 compiles"}


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (made(), made(), None),
        (made(), made(verdict=Verdict.FAIL, **FAILED), Kind.FAILS),
        (made(verdict=Verdict.UNSUPPORTED), made(verdict=Verdict.CRASH), Kind.FAILS),
        (made(verdict=Verdict.XFAIL), made(verdict=Verdict.XPASS), Kind.FAILS),
        (made(verdict=Verdict.FAIL), made(), Kind.PASSES),
        (made(verdict=Verdict.ERROR), made(verdict=Verdict.XFAIL), Kind.PASSES),
        (made(), made(verdict=Verdict.XFAIL), Kind.JUDGED),
        (made(), made(verdict=Verdict.UNSUPPORTED), Kind.JUDGED),
        (made(verdict=Verdict.FAIL), made(verdict=Verdict.FAIL, **FAILED), Kind.JUDGED),
        (made(verdict=Verdict.FAIL), made(verdict=Verdict.FAIL, tier=Tier.SHOULD), Kind.JUDGED),
        (made(), made(verdict=Verdict.FAIL, tier=Tier.MAY), Kind.JUDGED),
        (made(), made(expected="call 1: compiles, equals eager\n"), Kind.TOLD),
        (made(), made(observation=seen(STORY.replace("= a", "= b"))), Kind.TOLD),
        (made(), made(observation=seen(logs=["x"])), Kind.EXPLAINED),
    ],
)
def test_a_change_is_of_one_kind(before: Result, after: Result, kind: Kind | None) -> None:
    found = between(before, after)
    assert [change.kind for change in found.changes] == ([kind] if kind else [])
    assert found.regressions == (kind is Kind.FAILS)
    assert found.alike == (kind is None)


def test_strict_counts_what_a_strict_run_counts() -> None:
    sides = recorded(made()), recorded(made(verdict=Verdict.FAIL, tier=Tier.MAY))
    assert compare(*sides).regressions == 0
    assert compare(*sides, strict=True).regressions == 1


def test_a_planned_trial_without_a_result_newly_fails() -> None:
    after = recorded(made())
    found = compare(recorded(made()), replace(after, results=()))
    assert [each.kind for each in found.changes] == [Kind.FAILS]
    assert found.changes[0].after is not None
    assert found.changes[0].after.judgement.verdict is Verdict.NOT_RUN


def test_new_and_removed_trials_are_no_regressions() -> None:
    before = recorded(made("a/x"), made("a/gone"))
    after = recorded(made("a/x"), made("a/born", Verdict.FAIL))
    found = compare(before, after)
    assert found.counts == {Kind.NEW: 1, Kind.REMOVED: 1}
    assert (found.compared, found.alike, found.regressions) == (1, 1, 0)


def test_a_scenario_is_followed_over_its_renaming() -> None:
    renamed = {"a/born": {"claim": "c", "formerly": ["a/gone"], "stories": []}}
    found = compare(recorded(made("a/gone")), recorded(made("a/born"), scenarios=renamed))
    assert (found.compared, found.changes) == (1, ())


def test_like_changes_of_variants_and_implementations_are_one_group() -> None:
    def side(verdict: Verdict) -> Record:
        return recorded(
            *(
                made("a/x", verdict, variant=f"size={size}", implementation=name)
                for name in ("eager", "mine")
                for size in (1, 2)
            ),
            made("a/x", Verdict.PASS, variant="size=3", implementation="mine"),
        )

    found = compare(side(Verdict.PASS), side(Verdict.FAIL))
    (group,) = found.sections[Kind.FAILS]
    assert len(group.changes) == 4
    assert group.where == "eager; mine: [size=1] [size=2]"
    assert group.verdict == "pass → fail (must)"


def test_a_scenario_that_was_edited_says_so() -> None:
    sources = [{"a/x": {"claim": "c", "source": text, "stories": []}} for text in "ab"]
    before = recorded(made(), scenarios=sources[0])
    after = recorded(made(verdict=Verdict.FAIL), scenarios=sources[1], catalog="f" * 16)
    found = compare(before, after)
    (group,) = found.sections[Kind.FAILS]
    assert group.notes == ("the scenario itself was edited between the records",)
    assert len(found.catalogs) == 2
    (same,) = compare(before, recorded(made(verdict=Verdict.FAIL), scenarios=sources[0])).sections[
        Kind.FAILS
    ]
    assert same.notes == ()


# pairing


def implementations(**backends: str) -> Record:
    return recorded(*(made(implementation=name) for name in backends), backends=backends)


def paired(before: Record, after: Record, old: str = "*", new: str = "*") -> list[str]:
    return [pair.label for pair in pair_up(before, after, old, new)[0]]


def test_implementations_are_paired_by_name_and_else_by_backend() -> None:
    before = implementations(eager="eager", old="inductor", gone="x")
    after = implementations(new="inductor", eager="eager", born="y")
    pairs, alone = pair_up(before, after)
    assert [pair.label for pair in pairs] == ["eager", "old → new"]
    assert alone == ("gone on torch 2.13.0", "born on torch 2.13.0")


def test_one_implementation_on_each_side_is_a_pair_whatever_it_is() -> None:
    assert paired(implementations(a="x"), implementations(b="y")) == ["a → b"]
    both = implementations(a="x", b="y")
    assert paired(both, both, "a", "b") == ["a → b"]


def test_patterns_choose_sides_inside_one_record() -> None:
    both = implementations(**{"e-1": "e", "i-1": "i", "i-2": "i", "e-2": "e"})
    assert paired(both, both, "*-1", "*-2") == ["e-1 → e-2", "i-1 → i-2"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("*", "*", "nothing can be paired: a on torch 2.13.0, b on torch 2.13.0, c on torch"),
        ("z", "a", "there is no implementation 'z'; there are a, b, c"),
    ],
)
def test_what_cannot_be_paired_is_refused(old: str, new: str, said: str) -> None:
    both = implementations(a="x", b="x", c="x")
    with pytest.raises(PairingError, match=re.escape(said)):
        pair_up(both, both, old, new)


# showing


def regressed() -> Comparison:
    before = [made("a/x", variant="size=1"), made("a/y"), made("a/z", Verdict.ERROR, reason="old")]
    after = [
        made(
            "a/x",
            Verdict.FAIL,
            seen(STORY.replace("3: reuses", "3: compiles"), **compiled(reason="0/0: a is b")),
            variant="size=1",
            reason="call 3 tells 'compiles' instead of 'reuses'",
            tier=Tier.SHOULD,
        ),
        made("a/y", observation=seen(STORY.replace("= a", "= b"))),
        made("a/z"),
        made("a/new"),
    ]
    return compare(recorded(*before), recorded(*after, torch="2.15.0+cu132"))


def test_changes_in_a_terminal_read_like_this() -> None:
    assert (
        changes_text.render(regressed())
        == """\
mine, torch 2.13.0 → 2.15.0

newly fails, 1:
  a/x  pass → fail (should)  on mine
    + call 3 tells 'compiles' instead of 'reuses'
    call 2: recompile reason: nothing → a is b
    call 3: what ran: reuses → compiles
    rerun: touchstone run 'a/x[size=1]' --implementation mine.toml

newly passes, 1:
  a/z  error (must) → pass  on mine
    - old

told otherwise, 1:
  a/y  pass  on mine
    graph: text: a → b

new, 1:
  a/new  pass  on mine

3 trials on both sides: 1 newly fails, 1 newly passes, 1 told otherwise, 1 new, 0 alike
"""
    )


def test_changes_in_markdown_read_like_this() -> None:
    said = changes_markdown.render(regressed())
    assert said.startswith("# What changed: torch 2.13.0 → 2.15.0\n")
    assert (
        """
## Newly fails

Kept its promises before, or was not asked to, and fails the run now: a regression, or a known deviation that is gone.

### `a/x`

The claim of a/x.

**pass → fail (should)** on mine

- now: call 3 tells 'compiles' instead of 'reuses'
- call 2: recompile reason: nothing → `a is b`
- call 3: what ran: `reuses` → `compiles`
- rerun: `touchstone run 'a/x[size=1]' --implementation mine.toml`

## Newly passes
"""
        in said
    )


def test_long_texts_are_shown_below_each_other() -> None:
    long = ("a long reason that says much, " * 4).strip()
    found = between(made(observation=seen(logs=[long])), made(observation=seen(logs=["other"])))
    assert f"    call 2: logged\n      - {long}\n      + other\n" in changes_text.render(found)
    assert f"  ```diff\n  - {long}\n  + other\n  ```" in changes_markdown.render(found)


class Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: set[str] = set()
        self.targets: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            if name == "id":
                self.ids.add(value or "")
            if name in ("href", "src"):
                self.targets.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_of_changes_stands_alone_and_leads_only_into_itself() -> None:
    page = Page(changes_html.render(regressed()))
    assert not {"script", "img", "link", "iframe"} & set(page.tags)
    assert all(target.startswith("#") for target in page.targets)
    assert {target[1:] for target in page.targets} <= page.ids
    assert (page.tags.count("del"), page.tags.count("ins")) == (2, 3)
    assert "call 3 tells 'compiles' instead of 'reuses'" in " ".join(page.words)


def hostile() -> Comparison:
    after = made(
        "a/x",
        Verdict.FAIL,
        seen(**compiled(reason=HOSTILE), logs=[HOSTILE]),
        reason=HOSTILE,
        variant=f"size={HOSTILE}",
    )
    described = {"a/x": {"claim": HOSTILE, "stories": []}}
    before = made("a/x", variant=f"size={HOSTILE}")
    return compare(recorded(before), recorded(after, scenarios=described))


def test_texts_of_a_record_stay_texts_in_the_page() -> None:
    page = Page(changes_html.render(hostile()))
    assert "script" not in page.tags
    assert "alert(1)" in " ".join(page.words)


def test_texts_of_a_record_stay_texts_in_markdown() -> None:
    said = changes_markdown.render(hostile())
    outside = re.sub(r"(?ms)^ *(`{3,})diff\n.*?^ *\1$|(`+) ?.*? ?\2(?!`)", "", said)
    assert not re.search(r"(?<!\\)[<\[]", outside)


def test_nothing_is_said_where_nothing_changed() -> None:
    found = between(made(), made())
    assert "1 trial on both sides: 1 alike" in changes_text.render(found)
    assert "Nothing changed." in changes_html.render(found)
    assert "## " not in changes_markdown.render(found)


# properties


WORDS = st.text(max_size=6)
STORIES = st.lists(
    st.sampled_from(["compiles", "reuses", "runs uncompiled"]), min_size=1, max_size=5
).map(lambda ran: "".join(f"call {n}: {each}, equals eager\n" for n, each in enumerate(ran, 1)))
RESULTS = st.builds(
    lambda verdict, story, reason: made("a/x", verdict, seen(story), reason=reason),
    st.sampled_from(Verdict),
    STORIES,
    WORDS,
)


@settings(deadline=None, derandomize=True)
@given(RESULTS, RESULTS)
def test_any_two_results_are_compared_and_shown(before: Result, after: Result) -> None:
    found = between(before, after)
    assert found.compared == 1
    for render_ in (changes_text.render, changes_markdown.render, changes_html.render):
        assert render_(found)
    back = between(after, before)
    swapped = {Kind.FAILS: Kind.PASSES, Kind.PASSES: Kind.FAILS}
    assert [swapped.get(c.kind, c.kind) for c in found.changes] == [c.kind for c in back.changes]


@settings(deadline=None, derandomize=True)
@given(STORIES, STORIES)
def test_stories_differ_exactly_where_something_is_observed(one: str, other: str) -> None:
    same = render(parse(one)) == render(parse(other))
    assert (observe(seen(one), seen(other)) == ()) is same
