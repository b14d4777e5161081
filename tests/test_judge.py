from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.judge import NOT_CLAIMED, NOT_OFFERED, USUAL, Terms, fails, judge, promises
from harness.model import CAPTURED, Exit, Failure, Judgement, Known, Observation, Verdict
from harness.story import TIERS, Call, Event, Note, Step, Story, Tier, Told, parse

BOUNDED = settings(max_examples=80, deadline=None, derandomize=True)

KERNEL = "mine.kernel"
STORY = """
    call 1: compiles, 2 ops, mutates argument 0, equals eager
    call 2: reuses, mutates argument 0, equals eager
    change: the weight is doubled
    call 3: compiles, 2 ops, mutates argument 0, equals eager
    weight: equals eager
    inputs (may) = f32[2]
"""
RAISED = Failure("trace", "torch._dynamo.exc.Unsupported", "no such thing\nat all", "Traceback")


def seen(text: str = STORY, **more: Any) -> Exit:  # noqa: ANN401 - a field of any type
    """How a process ends well after telling a story."""
    fields: dict[str, Any] = {"ended": True, "artefacts": (KERNEL,)}
    fields |= {name: more.pop(name) for name in list(more) if name in Observation.__slots__}
    return Exit(Observation(story=parse(text) if text else (), **fields), **more)


def told(text: str, expected: str = STORY, **more: Any) -> Judgement:  # noqa: ANN401 - likewise
    """The judgement on a story that ended well, by another."""
    return judge(Terms(parse(expected), **more), [seen(text)])


def known(signature: str, **more: Any) -> Known:  # noqa: ANN401 - likewise
    return Known("family/*", "mine", signature, "a reason", **more)


# pass


def test_the_expected_story_passes_and_keeps_every_promise() -> None:
    made = told(STORY)
    assert made == Judgement(Verdict.PASS, promised=TIERS, kept=TIERS)


def test_a_story_without_compiled_calls_can_pass() -> None:
    assert told("weight: equals eager", "weight: equals eager").verdict is Verdict.PASS


def test_a_call_that_gives_no_proof_of_what_ran_fell_back() -> None:
    made = told("call 1: equals eager", "call 1: compiles, equals eager")
    assert made.verdict is Verdict.FELL_BACK
    assert "call 1 gave no proof of what ran" in made.reason


# improved


@pytest.mark.parametrize(
    ("expected", "better", "reason"),
    [
        ("compiles|compiles|reuses", "compiles|reuses|reuses", "1 fewer compilations"),
        ("compiles|compiles|compiles", "compiles|reuses|reuses", "2 fewer compilations"),
        ("compiles|compiles|reuses", "compiles|reuses|compiles", "compiles later"),
        ("compiles 3 graphs|reuses|reuses", "compiles|reuses|reuses", "2 fewer compilations"),
        ("compiles|runs uncompiled|reuses", "compiles|reuses|reuses", ""),
    ],
)
def test_never_more_compilations_at_any_point_are_an_improvement(
    expected: str, better: str, reason: str
) -> None:
    made = told(calls(better), calls(expected))
    assert made.verdict is Verdict.IMPROVED
    assert made.tier is Tier.SHOULD
    assert made.kept == made.promised == (Tier.MUST, Tier.SHOULD)
    assert reason in made.reason
    assert made.signature == ""
    assert all(each.better for each in made.differences)


def calls(ran: str) -> str:
    return "\n".join(
        f"call {number}: {each}, equals eager"
        for number, each in enumerate(ran.split("|"), start=1)
    )


@pytest.mark.parametrize(
    ("expected", "worse"),
    [
        ("compiles|reuses|compiles", "compiles|compiles|reuses"),
        ("compiles|reuses|reuses", "compiles|reuses|compiles"),
        ("compiles|compiles|reuses", "compiles 2 graphs|reuses|reuses"),
        ("compiles|reuses", "compiles 2 graphs|reuses"),
    ],
)
def test_more_compilations_at_any_point_break_a_should_promise(expected: str, worse: str) -> None:
    made = told(calls(worse), calls(expected))
    assert (made.verdict, made.tier) == (Verdict.FAIL, Tier.SHOULD)
    assert made.kept == (Tier.MUST,)
    assert not any(each.better for each in made.differences)


def test_fewer_compilations_fail_where_the_number_is_exact() -> None:
    made = told(calls("compiles|reuses"), calls("compiles|compiles"), exact=True)
    assert (made.verdict, made.tier) == (Verdict.FAIL, Tier.SHOULD)
    assert made.reason == "call 2 tells 'reuses' instead of 'compiles'"


def test_running_uncompiled_is_no_improvement() -> None:
    made = told(calls("compiles|runs uncompiled"), calls("compiles|compiles"))
    assert made.verdict is Verdict.FELL_BACK
    assert [each.better for each in made.differences] == [False]


def test_running_uncompiled_breaks_a_should_promise_where_values_are_wrong_too() -> None:
    made = told(
        "call 1: compiles, differs from eager in value of result\n"
        "call 2: runs uncompiled, equals eager",
        calls("compiles|compiles"),
    )
    assert (made.verdict, made.tier, made.kept) == (Verdict.FAIL, Tier.MUST, ())


def test_fewer_compilations_with_wrong_values_are_no_improvement() -> None:
    made = told(
        "call 1: compiles, equals eager\ncall 2: reuses, differs from eager in value of result",
        calls("compiles|compiles"),
    )
    assert (made.verdict, made.tier) == (Verdict.FAIL, Tier.MUST)
    assert made.kept == (Tier.SHOULD,)


def test_fewer_compilations_are_an_improvement_where_ops_are_told_too() -> None:
    made = told(
        "call 1: compiles, 2 ops, equals eager\ncall 2: reuses, equals eager",
        "call 1: compiles, 2 ops, equals eager\ncall 2: compiles, 2 ops, equals eager",
    )
    assert made.verdict is Verdict.IMPROVED


# fail


@pytest.mark.parametrize(
    ("old", "new", "tier", "reason"),
    [
        (
            "call 2: reuses, mutates argument 0, equals eager",
            "call 2: reuses, mutates argument 0, differs from eager in value of result",
            Tier.MUST,
            "call 2 tells 'differs from eager in value of result' instead of 'equals eager'",
        ),
        (
            "call 2: reuses, mutates argument 0,",
            "call 2: reuses, mutates argument 1,",
            Tier.MUST,
            "call 2 tells 'mutates argument 1' instead of 'mutates argument 0'",
        ),
        (
            "call 2: reuses, mutates argument 0, equals eager",
            "call 2: reuses, mutates argument 0, raises ValueError while running",
            Tier.MUST,
            "call 2 tells 'raises ValueError while running' instead of 'equals eager'",
        ),
        (
            "weight: equals eager",
            "weight: differs from eager in value of weight",
            Tier.MUST,
            "event 5 tells 'weight: differs from eager in value of weight' instead of 'weight: ",
        ),
        (
            "call 2: reuses",
            "call 2: compiles",
            Tier.SHOULD,
            "call 2 tells 'compiles' instead of 'reuses'",
        ),
        (
            "call 1: compiles, 2 ops",
            "call 1: compiles, 3 ops",
            Tier.MAY,
            "tells '3 ops' instead of",
        ),
        ("f32[2]", "f64[2]", Tier.MAY, "event 6 tells 'inputs (may) = f64[2]' instead of"),
        ("the weight is doubled", "the weight is halved", Tier.MUST, "event 3 tells 'change: "),
    ],
)
def test_another_story_fails_with_the_tier_of_what_it_breaks(
    old: str, new: str, tier: Tier, reason: str
) -> None:
    made = told(STORY.replace(old, new))
    assert (made.verdict, made.tier) == (Verdict.FAIL, tier)
    assert made.promised == TIERS
    assert made.kept == tuple(each for each in TIERS if each is not tier)
    assert reason in made.reason
    assert len(made.differences) == 1
    assert made.signature


def test_the_most_binding_broken_promise_gives_tier_and_reason() -> None:
    text = STORY.replace("call 1: compiles, 2 ops", "call 1: compiles, 3 ops")
    text = text.replace("call 2: reuses", "call 2: compiles")
    text = text.replace("weight: equals eager", "weight: differs from eager in dtype of weight")
    made = told(text)
    assert made.tier is Tier.MUST
    assert made.kept == ()
    assert made.reason.startswith("event 5 tells 'weight: differs")
    assert made.reason.endswith("(and 2 more)")
    assert [each.tier for each in made.differences] == [Tier.MAY, Tier.SHOULD, Tier.MUST]


@pytest.mark.parametrize("tier", TIERS)
def test_a_scenario_can_override_the_tier_of_a_facet(tier: Tier) -> None:
    made = told(STORY.replace("call 2: reuses", "call 2: compiles"), tiers={"compiles": tier})
    assert (made.verdict, made.tier) == (Verdict.FAIL, tier)
    assert tier not in made.kept


def test_a_divergence_that_is_not_shown_binds_like_must() -> None:
    made = told("x (diverge) = 2", "x (diverge) = 1\n")
    assert (made.verdict, made.tier) == (Verdict.FAIL, Tier.DIVERGE)
    assert (made.promised, made.kept) == ((Tier.MUST,), ())


def test_a_story_that_ends_early_breaks_a_must_promise() -> None:
    made = told(calls("compiles"), calls("compiles|reuses"))
    assert (made.verdict, made.tier) == (Verdict.FAIL, Tier.MUST)
    assert made.reason == "the story ends before 'call 2: reuses, equals eager'"
    assert made.signature == "call 2 is missing"


def test_a_story_that_goes_on_breaks_a_must_promise() -> None:
    made = told(calls("compiles|reuses"), calls("compiles"))
    assert (made.verdict, made.tier) == (Verdict.FAIL, Tier.MUST)
    assert made.reason == "call 2 tells 'call 2: reuses, equals eager', which nobody expects"


def test_an_event_of_another_kind_breaks_a_must_promise() -> None:
    made = told("reset", "x (may) = 1")
    assert (made.verdict, made.tier) == (Verdict.FAIL, Tier.MUST)


def test_a_call_of_another_program_breaks_a_must_promise() -> None:
    made = told("call 1 of g: compiles, equals eager", "call 1 of f: compiles, equals eager")
    assert (made.verdict, made.tier) == (Verdict.FAIL, Tier.MUST)


def test_a_missing_effect_is_not_told_as_the_end_of_the_story() -> None:
    made = told(STORY.replace("call 2: reuses, mutates argument 0,", "call 2: reuses,"))
    assert (made.verdict, made.tier) == (Verdict.FAIL, Tier.MUST)
    assert "mutates argument 0" in made.reason
    assert "call 2" in made.reason
    assert "the story ends" not in made.reason


def test_an_effect_that_nobody_expects_is_named() -> None:
    made = told(
        calls("compiles").replace("equals", "mutates argument 1, equals"), calls("compiles")
    )
    assert made.reason == "call 1 tells 'mutates argument 1', which nobody expects"


# fell_back


def test_running_uncompiled_where_compiled_code_is_expected_fell_back() -> None:
    made = told(STORY.replace("call 2: reuses", "call 2: runs uncompiled"))
    assert (made.verdict, made.tier) == (Verdict.FELL_BACK, Tier.MUST)
    assert made.reason == "call 2 ran uncompiled where compiled code is expected"
    assert made.signature == "fell_back"
    assert made.kept == ()


def test_running_uncompiled_where_that_is_expected_passes() -> None:
    text = calls("compiles|runs uncompiled")
    assert told(text, text).verdict is Verdict.PASS


def test_wrong_values_are_worse_than_falling_back() -> None:
    text = STORY.replace(
        "call 2: reuses, mutates argument 0, equals eager",
        "call 2: runs uncompiled, mutates argument 0, differs from eager in value of result",
    )
    assert told(text).verdict is Verdict.FAIL


def test_giving_back_the_captured_graph_fell_back() -> None:
    made = judge(Terms(parse(STORY)), [seen(artefacts=(KERNEL, CAPTURED))])
    assert made.verdict is Verdict.FELL_BACK
    assert made.reason.startswith("1 of 2 compilations gave back the captured graph")


def test_giving_back_the_captured_graph_passes_where_interpreting_is_the_point() -> None:
    made = judge(Terms(parse(STORY), interprets=True), [seen(artefacts=(CAPTURED, CAPTURED))])
    assert made.verdict is Verdict.PASS


def test_an_interpreter_that_runs_uncompiled_fell_back_all_the_same() -> None:
    text = STORY.replace("call 2: reuses", "call 2: runs uncompiled")
    assert judge(Terms(parse(STORY), interprets=True), [seen(text)]).verdict is Verdict.FELL_BACK


# error


@pytest.mark.parametrize("phase", ["import", "trace", "compile", "run", "backward", "load"])
def test_an_exception_that_ends_a_story_is_an_error_with_its_phase(phase: str) -> None:
    text = "call 1: compiles, equals eager\ncall 2: raises KeyError while running"
    made = judge(
        Terms(parse(calls("compiles|reuses"))),
        [seen(text, failure=replace(RAISED, phase=phase, type="KeyError"))],
    )
    assert (made.verdict, made.tier, made.phase) == (Verdict.ERROR, Tier.MUST, phase)
    assert made.reason == f"raised KeyError ({phase}) in call 2: no such thing at all"
    assert made.signature == f"error: KeyError ({phase}) in call 2"
    assert made.kept == ()


def test_a_broken_environment_is_an_error_that_says_so_whatever_the_story() -> None:
    failure = Failure("environment", "IsolationError", "there is no interpreter")
    made = judge(Terms(parse(STORY)), [Exit(Observation(failure=failure, ended=True))])
    assert made.verdict is Verdict.ERROR
    assert (made.phase, made.signature) == ("environment", "error: environment")
    assert made.reason == "its environment is broken: there is no interpreter"
    assert fails(made)


def test_a_death_at_import_is_a_crash_that_says_so() -> None:
    made = judge(Terms(()), [Exit(Observation(failure=Failure("import", "", "")), status=-6)])
    assert (made.verdict, made.reason) == (
        Verdict.CRASH,
        "died of SIGABRT, while it was imported",
    )


def test_an_exception_between_calls_is_an_error_after_the_last_call() -> None:
    made = judge(Terms(parse(calls("compiles|reuses"))), [seen(calls("compiles"), failure=RAISED)])
    assert made.signature == "error: torch._dynamo.exc.Unsupported (trace) after call 1"


def test_an_exception_before_the_first_call_says_so() -> None:
    made = judge(Terms(parse(STORY)), [seen("", failure=replace(RAISED, phase=""))])
    assert made.signature == "error: torch._dynamo.exc.Unsupported (run) before the first call"
    assert made.phase == "run"


def test_an_error_without_message_has_a_reason_all_the_same() -> None:
    made = judge(Terms(parse(STORY)), [seen("", failure=replace(RAISED, message=" \n"))])
    assert made.reason.startswith("raised torch._dynamo.exc.Unsupported (trace)")


def test_a_long_message_is_cut_in_the_reason() -> None:
    made = judge(Terms(parse(STORY)), [seen("", failure=replace(RAISED, message="x" * 5000))])
    assert len(made.reason) < 400


def test_an_expected_exception_at_the_end_of_a_story_is_no_error() -> None:
    text = "call 1: compiles, equals eager\ncall 2: raises ValueError, equals eager"
    made = judge(Terms(parse(text)), [seen(text, failure=replace(RAISED, type="ValueError"))])
    assert made.verdict is Verdict.PASS


def test_another_exception_than_the_expected_one_breaks_a_must_promise() -> None:
    expected = "call 1: compiles, equals eager\ncall 2: raises ValueError, equals eager"
    text = "call 1: compiles, equals eager\ncall 2: raises KeyError while running"
    made = judge(Terms(parse(expected)), [seen(text, failure=replace(RAISED, type="KeyError"))])
    assert (made.verdict, made.tier) == (Verdict.FAIL, Tier.MUST)


def test_another_exception_after_the_expected_one_is_an_error() -> None:
    text = "call 1: raises ValueError, equals eager"
    made = judge(Terms(parse(text)), [seen(text, failure=replace(RAISED, type="SystemError"))])
    assert made.verdict is Verdict.ERROR


def test_an_expected_exception_that_ends_the_story_too_early_is_an_error() -> None:
    expected = "call 1: raises ValueError, equals eager\ncall 2: compiles, equals eager"
    made = judge(Terms(parse(expected)), [seen(expected.splitlines()[0], failure=RAISED)])
    assert made.verdict is Verdict.ERROR
    assert made.signature.endswith("in call 1")


def test_an_exception_before_the_expected_one_is_an_error() -> None:
    expected = "call 1: compiles, equals eager\ncall 2: raises ValueError, equals eager"
    text = "call 1: raises ValueError while running"
    assert judge(Terms(parse(expected)), [seen(text, failure=RAISED)]).verdict is Verdict.ERROR


# crash, timeout


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (-11, "died of SIGSEGV"),
        (-9, "died of SIGKILL"),
        (-250, "died of signal 250"),
        (3, "exited with status 3"),
        (None, "ended in an unknown way"),
    ],
)
def test_a_process_that_dies_is_a_crash_that_says_how(status: int | None, reason: str) -> None:
    terms = Terms(parse(calls("compiles|reuses")))
    made = judge(terms, [seen(calls("compiles"), status=status, ended=False)])
    assert (made.verdict, made.tier) == (Verdict.CRASH, Tier.MUST)
    assert made.reason == f"{reason}, after 1 of the story's events"
    assert made.signature == f"crash: {reason}"
    assert made.kept == ()


def test_a_process_that_dies_after_its_whole_story_is_a_crash() -> None:
    assert judge(Terms(parse(STORY)), [seen(status=-6)]).verdict is Verdict.CRASH


def test_a_process_that_ends_well_before_its_story_is_a_crash() -> None:
    made = judge(Terms(parse(STORY)), [seen(ended=False)])
    assert made.verdict is Verdict.CRASH
    assert "status 0 before the story did" in made.reason


def test_a_process_that_runs_too_long_is_a_timeout() -> None:
    made = judge(
        Terms(parse(calls("compiles|reuses"))),
        [seen(calls("compiles"), timed_out=True, status=-9, ended=False, seconds=60.4)],
    )
    assert (made.verdict, made.tier, made.signature) == (Verdict.TIMEOUT, Tier.MUST, "timeout")
    assert made.reason == "still running after 60 s, after 1 of the story's events"


# unsupported


def test_an_unmet_need_and_a_deviation_are_unsupported() -> None:
    made = told(STORY.replace("reuses", "compiles"), unmet=("fullgraph", "guards_text"))
    assert made.verdict is Verdict.UNSUPPORTED
    assert made.reason.startswith("needs fullgraph and guards_text, which is not claimed")
    assert "ended in fail: call 2 tells 'compiles'" in made.reason
    assert made.kept == ()


@pytest.mark.parametrize(
    "ended",
    [
        seen("", failure=RAISED),
        seen(artefacts=(CAPTURED,)),
    ],
    ids=["error", "fell_back"],
)
def test_an_unmet_need_excuses_a_deviation(ended: Exit) -> None:
    assert judge(Terms(parse(STORY), unmet=("fullgraph",)), [ended]).verdict is Verdict.UNSUPPORTED


@pytest.mark.parametrize("ended", [seen(status=-11), seen(timed_out=True), seen(ended=False)])
def test_an_unmet_need_does_not_excuse_the_death_of_a_process(ended: Exit) -> None:
    made = judge(Terms(parse(STORY), unmet=("fullgraph",)), [ended])
    assert made.verdict in (Verdict.CRASH, Verdict.TIMEOUT)


def test_an_unmet_need_does_not_excuse_a_bug_of_ours() -> None:
    terms = Terms(parse(STORY), unmet=("fullgraph",))
    assert judge(terms, [seen(bug="oops")]).verdict is Verdict.BUG


def test_an_unmet_need_that_is_met_after_all_passes_with_a_hint() -> None:
    made = told(STORY, unmet=("fullgraph",))
    assert made.verdict is Verdict.PASS
    assert made.reason == "conforms although fullgraph is not claimed: claim it"
    assert made.kept == TIERS


def test_where_nothing_is_compiled_an_unmet_need_is_not_probed() -> None:
    idle = "set a flag: succeeds\nflag = True"
    assert told(idle, idle).verdict is Verdict.PASS
    made = told(idle, idle, unmet=("fullgraph",))
    assert made.verdict is Verdict.UNSUPPORTED
    assert "nothing was compiled" in made.reason
    assert NOT_CLAIMED not in made.reason


def test_an_act_that_compiles_nothing_is_an_improvement_only_beside_compiled_code() -> None:
    act, call = "export: compiles, succeeds", "\ncall 1: compiles, equals eager"
    silent = act.replace("compiles, ", "")
    assert told(silent + call, act + call).verdict is Verdict.IMPROVED
    assert told(silent, act).verdict is Verdict.FAIL


def test_a_scenario_that_does_not_speak_of_this_torch_is_unsupported() -> None:
    made = judge(Terms(parse(STORY), applies="speaks of torch>=2.14, this is 2.13.0"), [])
    assert made.verdict is Verdict.UNSUPPORTED
    assert made.reason == "speaks of torch>=2.14, this is 2.13.0"
    assert made.kept == ()


@pytest.mark.parametrize(
    ("failed", "how"),
    [
        (
            seen("", failure=Failure("eager", "NotImplementedError", "no\nkernel", "")),
            "raised NotImplementedError (no kernel)",
        ),
        (seen("", status=-11, ended=False, in_eager=True), "died of SIGSEGV"),
        (
            seen("", timed_out=True, ended=False, in_eager=True, seconds=60.2),
            "was still running after 60 s",
        ),
        (
            seen("", exceeded=1 << 30, status=-9, ended=False, in_eager=True),
            "used too much memory",
        ),
    ],
)
def test_what_a_device_cannot_do_in_eager_says_nothing_of_compiled_code(
    failed: Exit, how: str
) -> None:
    made = judge(Terms(parse(STORY), device="mine"), [failed])
    assert made.verdict is Verdict.UNSUPPORTED
    assert made.reason.startswith(f"eager itself {how} on 'mine'")


def test_what_ends_the_process_in_eager_on_the_cpu_is_told_as_that() -> None:
    made = judge(Terms(parse(STORY)), [seen("", status=-11, ended=False, in_eager=True)])
    assert (made.verdict, made.reason) == (Verdict.CRASH, "died of SIGSEGV, in eager")


def test_what_dies_after_eager_is_the_implementations() -> None:
    died = seen("", status=-11, ended=False)
    assert judge(Terms(parse(STORY), device="mine"), [died]).verdict is Verdict.CRASH


# known deviations


def test_a_deviation_that_a_known_entry_spells_out_is_expected() -> None:
    text = STORY.replace("call 2: reuses", "call 2: compiles")
    made = told(text, known=known("call 2 compiles"))
    assert made.verdict is Verdict.XFAIL
    assert made.reason == "a reason"
    assert made.tier is Tier.SHOULD
    assert made.kept == (Tier.MUST, Tier.MAY)


def test_a_signature_tells_all_that_binds_in_an_event() -> None:
    expected = calls("compiles|reuses")
    buffer = expected.replace("reuses, ", "reuses, mutates result_1, ")
    assert told(buffer, expected).signature == "call 2 mutates result_1"
    wrong = buffer.replace("result_1, equals eager", "result_1, differs from eager in value of x")
    made = told(wrong, expected, known=known("call 2 mutates result_1"))
    assert made.verdict is Verdict.FAIL
    assert made.signature == "call 2 mutates result_1, differs from eager in value of x"


def test_a_mutation_that_does_not_happen_is_named() -> None:
    expected = "call 1: compiles, mutates argument 0, equals eager"
    made = told("call 1: compiles, equals eager", expected)
    assert made.signature == "call 1 lacks mutates argument 0"


@pytest.mark.parametrize(
    "ends", [{"failure": RAISED}, {"status": -11, "ended": False}, {"timed_out": True}]
)
def test_what_was_wrong_before_the_end_is_in_the_signature(ends: dict[str, Any]) -> None:
    terms, right = Terms(parse(calls("compiles|reuses|reuses"))), calls("compiles|reuses")
    wrong = right.replace("reuses, equals eager", "compiles, differs from eager in value of x")
    healthy = judge(terms, [seen(right, **ends)]).signature
    made = judge(terms, [seen(wrong, **ends)])
    assert made.signature == f"{healthy}; call 2 differs from eager in value of x"


def test_an_error_that_torch_wraps_is_named_in_the_signature() -> None:
    outer = "torch._dynamo.exc.BackendCompilerFailed"
    message = "backend='mine' raised:\nmy.Trouble: no such thing"
    failure = replace(RAISED, type=outer, message=message)
    made = judge(Terms(parse(STORY)), [seen("", failure=failure)])
    assert made.signature == f"error: {outer} from my.Trouble (trace) before the first call"


@pytest.mark.parametrize(
    ("ended", "signature"),
    [
        (seen(timed_out=True), "timeout"),
        (seen(status=-11), "crash: died of SIGSEGV"),
        (seen(artefacts=(CAPTURED,)), "fell_back"),
        (
            seen("", failure=RAISED),
            "error: torch._dynamo.exc.Unsupported (trace) before the first call",
        ),
        (
            seen(STORY.replace("call 1: compiles, 2 ops", "call 1: compiles, 3 ops")),
            "call 1 3 ops",
        ),
        (seen(STORY.replace("f32[2]", "i64[2]")), "event 6 inputs (may) = i64[2]"),
        (
            seen(STORY.replace("reuses", "compiles").replace("f32[2]", "i64[2]")),
            "call 2 compiles; event 6 inputs (may) = i64[2]",
        ),
    ],
)
def test_every_deviation_has_a_signature_by_which_it_can_be_known(
    ended: Exit, signature: str
) -> None:
    assert judge(Terms(parse(STORY)), [ended]).signature == signature
    assert judge(Terms(parse(STORY), known=known(signature)), [ended]).verdict is Verdict.XFAIL


def test_another_deviation_than_the_known_one_is_judged_as_usual() -> None:
    made = told(STORY.replace("f32[2]", "f64[2]"), known=known("call 2 compiles"))
    assert (made.verdict, made.tier) == (Verdict.FAIL, Tier.MAY)
    assert made.reason.endswith("the known entry expects another deviation: call 2 compiles")


def test_a_known_deviation_that_is_gone_must_be_deleted() -> None:
    made = told(STORY, known=known("call 2 compiles"))
    assert made.verdict is Verdict.XPASS
    assert made.reason == "listed as known (a reason) but conforms: delete the entry"


def test_a_known_deviation_that_may_come_and_go_may_be_gone() -> None:
    assert told(STORY, known=known("call 2 compiles", flaky=True)).verdict is Verdict.PASS


def test_a_cause_is_known_by_what_its_error_says() -> None:
    cause = replace(known("error: *Unsupported (trace) *"), message="no * here", reason="a cause")
    other = replace(cause, message="no such thing", reason="another cause")
    failed = seen("", failure=replace(RAISED, message="there is no float8 here\nor anywhere"))
    made = judge(Terms(parse(STORY), others=(other, cause)), [failed])
    assert (made.verdict, made.reason) == (Verdict.XFAIL, "a cause")
    assert judge(Terms(parse(STORY), others=(other,)), [failed]).verdict is Verdict.ERROR
    assert told(STORY, others=(cause,)).verdict is Verdict.PASS, "a cause is not about this trial"


def test_a_cause_does_not_hide_what_was_wrong_before_its_error() -> None:
    cause = replace(known("error: *"), message=RAISED.message)
    terms = Terms(parse(calls("compiles|reuses|reuses")), others=(cause,))
    right = calls("compiles|reuses")
    wrong = right.replace("reuses, equals eager", "reuses, differs from eager in value of x")
    assert judge(terms, [seen(right, failure=RAISED)]).verdict is Verdict.XFAIL
    assert judge(terms, [seen(wrong, failure=RAISED)]).verdict is Verdict.ERROR


def test_the_entry_of_the_trial_counts_before_that_of_a_cause() -> None:
    failed = seen("", failure=RAISED)
    own = known(judge(Terms(parse(STORY)), [failed]).signature)
    cause = replace(known("error: *"), message=RAISED.message, reason="a cause")
    assert judge(Terms(parse(STORY), known=own, others=(cause,)), [failed]).reason == own.reason
    elsewhere = replace(own, signature="call 2 compiles")
    made = judge(Terms(parse(STORY), known=elsewhere, others=(cause,)), [failed])
    assert made.reason == "a cause"


def test_a_known_entry_changes_nothing_where_a_need_is_unmet() -> None:
    made = told(
        STORY.replace("reuses", "compiles"), unmet=("fullgraph",), known=known("call 2 compiles")
    )
    assert made.verdict is Verdict.UNSUPPORTED


# flaky, not_run, bug


def test_identical_attempts_that_differ_are_flaky() -> None:
    attempts = [seen(), seen(STORY.replace("reuses", "compiles")), seen()]
    made = judge(Terms(parse(STORY)), attempts)
    assert made.verdict is Verdict.FLAKY
    assert made.reason == (
        "identical attempts differ: pass (as expected), fail (call 2 compiles), pass (as expected)"
    )


def test_attempts_that_deviate_differently_are_flaky() -> None:
    attempts = [seen(STORY.replace("reuses", "compiles")), seen(STORY.replace("f32", "f64"))]
    assert judge(Terms(parse(STORY)), attempts).verdict is Verdict.FLAKY


def test_a_flaky_judgement_shows_the_worst_attempt() -> None:
    attempts = [seen(), seen(status=-11), seen(STORY.replace("reuses", "compiles"))]
    made = judge(Terms(parse(STORY)), attempts)
    assert made.verdict is Verdict.FLAKY
    assert made.signature == "crash: died of SIGSEGV"


def test_attempts_that_agree_are_judged_as_one() -> None:
    wrong = seen(STORY.replace("reuses", "compiles"))
    assert judge(Terms(parse(STORY)), [wrong] * 3) == judge(Terms(parse(STORY)), [wrong])


def test_a_known_entry_may_allow_attempts_to_differ() -> None:
    attempts = [seen(), seen(STORY.replace("reuses", "compiles"))]
    allowed = Terms(parse(STORY), known=known("call 2 compiles", flaky=True))
    made = judge(allowed, attempts)
    assert made.verdict is Verdict.XFAIL
    assert made.reason.startswith("a reason (identical attempts differ")
    forbidden = Terms(parse(STORY), known=known("call 2 compiles"))
    assert judge(forbidden, attempts).verdict is Verdict.FLAKY


def test_no_attempt_is_not_run() -> None:
    made = judge(Terms(parse(STORY)), [])
    assert made.verdict is Verdict.NOT_RUN
    assert (made.promised, made.kept) == (TIERS, ())


@pytest.mark.parametrize("where", ["observation", "exit"])
def test_a_bug_of_ours_wins_over_everything(where: str) -> None:
    ended = seen("", status=-11, timed_out=True, failure=RAISED, ended=False)
    bug = "Traceback (most recent call last):\n  ...\nTypeError: ours\n"
    if where == "exit":
        ended = replace(ended, bug=bug)
    else:
        ended = replace(ended, observation=replace(ended.observation, bug=bug))
    terms = Terms(parse(STORY), unmet=("fullgraph",), known=known("timeout"))
    made = judge(terms, [seen(), ended])
    assert (made.verdict, made.reason, made.kept) == (Verdict.BUG, "TypeError: ours", ())


# promises


@pytest.mark.parametrize(
    ("text", "promised"),
    [
        ("", ()),
        ("call 1: equals eager", (Tier.MUST,)),
        ("call 1: compiles, equals eager", (Tier.MUST, Tier.SHOULD)),
        ("call 1: compiles, 1 op, equals eager", TIERS),
        ("x (may) = 1", (Tier.MAY,)),
        ("x (should) = 1\ny (may) = 1", (Tier.SHOULD, Tier.MAY)),
        ("x (diverge) = 1", (Tier.MUST,)),
        ("reset", (Tier.MUST,)),
    ],
)
def test_a_story_has_promises_of_the_tiers_of_its_facets(
    text: str, promised: tuple[Tier, ...]
) -> None:
    assert promises(Terms(parse(text) if text else ())) == promised


def test_a_scenario_that_raises_a_tier_has_promises_of_that_tier() -> None:
    terms = Terms(parse(STORY), tiers={"compiles": Tier.MUST, "ops": Tier.MUST})
    assert promises(terms) == (Tier.MUST, Tier.MAY)


def test_the_usual_tiers_speak_of_every_facet() -> None:
    assert set(USUAL) == {"compiles", "ops", "captures", "effects", "outcome"}


@pytest.mark.parametrize(
    ("expected", "text", "promised", "kept"),
    [
        ("x (may) = 1", "x (may) = 1\nreset", (Tier.MUST, Tier.MAY), (Tier.MAY,)),
        ("call 1: equals eager", "call 1: compiles, equals eager", TIERS[:2], (Tier.MUST,)),
    ],
)
def test_a_broken_promise_counts_though_the_story_has_no_other_of_its_tier(
    expected: str, text: str, promised: tuple[Tier, ...], kept: tuple[Tier, ...]
) -> None:
    made = told(text, expected)
    assert made.verdict is Verdict.FAIL
    assert (made.promised, made.kept) == (promised, kept)


# fails


@pytest.mark.parametrize(
    ("verdict", "tier", "usually", "strictly"),
    [
        (Verdict.PASS, None, False, False),
        (Verdict.UNSUPPORTED, Tier.MUST, False, False),
        (Verdict.XFAIL, Tier.MUST, False, False),
        (Verdict.IMPROVED, Tier.SHOULD, False, True),
        (Verdict.FAIL, Tier.MAY, False, True),
        (Verdict.FAIL, Tier.SHOULD, True, True),
        (Verdict.FAIL, Tier.MUST, True, True),
        (Verdict.FAIL, Tier.DIVERGE, True, True),
        (Verdict.XPASS, None, True, True),
        (Verdict.FELL_BACK, Tier.MUST, True, True),
        (Verdict.ERROR, Tier.MUST, True, True),
        (Verdict.TIMEOUT, Tier.MUST, True, True),
        (Verdict.CRASH, Tier.MUST, True, True),
        (Verdict.FLAKY, Tier.MAY, True, True),
        (Verdict.NOT_RUN, None, True, True),
        (Verdict.BUG, None, True, True),
    ],
)
def test_which_judgements_fail_a_run(
    verdict: Verdict, tier: Tier | None, *, usually: bool, strictly: bool
) -> None:
    made = Judgement(verdict, tier=tier)
    assert fails(made) is usually
    assert fails(made, strict=True) is strictly


# properties


OUTCOMES = ["equals eager", "raises KeyError", "differs from eager in value of result", "returns 1"]
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        Call,
        st.integers(0, 4),
        st.sampled_from(["compiles", "reuses", "runs uncompiled", ""]),
        st.sampled_from(OUTCOMES),
        of=st.sampled_from(["", "f"]),
        graphs=st.none() | st.integers(0, 3),
        ops=st.none() | st.integers(0, 3),
        effects=st.lists(st.sampled_from(["mutates argument 0", "result is argument 0"])).map(
            tuple
        ),
    ),
    st.builds(Note, st.text(max_size=3), st.text(max_size=3)),
    st.builds(Told, st.text(max_size=3), st.text(max_size=3), st.sampled_from(Tier)),
    st.builds(Step, st.text(max_size=3)),
)
STORIES = st.lists(EVENTS, max_size=6).map(tuple)
FAILURES = st.builds(
    Failure, st.sampled_from(["", "trace", "run"]), st.text(max_size=4), st.text(max_size=9)
)
ENDS = st.builds(
    Exit,
    st.builds(
        Observation,
        story=STORIES,
        failure=st.none() | FAILURES,
        bug=st.sampled_from(["", "", "", "a bug"]),
        ended=st.booleans(),
        artefacts=st.lists(st.sampled_from([KERNEL, CAPTURED]), max_size=2).map(tuple),
    ),
    status=st.sampled_from([0, 0, 0, 1, -11, -999, None]),
    timed_out=st.booleans(),
    seconds=st.floats(0, 100),
)
TERMS = st.builds(
    Terms,
    STORIES,
    tiers=st.dictionaries(st.sampled_from(list(USUAL)), st.sampled_from(Tier)),
    exact=st.booleans(),
    unmet=st.sampled_from([(), ("fullgraph",)]),
    interprets=st.booleans(),
    known=st.none()
    | st.builds(
        known, st.sampled_from(["timeout", "call 1 reuses", "fell_back"]), flaky=st.booleans()
    ),
    applies=st.sampled_from(["", "", "speaks of another torch"]),
)


@BOUNDED
@given(TERMS, st.lists(ENDS, max_size=3))
def test_whatever_happens_there_is_one_consistent_judgement(
    terms: Terms, attempts: list[Exit]
) -> None:
    made = judge(terms, attempts)
    assert made == judge(terms, attempts)
    assert set(made.kept) <= set(made.promised) <= set(TIERS)
    assert made.reason or made.verdict is Verdict.PASS
    if made.verdict.conforms:
        assert made.kept == made.promised
    if made.verdict in (Verdict.FAIL, Verdict.ERROR, Verdict.CRASH, Verdict.TIMEOUT):
        assert made.tier is not None
        assert made.signature
    if made.verdict is Verdict.FAIL:
        assert made.kept != made.promised


@BOUNDED
@given(STORIES, st.booleans())
def test_a_story_judged_by_itself_passes(story: Story, exact: bool) -> None:  # noqa: FBT001 - drawn
    ended = Exit(Observation(story=story, ended=True, artefacts=(KERNEL,)))
    made = judge(Terms(story, exact=exact), [ended])
    assert made.verdict is Verdict.PASS
    assert made.differences == ()


@BOUNDED
@given(STORIES, STORIES)
def test_only_a_story_without_worse_differences_conforms(expected: Story, story: Story) -> None:
    ended = Exit(Observation(story=story, ended=True, artefacts=(KERNEL,)))
    made = judge(Terms(expected), [ended])
    assert made.verdict.conforms == all(each.better for each in made.differences)
    assert (made.verdict is Verdict.PASS) == (not made.differences)


@BOUNDED
@given(TERMS, st.lists(ENDS, min_size=2, max_size=3))
def test_no_attempt_is_worse_than_the_flaky_judgement_shows(
    terms: Terms, attempts: list[Exit]
) -> None:
    order = list(Verdict)
    bare = replace(terms, known=None, unmet=(), applies="")
    made = judge(bare, attempts)
    alone = [judge(bare, [each]) for each in attempts]
    if any(each.verdict is Verdict.BUG for each in alone):
        assert made.verdict is Verdict.BUG
    else:
        worst = max(alone, key=lambda each: order.index(each.verdict))
        assert made.verdict in (worst.verdict, Verdict.FLAKY)
        assert made.signature == worst.signature


@BOUNDED
@given(TERMS, ENDS)
def test_with_an_unmet_need_only_death_and_bugs_fail_a_run(terms: Terms, ended: Exit) -> None:
    made = judge(replace(terms, unmet=("fullgraph",), known=None), [ended])
    dead = {Verdict.CRASH, Verdict.TIMEOUT, Verdict.BUG}
    assert made.verdict in {Verdict.PASS, Verdict.IMPROVED, Verdict.UNSUPPORTED} | dead


# backward passes and acts

BACKWARD = "call 1: compiles, captures a backward, equals eager"
AHEAD = "compile ahead of time: compiles, succeeds\nsave: succeeds\ncall 1: reuses, equals eager"


@pytest.mark.parametrize("captures", ["captures 2 backwards, ", ""])
def test_another_number_of_captures_breaks_a_should_promise_in_either_direction(
    captures: str,
) -> None:
    made = told(BACKWARD.replace("captures a backward, ", captures), BACKWARD)
    assert (made.verdict, made.tier) == (Verdict.FAIL, Tier.SHOULD)


def test_an_act_that_raises_breaks_a_must_promise() -> None:
    made = told(AHEAD.replace("save: succeeds", "save: raises OSError while running"), AHEAD)
    assert (made.verdict, made.tier) == (Verdict.FAIL, Tier.MUST)
    assert "raises OSError while running" in made.reason


def test_an_act_that_compiles_more_is_worse_and_one_that_compiles_nothing_is_better() -> None:
    more = told(AHEAD.replace("compiles,", "compiles 2 graphs,"), AHEAD)
    assert (more.verdict, more.tier) == (Verdict.FAIL, Tier.SHOULD)
    assert told(AHEAD.replace("compiles, ", ""), AHEAD).verdict is Verdict.IMPROVED


def test_another_act_in_its_place_breaks_a_must_promise() -> None:
    made = told(AHEAD.replace("save", "load"), AHEAD)
    assert (made.verdict, made.tier) == (Verdict.FAIL, Tier.MUST)


def test_a_story_may_end_with_an_act_that_raises() -> None:
    story = "compile ahead of time: raises torch._dynamo.exc.Unsupported while tracing"
    made = judge(Terms(parse(story)), [seen(story, failure=RAISED, artefacts=())])
    assert made.verdict is Verdict.PASS


def test_a_deviation_without_a_needed_program_is_unsupported_and_conforming_passes() -> None:
    made = told(
        "call 1: raises ValueError while compiling",
        "call 1: compiles, equals eager",
        missing=("g++",),
    )
    assert made.verdict is Verdict.UNSUPPORTED
    assert "g++, which is not installed" in made.reason
    assert told(STORY, missing=("g++",)).verdict is Verdict.PASS


def test_what_the_front_end_does_not_offer_is_unsupported() -> None:
    failure = Failure("run", NOT_OFFERED, "mine has no dynamic=True")
    made = judge(Terms(parse(STORY)), [seen("", failure=failure)])
    assert (made.verdict, made.reason) == (Verdict.UNSUPPORTED, "mine has no dynamic=True")


def test_a_bug_that_says_nothing_is_a_bug() -> None:
    made = judge(Terms(parse("reset")), [Exit(Observation(bug=" \n"))])
    assert (made.verdict, made.reason) == (Verdict.BUG, "it does not say how")
