from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from expecttest import assert_expected_inline
from hypothesis import given, settings
from hypothesis import strategies as st
from test_record import controls

from harness import catalog, plan
from harness.catalog import read, variants
from harness.model import Difference, Exit, Failure, Judgement, Observation, Result, Trial, Verdict
from harness.provision import Environment
from harness.record import Record
from harness.story import Call, Event, Note, Step, Story, Tier, Told, lines, parse, render
from reports import text
from reports.visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

BOUNDED = settings(max_examples=40, deadline=None, derandomize=True)

EXPECTED = "call 1: compiles, equals eager\ncall 2: reuses, equals eager\nweight: equals eager\n"
TOLD = EXPECTED.replace("call 2: reuses", "call 2: compiles")


def made(  # noqa: PLR0913 - one argument for each thing that tests vary
    scenario: str,
    verdict: Verdict,
    kept: Sequence[Tier] = (),
    *,
    on: str = "mine",
    variant: str = "",
    told: str = TOLD,
) -> Result:
    judgement = Judgement(
        verdict,
        f"the reason of {scenario}",
        Tier.SHOULD,
        promised=(Tier.MUST, Tier.SHOULD),
        kept=tuple(kept),
    )
    seen = Observation(story=parse(told), ended=True)
    return Result(Trial(scenario, variant, on), judgement, EXPECTED, "", Exit(seen))


def record(results: Sequence[Result], *, without: Sequence[Trial] = ()) -> Record:
    planned = [each.trial for each in results] + list(without)
    implementations: dict[str, Any] = {
        name: {"argument": f"profiles/{name}.toml", "fingerprint": {"torch": "2.13.0+cpu"}}
        for name in dict.fromkeys(each.implementation for each in planned)
    }
    header = {
        "plan": [asdict(each) for each in planned],
        "controls": controls(list(implementations)),
        "implementations": implementations,
    }
    return Record(header, tuple(results), {"seconds": 12.34})


#: One trial of every verdict on one implementation, and two trials on another.
EVERY = record(
    [
        made("a/pass", Verdict.PASS, (Tier.MUST, Tier.SHOULD)),
        made("a/improved", Verdict.IMPROVED, (Tier.MUST, Tier.SHOULD)),
        made("a/fail", Verdict.FAIL, (Tier.MUST,), variant="size=1,mode=None"),
        made("a/fell_back", Verdict.FELL_BACK),
        made("a/error", Verdict.ERROR),
        made("a/crash", Verdict.CRASH),
        made("a/timeout", Verdict.TIMEOUT),
        made("b/unsupported", Verdict.UNSUPPORTED),
        made("b/xfail", Verdict.XFAIL, (Tier.MUST,)),
        made("b/xpass", Verdict.XPASS, (Tier.MUST, Tier.SHOULD)),
        made("b/flaky", Verdict.FLAKY),
        made("b/bug", Verdict.BUG),
        made("a/pass", Verdict.PASS, (Tier.MUST, Tier.SHOULD), on="other"),
        made("b/fail", Verdict.FAIL, (), on="other"),
    ],
    without=[Trial("b/not_run", "", "mine")],
)


# the summary


def test_the_matrix_has_families_down_and_implementations_across() -> None:
    title, head, _, *rows = text.matrix(EVERY).splitlines()
    assert title == "passed / applicable / total, by tier"
    assert head.split() == ["family", "mine", "other"]
    assert [row.split() for row in rows] == [
        ["a", "must", "3/7/7", "should", "2/7/7", "must", "1/1/1", "should", "1/1/1"],
        ["b", "must", "2/4/6", "should", "1/3/5", "must", "0/1/1", "should", "0/1/1"],
        ["all", "must", "5/11/13", "should", "3/10/12", "must", "1/2/2", "should", "1/2/2"],
    ]


def test_a_family_that_an_implementation_does_not_have_is_an_empty_cell() -> None:
    results = [made("a/x", Verdict.PASS), made("b/x", Verdict.PASS, on="other")]
    last = text.matrix(record(results)).splitlines()[3]
    assert last.split() == ["a", "must", "0/1/1", "should", "0/1/1"]


def test_the_closing_line_counts_every_planned_trial() -> None:
    assert text.closing(EVERY) == (
        "15 trials: 1 bug, 1 crash, 1 error, 2 fail, 1 fell_back, 1 flaky, 1 improved, 1 not_run, "
        "2 pass, 1 timeout, 1 unsupported, 1 xfail, 1 xpass; torch 2.13.0+cpu; 12.3 s"
    )


def test_the_closing_line_names_every_torch() -> None:
    whole = record([made("a/x", Verdict.PASS), made("a/x", Verdict.PASS, on="other")])
    whole.header["implementations"]["other"]["fingerprint"]["torch"] = "2.12.1"
    assert "; torch 2.12.1, 2.13.0+cpu; " in text.closing(whole)


def test_the_summary_names_each_trial_that_does_not_conform_with_reason_and_command() -> None:
    said = text.summary(EVERY)
    for each in EVERY.results:
        verdict = each.judgement.verdict
        block = (
            f"{verdict.upper()} {each.trial.id}\n"
            f"    {each.judgement.reason}\n"
            f"    rerun: {plan.rerun(each.trial, f'profiles/{each.trial.implementation}.toml')}\n"
        )
        shown = verdict not in (Verdict.PASS, Verdict.IMPROVED, Verdict.UNSUPPORTED)
        assert (block in said) is shown
    assert "NOT_RUN b/not_run @ mine\n    planned, but there is no result\n    rerun: " in said


def test_the_command_of_a_variant_can_be_pasted() -> None:
    assert (
        "rerun: touchstone run 'a/fail[size=1,mode=None]' --implementation profiles/mine.toml\n"
        in text.summary(EVERY)
    )


def test_many_implementations_stand_below_each_other() -> None:
    made_of = [
        made("a/one", Verdict.PASS, (Tier.MUST, Tier.SHOULD), on=f"mine-{number}")
        for number in range(text.SIDE_BY_SIDE)
    ]
    made_of += [made("a/one", Verdict.XFAIL, (Tier.MUST,), on="other")]
    made_of += [made("b/two", Verdict.FAIL, (Tier.MUST,), on="other")]
    assert_expected_inline(
        text.matrix(record(made_of)),
        """\
passed / applicable / total, by tier, of all families; the report has each family
implementation    must    should    may      known    unexpected
----------------  ------  --------  -----  -------  ------------
mine-0            1/1/1   1/1/1                  0             0
mine-1            1/1/1   1/1/1                  0             0
mine-2            1/1/1   1/1/1                  0             0
mine-3            1/1/1   1/1/1                  0             0
other             2/2/2   0/2/2                  1             1""",
    )


def test_the_summary_begins_with_the_matrix_and_ends_with_the_closing_line() -> None:
    said = text.summary(EVERY)
    assert said.startswith(text.matrix(EVERY) + "\n\n")
    assert said.endswith("\n\n" + text.closing(EVERY))


def test_a_summary_of_what_conforms_is_matrix_and_closing_line() -> None:
    whole = record([made("a/x", Verdict.PASS), made("a/y", Verdict.IMPROVED)])
    assert text.summary(whole) == f"{text.matrix(whole)}\n\n{text.closing(whole)}"


def test_what_is_unsupported_is_told_once_for_each_reason() -> None:
    one = made("a/x", Verdict.UNSUPPORTED)
    like = [replace(one, trial=Trial(f"a/y{number}", "", "mine")) for number in range(3)]
    said = text.summary(record([one, *like, made("a/z", Verdict.UNSUPPORTED, on="other")]))
    found = [row for row in said.splitlines() if "unsupported by" in row]
    assert found == [
        "unsupported by mine, 4 trials: the reason of a/x",
        "unsupported by other, 1 trial: the reason of a/z",
    ]
    assert "not conforming" not in said


@pytest.mark.parametrize("count", [text.SHOWN, text.SHOWN + 3])
def test_a_long_summary_says_what_it_leaves_out(count: int) -> None:
    said = text.summary(record([made(f"a/x{n}", Verdict.FAIL) for n in range(count)]))
    assert said.count("    rerun: ") == text.SHOWN
    assert ("... and 3 more: see the report" in said) is (count > text.SHOWN)


# one trial


def test_two_stories_are_compared_line_by_line() -> None:
    assert text.compare(made("a/x", Verdict.FAIL)) == [
        "  call 1: compiles, equals eager",
        "- call 2: reuses, equals eager",
        "+ call 2: compiles, equals eager",
        "  weight: equals eager",
    ]


def test_a_story_that_conforms_is_shown_without_marks() -> None:
    assert text.compare(made("a/x", Verdict.PASS, told=EXPECTED)) == [
        f"  {line}" for line in EXPECTED.splitlines()
    ]


def test_a_story_that_ended_early_lacks_its_end() -> None:
    shown = text.compare(made("a/x", Verdict.CRASH, told=EXPECTED.splitlines()[0]))
    assert shown == [
        "  call 1: compiles, equals eager",
        "- call 2: reuses, equals eager",
        "- weight: equals eager",
    ]


def test_collapsed_calls_are_compared_one_by_one() -> None:
    each = replace(
        made("a/x", Verdict.FAIL, told="calls 1-3: reuses, equals eager"),
        expected="calls 1-4: reuses, equals eager\n",
    )
    marks = [line[0] for line in text.compare(each)]
    assert marks == [" ", " ", " ", "-"]


def test_a_trial_is_explained_with_verdict_reason_stories_and_command() -> None:
    each = made("a/x", Verdict.FAIL, variant="size=1")
    rows = text.explain(each, "mine.toml").splitlines()
    assert rows[:3] == ["FAIL (should) a/x[size=1] @ mine", "the reason of a/x", ""]
    assert rows[3:7] == text.compare(each)
    assert rows[-1] == "rerun: touchstone run 'a/x[size=1]' --implementation mine.toml"


def test_a_verdict_without_tier_is_explained_without() -> None:
    each = replace(made("a/x", Verdict.PASS), judgement=Judgement(Verdict.PASS))
    assert text.explain(each, "mine").startswith("PASS a/x @ mine\n")


def test_of_a_long_output_both_ends_are_shown() -> None:
    output = "Fatal Python error\n" + "frame\n" * 2000 + "the last line"
    shown = text.ends(output)
    assert shown.startswith("Fatal Python error\nframe\n")
    assert shown.endswith("frame\nthe last line")
    assert "characters are left out" in shown
    assert len(shown) < 3100
    assert text.ends("short") == "short"


def test_a_trial_that_does_not_conform_is_told_with_its_claim() -> None:
    made_record = record([made("a/x", Verdict.FAIL)])
    made_record.header["scenarios"] = {"a/x": {"claim": "Something is promised."}}  # type: ignore[index]
    assert "FAIL a/x @ mine\n    claim: Something is promised.\n" in text.summary(made_record)


def test_a_traceback_a_bug_and_output_are_part_of_an_explanation() -> None:
    seen = Observation(bug="our traceback\n", failure=Failure("run", "E", "m", "their traceback\n"))
    each = replace(made("a/x", Verdict.BUG), exit=Exit(seen, output="  it said so\n"))
    said = text.explain(each, "mine")
    assert "\n\nour traceback\n" in said
    assert "\n\ntheir traceback\n" in said
    assert "\n\nit printed:\n  it said so\n" in said


def test_a_failure_of_our_own_near_side_is_part_of_an_explanation() -> None:
    each = replace(made("a/x", Verdict.BUG), exit=Exit(Observation(), bug="line one\nline two"))
    assert "line one\nline two" in text.explain(each, "mine")


def test_only_the_end_of_a_long_output_is_shown() -> None:
    each = made("a/x", Verdict.CRASH)
    each = replace(each, exit=replace(each.exit, output="a" * 9000 + "the end"))
    said = text.explain(each, "mine")
    assert "the end" in said
    assert len(said) < 4000


# one scenario


def test_a_scenario_is_shown_with_claim_facts_source_and_stories() -> None:
    for entry in read():
        said = text.scenario(entry, ["must"])
        assert said.startswith(f"{entry.id}\n\nclaim:     {entry.claim}\n")
        assert said.endswith(f"\n\n{entry.source}")
        assert f"source:    {entry.file}:{entry.line}\n" in said
        assert f"variants:  {len(variants(entry))}\n" in said
        for condition, story in entry.stories:
            head = f"story if {condition}:" if condition else "story:"
            shown = "\n".join(f"  {line}" for line in render(parse(story)).splitlines())
            assert f"\n\n{head}\n{shown}\n" in said


# properties


LINES = st.text(max_size=6)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Call, st.integers(1, 3), LINES, LINES, LINES, st.none() | st.integers(0, 3)),
    st.builds(Note, LINES, LINES),
    st.builds(Told, LINES, LINES, st.sampled_from(Tier)),
    st.builds(Step, LINES),
)
STORIES = st.lists(EVENTS, max_size=4).map(tuple)
JUDGEMENTS = st.builds(
    Judgement,
    st.sampled_from(Verdict),
    LINES,
    st.none() | st.sampled_from(Tier),
    LINES,
    st.just((Difference(0, "outcome", Tier.MUST, "a", "b"),)),
    promised=st.lists(st.sampled_from(list(Tier)[:3]), unique=True).map(tuple),
    kept=st.lists(st.sampled_from(list(Tier)[:3]), unique=True).map(tuple),
)
EXPECTED_STORIES = st.sampled_from(
    [story for entry in catalog.read() for _, story in entry.stories]
).map(lambda story: render(parse(story)))
SEEN = st.builds(
    Observation,
    STORIES,
    failure=st.none() | st.builds(Failure, LINES, LINES, LINES, LINES),
    bug=LINES,
)
RESULTS = st.builds(
    Result,
    st.builds(Trial, LINES, LINES, st.sampled_from(["mine", "other"])),
    JUDGEMENTS,
    st.just("") | EXPECTED_STORIES,
    st.just(""),
    st.builds(Exit, SEEN, st.none() | st.integers(-20, 20), output=LINES),
)


@BOUNDED
@given(st.lists(RESULTS, max_size=4, unique_by=lambda each: each.trial))
def test_any_results_have_a_summary(results: list[Result]) -> None:
    said = text.summary(record(results, without=[Trial("a/b", "never=run", "mine")]))
    assert "a/b[never=run] @ mine" in said
    assert f"\n{len(results) + 1} trials: " in said


@BOUNDED
@given(RESULTS, LINES)
def test_any_result_has_an_explanation(each: Result, argument: str) -> None:
    said = text.explain(each, argument)
    assert said.startswith(f"{each.judgement.verdict.upper()}")
    assert said.endswith(visible(f"rerun: {plan.rerun(each.trial, argument)}"))


@BOUNDED
@given(EXPECTED_STORIES, STORIES)
def test_a_comparison_shows_every_line_of_both_stories(expected: str, story: Story) -> None:
    each = replace(
        made("a/x", Verdict.FAIL), expected=expected, exit=Exit(Observation(story=story))
    )
    shown = text.compare(each)
    assert {line[:2] for line in shown} <= {"- ", "+ ", "  "}
    assert [line[2:] for line in shown if line[0] != "+"] == lines(parse(expected))
    assert [line[2:] for line in shown if line[0] != "-"] == lines(story)


def test_a_summary_reads_like_this() -> None:
    few = record(
        [made("a/pass", Verdict.PASS, (Tier.MUST, Tier.SHOULD)), made("b/fail", Verdict.FAIL)]
    )
    assert_expected_inline(
        text.summary(few),
        """\
passed / applicable / total, by tier
family    mine
--------  ------------------------
a         must 1/1/1  should 1/1/1
b         must 0/1/1  should 0/1/1
all       must 1/2/2  should 1/2/2

not conforming:
FAIL b/fail @ mine
    the reason of b/fail
    rerun: touchstone run b/fail --implementation profiles/mine.toml

2 trials: 1 fail, 1 pass; torch 2.13.0+cpu; 12.3 s""",
    )


def test_a_deviation_is_explained_like_this() -> None:
    assert_expected_inline(
        text.explain(made("a/fail", Verdict.FAIL, (Tier.MUST,), variant="size=1"), "mine.toml"),
        """\
FAIL (should) a/fail[size=1] @ mine
the reason of a/fail

  call 1: compiles, equals eager
- call 2: reuses, equals eager
+ call 2: compiles, equals eager
  weight: equals eager

rerun: touchstone run 'a/fail[size=1]' --implementation mine.toml""",
    )


def test_an_implementation_that_cannot_run_is_said_once_with_the_way_to_look() -> None:
    failure = Failure("environment", "IsolationError", "no such interpreter")
    stopped = [
        replace(
            made(name, Verdict.ERROR, told=""),
            exit=Exit(Observation(failure=failure, ended=True)),
        )
        for name in ("a/one", "a/two")
    ]
    said = text.summary(record([*stopped, made("a/fail", Verdict.FAIL)]))
    assert (
        "cannot run: mine, 2 trials\n    the reason of a/one\n"
        "    look: touchstone doctor profiles/mine.toml\n"
    ) in said
    assert "ERROR a/" not in said
    assert text.explain(stopped[0], "mine.toml").splitlines() == [
        "ERROR (should) a/one @ mine",
        "the reason of a/one",
        "look: touchstone doctor mine.toml",
    ]
    assert "FAIL a/fail @ mine" in said


def test_what_environments_cost_is_said_for_each_and_for_all() -> None:
    used = [
        Environment(
            Path("/e/abc"), ("torch==2.15.0",), (), "", 5_200_000_000, 61.2, 0.0, made=True
        ),
        Environment(Path("/e/def"), ("numpy",), (), "", 80_000_000, 9.0, 0.0),
    ]
    assert text.environments(used) == [
        "",
        "environments in /e: 5.3 GB on disk, 61 s to make in this run",
        "  abc   5.2 GB  made in 61 s  torch==2.15.0",
        "  def    80 MB  reused; made in 9 s  numpy",
    ]
    assert text.environments([]) == []
