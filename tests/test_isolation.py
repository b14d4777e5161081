"""Trials as processes: whatever an implementation does to its own, the right verdict comes back."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from itertools import cycle
from pathlib import Path
from typing import get_args

import pytest
from conftest import HANGS, ROOT, Try, comes_true, fault, first_variants, hung

from conformance.session import Session, Settings
from harness import catalog, implementations
from harness.environment import IsolationError, environ
from harness.fork import Fork, Warmth
from harness.isolate import Here
from harness.model import Implementation, Result, Verdict
from harness.needs import NEEDS
from harness.record import result_from_json, result_to_json
from harness.story import render

EAGER = Implementation("eager", backend="eager", interprets=True, claims=tuple(NEEDS))


@pytest.mark.parametrize("mode", ["fork", "spawn"])
def test_an_honest_backend_passes(attempt: Try, mode: str) -> None:
    result = attempt(fault("honest"), mode=mode)
    assert result.judgement.verdict is Verdict.PASS, result
    assert render(result.exit.observation.story) == result.expected


@pytest.mark.parametrize("mode", ["fork", "spawn"])
def test_a_segfault_is_a_crash_with_its_signal_and_its_trace(attempt: Try, mode: str) -> None:
    result = attempt(fault("segfault"), mode=mode)
    assert result.judgement.verdict is Verdict.CRASH
    assert "SIGSEGV" in result.judgement.reason
    assert result.exit.status == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in result.exit.output


def test_what_was_told_before_a_crash_is_kept(attempt: Try) -> None:
    result = attempt(fault("segfault_later"), "recompiles/call_method_is_rebound")
    assert result.judgement.verdict is Verdict.CRASH
    told = render(result.exit.observation.story)
    assert told == "change: the class's call method adds 1\ncall 1: compiles, 1 op, equals eager\n"
    assert len(result.exit.observation.evidence) == 2


def test_an_abort_is_a_crash(attempt: Try) -> None:
    result = attempt(fault("abort"))
    assert result.judgement.verdict is Verdict.CRASH
    assert "SIGABRT" in result.judgement.reason


def test_leaving_with_status_zero_is_a_crash_and_not_a_pass(attempt: Try) -> None:
    result = attempt(fault("leave"))
    assert result.judgement.verdict is Verdict.CRASH
    assert "status 0 before the story" in result.judgement.reason


def test_leaving_with_another_status_is_a_crash_that_names_it(attempt: Try) -> None:
    result = attempt(fault("leave_with_status"))
    assert result.judgement.verdict is Verdict.CRASH
    assert "status 7" in result.judgement.reason


@pytest.mark.parametrize("mode", ["fork", "spawn"])
def test_a_sleep_beyond_the_limit_is_a_timeout_that_explains_itself(
    attempt: Try, mode: str
) -> None:
    result, limit = hung(attempt, "hang", mode)
    assert result.judgement.verdict is Verdict.TIMEOUT
    assert "Timeout" in result.exit.output
    assert "in hang" in result.exit.output
    assert limit <= result.exit.seconds < 500


@pytest.mark.parametrize("mode", ["fork", "spawn"])
def test_a_grandchild_that_holds_the_output_is_ended_and_costs_no_verdict(
    attempt: Try, mode: str
) -> None:
    result = attempt(fault("daemon"), mode=mode)
    assert result.judgement.verdict is Verdict.PASS, result
    assert result.exit.leftovers == 2, "one for each of its two graphs"
    assert result.exit.seconds < 500, "it would sleep for longer"


def test_an_answer_that_is_not_ours_is_a_bug_of_ours(attempt: Try) -> None:
    result = attempt(fault("garbage"))
    assert result.judgement.verdict is Verdict.BUG
    assert "is not ours" in result.judgement.reason


def test_a_zygote_killed_in_mid_trial_is_a_bug_and_the_next_trial_gets_a_new_one(
    attempt: Try,
) -> None:
    killed = attempt(fault("kill_zygote"), time_limit=500.0)
    assert killed.judgement.verdict is Verdict.BUG
    assert "the zygote of 'kill_zygote' ended" in killed.judgement.reason
    assert attempt(fault("honest")).judgement.verdict is Verdict.PASS


def test_a_flood_of_output_keeps_its_end(attempt: Try) -> None:
    result = attempt(fault("flood"))
    assert result.judgement.verdict is Verdict.PASS, result
    assert len(result.exit.output) < 20_000
    assert result.exit.output.rstrip().endswith("the last line")


def test_giving_back_the_captured_graph_is_falling_back(attempt: Try) -> None:
    result = attempt(fault("silent"))
    assert result.judgement.verdict is Verdict.FELL_BACK
    assert "the captured graph" in result.judgement.reason


def test_wrong_values_fail_a_must_promise_and_name_the_property(attempt: Try) -> None:
    result = attempt(fault("wrong"))
    assert result.judgement.verdict is Verdict.FAIL
    assert result.judgement.tier == "must"
    assert "value of result" in result.judgement.reason


def test_a_wrong_gradient_is_named_where_it_is(attempt: Try) -> None:
    result = attempt(fault("doubles_the_last"), "compiled_autograd/new_models_share_a_capture")
    assert result.judgement.verdict is Verdict.FAIL
    assert result.judgement.tier == "must"
    assert re.search(r"argument 0\.\d\.\w+\.grad", result.judgement.reason)


def test_reused_memory_of_a_result_that_is_kept_is_a_mutation(attempt: Try) -> None:
    result = attempt(fault("buffer"), "aliasing/kept_results_stay")
    assert result.judgement.verdict is Verdict.FAIL
    assert result.judgement.tier == "must"
    assert "mutates result_1" in render(result.exit.observation.story)


def test_a_changed_default_dtype_is_an_effect(attempt: Try) -> None:
    result = attempt(fault("leaky"))
    assert result.judgement.verdict is Verdict.FAIL
    assert "changes default_dtype" in result.judgement.reason


def test_a_crash_is_a_crash_also_where_a_need_is_not_claimed(attempt: Try) -> None:
    unable = dataclasses.replace(fault("segfault"), claims=())
    assert attempt(unable).judgement.verdict is Verdict.CRASH


def run_on_eager(module: Path, folder: Path, fork: Fork) -> Result:
    """Run the one scenario of a module."""
    (entry,) = catalog.read_module(module)
    session = Session(Settings(folder, os.getpid(), "fork", 60.0), [EAGER])
    session.isolation = fork
    return session.run(entry, catalog.variants(entry)[0], "eager")


@pytest.mark.parametrize(
    ("lacking", "verdict", "said"),
    [
        (
            "numpy.linalg",
            Verdict.ERROR,
            f"needs numpy, which is not installed for {sys.executable}; install it there",
        ),
        ("itertols", Verdict.BUG, "No module named 'itertols'"),
    ],
)
def test_what_a_scenario_imports_and_the_environment_lacks_is_named(  # noqa: PLR0913
    tmp_path: Path, folder: Path, fork: Fork, *, lacking: str, verdict: Verdict, said: str
) -> None:
    module = tmp_path / f"{lacking.partition('.')[0]}_is_imported.py"
    module.write_text(
        f"raise ModuleNotFoundError(\"No module named '{lacking}'\", name='{lacking}')\n"
        "@scenario(ref='x', expect='value: equals eager')\n"
        "def lacking(s: Subject) -> None:\n"
        "    'A claim.'\n"
        "    s.note('value', 1)\n"
    )
    result = run_on_eager(module, folder, fork)
    assert result.judgement.verdict is verdict
    assert said in result.judgement.reason
    assert not result.stopped, "the implementation runs: other scenarios are judged"


def test_a_value_that_cannot_be_observed_is_a_bug_of_ours(
    tmp_path: Path, folder: Path, fork: Fork
) -> None:
    module = tmp_path / "strange.py"
    module.write_text(
        "from harness.scenario import Subject, scenario\n"
        "class Strange:\n"
        "    @property\n"
        "    def __dict__(self):\n"
        "        raise LookupError('nothing to see')\n"
        "@scenario(ref='x', expect='value: equals eager')\n"
        "def strange(s: Subject) -> None:\n"
        "    'A claim.'\n"
        "    s.note('value', Strange())\n"
    )
    judged = run_on_eager(module, folder, fork).judgement
    assert judged.verdict is Verdict.BUG
    assert "nothing to see" in judged.reason


def test_a_result_that_cannot_be_observed_where_eagers_can_is_theirs(attempt: Try) -> None:
    judged = attempt(fault("gives_what_nobody_can_see")).judgement
    assert judged.verdict is Verdict.ERROR
    assert "LookupError (run)" in judged.reason


def test_mode_none_refuses_an_environment_that_it_cannot_give(folder: Path) -> None:
    with pytest.raises(IsolationError, match="isolation `none` cannot give"):
        Here(folder).hello(fault("honest"))


def test_a_backend_that_refuses_is_an_error_while_compiling(attempt: Try) -> None:
    result = attempt(fault("refuses"))
    assert result.judgement.verdict is Verdict.ERROR
    assert result.judgement.phase == "compile"
    assert "compiles nothing" in result.judgement.reason


def test_an_exception_without_a_text_is_still_an_error(attempt: Try) -> None:
    result = attempt(fault("unreadable"))
    assert result.judgement.verdict is Verdict.ERROR
    assert "cannot be read" in result.judgement.reason


def test_results_that_no_format_knows_break_a_promise(attempt: Try) -> None:
    result = attempt(fault("unserialisable"))
    assert result.judgement.verdict is Verdict.FAIL
    assert "type of result" in result.judgement.reason
    assert result_from_json(json.loads(json.dumps(result_to_json(result)))) == result


def test_an_exception_with_a_text_that_cannot_be_said_is_an_error_that_can_be_recorded(
    attempt: Try,
) -> None:
    result = attempt(fault("raises_what_cannot_be_said"))
    assert result.judgement.verdict is Verdict.ERROR
    line = json.dumps(result_to_json(result))
    assert result_from_json(json.loads(line)) == result
    assert len(line) < 100_000


def test_a_backend_that_starts_threads_is_not_warmed_and_passes(attempt: Try) -> None:
    assert attempt(fault("threaded")).judgement.verdict is Verdict.PASS


def test_trials_may_run_in_this_process() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from conftest import *\n"
        "folder = open_folder()\n"
        "session = Session(Settings(folder, os.getpid(), 'none', 60.0), [EAGER])\n"
        "for entry, variant in first_variants()[:3]:\n"
        "    print(session.run(entry, variant, 'eager').judgement.verdict)\n"
        "session.close()\n"
    ).replace(
        "EAGER", "Implementation('eager', backend='eager', interprets=True, claims=tuple(NEEDS))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=True,
    )
    assert ran.stdout.split() == ["pass"] * 3


def test_a_zygote_without_warming_up_tells_the_same_stories(folder: Path, fork: Fork) -> None:
    others: list[Fork] = []
    for warmth in get_args(Warmth)[1:]:
        (folder / warmth).mkdir()
        others.append(Fork(folder / warmth, os.getpid(), warmth))
    session = Session(Settings(folder, os.getpid(), "fork", 60.0), [EAGER])
    try:
        for (entry, variant), other in zip(first_variants()[::48], cycle(others), strict=False):
            session.isolation = fork
            warm = session.run(entry, variant, "eager").exit.observation.story
            session.isolation = other
            assert warm, entry.id
            told = session.run(entry, variant, "eager").exit.observation.story
            assert warm == told, entry.id
    finally:
        for other in others:
            other.close()


def test_what_warming_up_leaves_behind_ends_with_the_zygote(folder: Path, tmp_path: Path) -> None:
    own = Fork(tmp_path, os.getpid())
    session = Session(Settings(folder, os.getpid(), "fork", 60.0), [fault("daemon")])
    session.isolation = own
    entry, variant = first_variants()[-1]
    session.run(entry, variant, "daemon")
    assert commands_with(str(tmp_path))
    own.close()
    assert comes_true(lambda: not commands_with(str(tmp_path))), commands_with(str(tmp_path))


def commands_with(text: str) -> list[str]:
    """The command lines, of all processes, in which a text occurs."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [each for each in found if text in each]


def test_the_zygote_ends_when_its_guardian_ends(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib\n"
        "from harness.fork import Fork\n"
        "from harness.model import Implementation\n"
        "fork = Fork(pathlib.Path(sys.argv[1]), os.getpid())\n"
        "print(fork.hello(Implementation('eager', backend='eager'))['pid'], flush=True)\n"
        "os._exit(0)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=True,
    )
    zygote = int(ran.stdout)
    assert comes_true(lambda: not Path(f"/proc/{zygote}").exists())


def test_variables_that_would_change_the_judgement_do_not_reach_the_far_side(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_COMPILE_JOB_ID", "mine")
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    seen = environ(EAGER, tmp_path)
    assert "TORCH_COMPILE_JOB_ID" not in seen
    assert "TORCHDYNAMO_DISABLE" not in seen
    assert seen["OMP_NUM_THREADS"] == "1"


def test_variables_of_the_profile_do(tmp_path: Path) -> None:
    own = Implementation("own", environ={"TORCHDYNAMO_VERBOSE": "1"})
    assert environ(own, tmp_path)["TORCHDYNAMO_VERBOSE"] == "1"


def test_a_missing_compiler_is_unsupported_and_says_so(attempt: Try, folder: Path) -> None:
    empty = folder / "no tools"
    empty.mkdir()
    inductor = implementations.find("inductor")
    without = dataclasses.replace(inductor, name="without", environ={"PATH": str(empty)})
    result = attempt(without)
    assert result.judgement.verdict is Verdict.UNSUPPORTED
    assert result.judgement.reason.startswith(
        "needs g++, which is not installed here; run all the same, it ended in error"
    )


def test_an_interpreter_that_does_not_exist_is_named(fork: Fork) -> None:
    with pytest.raises(
        IsolationError, match=r"'/nope/python', which does not exist.*correct `python`"
    ):
        fork.start(Implementation("x", python="/nope/python"))


def test_an_interpreter_without_torch_is_told_from_a_broken_one(fork: Fork, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")],
        check=True,
        timeout=HANGS,
    )
    bare = Implementation("bare", python=str(tmp_path / "bare/bin/python"))
    with pytest.raises(IsolationError, match="which has no torch; install torch"):
        fork.hello(bare)
    broken = Implementation("broken", python="/bin/true")
    with pytest.raises(IsolationError, match="cannot start"):
        fork.hello(broken)
