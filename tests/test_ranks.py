"""Ranks: processes that run one step together; what they tell belongs to the story, and how they end to the trial."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import fault

from conformance.session import Session, Settings
from harness import catalog
from harness.fork import Fork
from harness.implementations import find
from harness.model import Implementation, Result, Verdict
from harness.story import render

EAGER = find("eager")
HEAD = """
import os, signal, sys, time
import torch.distributed as dist
from harness.scenario import Subject, scenario

SEEN = []

def double(x):
    return x * 2

def total(x):
    dist.all_reduce(x)
    return x + 1

@scenario(ref="x", expect="")
def trial(s: Subject) -> None:
    "A claim."
"""
Play = Callable[..., Result]


@pytest.fixture
def play(tmp_path: Path, folder: Path, fork: Fork) -> Play:
    """Run a scenario of the given body, which is followed by its steps."""

    def run(source: str, implementation: Implementation = EAGER) -> Result:
        module = tmp_path / "ranks.py"
        module.write_text(HEAD + source, encoding="utf-8")
        (entry,) = catalog.read_module(module)
        session = Session(Settings(folder, os.getpid(), "fork", 60.0), [implementation])
        session.isolation = fork
        return session.run(entry, catalog.variants(entry)[0], implementation.name)

    return run


def told(result: Result) -> list[str]:
    """The lines of the story that was told to its end."""
    assert not result.exit.observation.bug, result.exit.observation.bug
    assert result.exit.status == 0, result.exit.output
    assert result.exit.observation.failure is None
    return render(result.exit.observation.story).splitlines()


MEETS = """
    SEEN.append("body")
    s.compile(double)(s.ones(1))
    s.ranks(step, 3)
    s.compile(double)(s.ones(1))

def step(s, factor):
    s.tell("seen", len(SEEN))
    s.compile(total)(s.ones(1) * factor * (dist.get_rank() + 1))
    s.note("world", dist.get_world_size())
"""


def test_ranks_meet_and_are_told_one_after_the_other(play: Play) -> None:
    assert told(play(MEETS)) == [
        "call 1: compiles, equals eager",
        "change: rank 0 of 2 goes on",
        "seen = 0",
        "call 2: compiles, mutates argument 0, equals eager",
        "world: equals eager",
        "change: rank 1 of 2 goes on",
        "seen = 0",
        "call 3: compiles, mutates argument 0, equals eager",
        "world: equals eager",
        "call 4: reuses, equals eager",
    ]


def test_a_rank_that_is_wrong_is_seen(play: Play) -> None:
    lines = told(play(MEETS.replace("dist.all_reduce", "double"), fault("wrong")))
    assert [line for line in lines if line.startswith("call 3")] == [
        "call 3: compiles, mutates argument 0, differs from eager in value of result"
    ]


def test_each_rank_draws_what_the_body_would(play: Play) -> None:
    lines = told(
        play("""
    s.ranks(step, world=3)
    s.tell("number", s.randn(1))

def step(s):
    s.tell("number", s.randn(1))
""")
    )
    drawn = [line for line in lines if line.startswith("number")]
    assert len(drawn) == 4
    assert len(set(drawn)) == 1


def test_a_rank_that_dies_is_a_crash_and_the_others_do_not_hang(play: Play) -> None:
    result = play("""
    s.ranks(step)
    s.tell("never", "told")

def step(s):
    s.tell("before", "told")
    s.act("die", lambda: dist.get_rank() == 1 and os.kill(os.getpid(), signal.SIGSEGV))
    s.act("wait", lambda: time.sleep(600))
""")
    assert result.judgement.verdict is Verdict.CRASH
    assert result.exit.status == -signal.SIGSEGV
    lines = render(result.exit.observation.story).splitlines()
    assert lines.count("before = told") == 2
    assert "never" not in str(lines)


def test_an_exception_in_one_rank_ends_the_story_with_its_failure(play: Play) -> None:
    result = play("""
    s.ranks(step)

def step(s):
    if dist.get_rank() == 1:
        s.act("fail", lambda: int("no number"))
    s.act("meet", lambda: total(s.ones(1)))
""")
    assert result.judgement.verdict is Verdict.ERROR
    assert "no number" in result.judgement.reason


def test_a_step_that_fails_in_eager_is_a_bug_of_the_scenario(play: Play) -> None:
    result = play("""
    s.ranks(step)

def step(s):
    int("no number")
""")
    assert result.judgement.verdict is Verdict.BUG
    assert "in eager, rank" in result.exit.observation.bug


def test_a_device_without_process_groups_is_unsupported(play: Play) -> None:
    result = play(MEETS, find("eager-paper"))
    assert result.judgement.verdict is Verdict.UNSUPPORTED
    assert "paper" in result.judgement.reason
