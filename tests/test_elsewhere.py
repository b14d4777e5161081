"""Steps in other processes: their events belong to the story, and their ends to the trial."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LIMITS, comes_true, fault

from conformance.session import Session, Settings
from harness import catalog
from harness.fork import Fork
from harness.implementations import find
from harness.model import Implementation, Result, Verdict
from harness.story import render

EAGER = find("eager")
HEAD = """
import os, signal, sys, time
from harness.scenario import Subject, scenario

SEEN = []

def double(x):
    return x * 2

@scenario(ref="x", expect="")
def trial(s: Subject) -> None:
    "A claim."
"""
Play = Callable[..., Result]


@pytest.fixture
def play(tmp_path: Path, folder: Path, fork: Fork) -> Play:
    """Run a scenario of the given body, which is followed by its steps."""

    def run(
        source: str,
        implementation: Implementation = EAGER,
        *,
        mode: str = "fork",
        time_limit: float = 60.0,
    ) -> Result:
        module = tmp_path / "steps.py"
        module.write_text(HEAD + source, encoding="utf-8")
        (entry,) = catalog.read_module(module)
        session = Session(Settings(folder, os.getpid(), mode, time_limit), [implementation])
        if mode == "fork":
            session.isolation = fork
        return session.run(entry, catalog.variants(entry)[0], implementation.name)

    return run


def told(result: Result) -> list[str]:
    """The lines of the story that was told to its end."""
    assert not result.exit.observation.bug, result.exit.observation.bug
    assert result.exit.status == 0, result.exit.output
    assert result.exit.observation.failure is None
    return render(result.exit.observation.story).splitlines()


CONTINUES = """
    program = s.compile(double)
    program(s.randn(2))
    s.elsewhere(step)
    program(s.randn(2))
    s.tell("number", s.randn(1))

def step(s):
    s.compile(double)(s.randn(2))
    s.tell("number", s.randn(1))
"""


@pytest.mark.parametrize("mode", ["fork", pytest.param("spawn", marks=pytest.mark.long)])
def test_calls_are_numbered_across_processes(play: Play, mode: str) -> None:
    lines = told(play(CONTINUES, mode=mode))
    assert [line for line in lines if not line.startswith("number")] == [
        "call 1: compiles, equals eager",
        "change: a fresh process goes on",
        "call 2: compiles, equals eager",
        "call 3: reuses, equals eager",
    ]


def test_numbers_are_drawn_as_if_the_step_ran_in_the_body(play: Play) -> None:
    lines = told(play(CONTINUES))
    inside = told(play(CONTINUES.replace("s.elsewhere(step)", "step(s)")))
    drawn = [line for line in lines if line.startswith("number")]
    assert drawn == [line for line in inside if line.startswith("number")]
    assert len(set(drawn)) == 2


@pytest.mark.parametrize("mode", ["fork", pytest.param("spawn", marks=pytest.mark.long)])
def test_a_step_sees_nothing_of_what_the_body_did(play: Play, mode: str) -> None:
    lines = told(
        play(
            """
    SEEN.append("body")
    s.elsewhere(step)
    s.tell("seen in the body", SEEN[-1])

def step(s):
    s.tell("seen in the step", len(SEEN))
    SEEN.append("step")
""",
            mode=mode,
        )
    )
    assert lines == [
        "change: a fresh process goes on",
        "seen in the step = 0",
        "seen in the body = body",
    ]


def test_each_step_has_a_process_of_its_own(play: Play) -> None:
    lines = told(
        play("""
    s.elsewhere(step)
    s.elsewhere(step)

def step(s):
    s.tell("seen", len(SEEN))
    SEEN.append(1)
""")
    )
    assert lines == ["change: a fresh process goes on", "seen = 0"] * 2


def test_a_step_may_have_a_brand_new_interpreter(play: Play) -> None:
    lines = told(
        play("""
    s.elsewhere(step, "forked")
    s.elsewhere(step, "new", interpreter=True)

def step(s, kind):
    s.tell(kind, "zygote" in sys.orig_argv)
""")
    )
    assert lines == [
        "change: a fresh process goes on",
        "forked = True",
        "change: a fresh interpreter goes on",
        "new = False",
    ]


def test_caches_are_shared_only_if_that_was_asked_for(play: Play) -> None:
    lines = told(
        play("""
    mine = os.environ["TORCHINDUCTOR_CACHE_DIR"]
    s.elsewhere(step, mine)
    s.elsewhere(step, mine, interpreter=True)
    s.elsewhere(step, mine, shares_caches=True)

def step(s, others):
    own = os.environ["TORCHINDUCTOR_CACHE_DIR"]
    s.tell("shared", own == others)
    s.tell("used before", os.path.exists(own + "/used"))
    s.act("use", lambda: os.makedirs(own + "/used"))
""")
    )
    assert [line for line in lines if line.startswith(("shared", "used"))] == [
        "shared = False",
        "used before = False",
        "shared = False",
        "used before = False",
        "shared = True",
        "used before = False",
    ]


def test_a_file_of_the_scenario_is_found_in_each_process(play: Play) -> None:
    lines = told(
        play("""
    s.act("write", lambda: open(s.path("file"), "w").write("text"))
    s.elsewhere(step)

def step(s):
    s.act("read", lambda: open(s.path("file")).read())
""")
    )
    assert lines == ["write: succeeds", "change: a fresh process goes on", "read: succeeds"]


def test_the_oracle_of_a_step_is_eager(play: Play) -> None:
    result = play(
        """
    s.elsewhere(step)

def step(s):
    s.compile(double)(s.ones(2))
    s.note("one", s.ones(1))
""",
        fault("wrong"),
    )
    assert told(result) == [
        "change: a fresh process goes on",
        "call 1: compiles, differs from eager in value of result",
        "one: equals eager",
    ]


@pytest.mark.parametrize("interpreter", [False, True])
def test_what_a_step_has_compiled_is_an_artefact_of_the_trial(
    play: Play, *, interpreter: bool
) -> None:
    result = play(
        f"""
    s.elsewhere(step, interpreter={interpreter})

def step(s):
    s.compile(double)(s.ones(2))
""",
        fault("silent"),
    )
    assert result.exit.observation.artefacts == ("the captured graph",)


@pytest.mark.parametrize("interpreter", [False, True])
def test_an_exception_in_a_step_ends_the_story_with_one_failure(
    play: Play, *, interpreter: bool
) -> None:
    result = play(
        f"""
    s.elsewhere(step, interpreter={interpreter})
    s.tell("never", "told")

def step(s):
    s.tell("before", "told")
    s.compile(double)(s.ones(2))
""",
        fault("refuses"),
    )
    assert result.judgement.verdict is Verdict.ERROR
    assert result.judgement.phase == "compile"
    assert "compiles nothing" in result.judgement.reason
    assert render(result.exit.observation.story).splitlines()[1:] == [
        "before = told",
        "call 1: raises torch._dynamo.exc.BackendCompilerFailed while compiling",
    ]


def test_an_exception_that_a_step_attempts_is_part_of_the_story(play: Play) -> None:
    result = play(
        """
    s.elsewhere(step)
    s.tell("after", "told")

def step(s):
    s.attempt(s.compile(double), s.ones(2))
""",
        fault("refuses"),
    )
    assert told(result)[1:] == [
        "call 1: raises torch._dynamo.exc.BackendCompilerFailed while compiling",
        "after = told",
    ]


@pytest.mark.parametrize("interpreter", [False, True])
@pytest.mark.parametrize(
    ("end", "status", "named"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV, "SIGSEGV"),
        ("os._exit(3)", 3, "status 3"),
    ],
)
def test_a_step_that_dies_is_a_crash_of_the_trial(
    play: Play, end: str, status: int, named: str, *, interpreter: bool
) -> None:
    result = play(f"""
    s.tell("before", "told")
    s.elsewhere(step, interpreter={interpreter})
    s.tell("never", "told")

def step(s):
    s.act("die", lambda: {end})
""")
    assert result.judgement.verdict is Verdict.CRASH
    assert named in result.judgement.reason
    assert result.exit.status == status
    assert render(result.exit.observation.story).splitlines()[0] == "before = told"
    assert "never" not in render(result.exit.observation.story)


@pytest.mark.parametrize("interpreter", [False, True])
def test_a_step_that_hangs_is_a_timeout_and_leaves_no_process(
    play: Play, tmp_path: Path, *, interpreter: bool
) -> None:
    pids = tmp_path / "pids"
    source = f"""
    s.elsewhere(step, interpreter={interpreter})

def step(s):
    s.act("hang", hang)

def hang():
    with open({str(pids)!r}, "w") as file:
        file.write(f"{{os.getpid()}} {{os.getppid()}}")
    time.sleep(600)
"""
    for limit in LIMITS:
        result = play(source, time_limit=limit)
        assert result.judgement.verdict is Verdict.TIMEOUT
        if pids.exists() and pids.read_text(encoding="utf-8"):
            break
    found = pids.read_text(encoding="utf-8").split()
    assert len(found) == 2
    assert comes_true(lambda: not any(Path(f"/proc/{pid}").exists() for pid in found))


def test_a_step_cannot_go_on_in_yet_another_process(play: Play) -> None:
    result = play("""
    s.elsewhere(step)

def step(s):
    s.elsewhere(step_of_step)

def step_of_step(s):
    s.tell("never", "told")
""")
    assert result.judgement.verdict is not Verdict.PASS
    assert "yet another process" in str(result.exit.observation)


def test_arguments_that_cannot_be_pickled_are_a_bug_of_the_scenario(play: Play) -> None:
    result = play("""
    s.elsewhere(step, lambda: 0)

def step(s, argument):
    pass
""")
    assert result.judgement.verdict is Verdict.BUG
    assert "pickle" in result.judgement.reason
