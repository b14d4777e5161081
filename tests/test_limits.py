"""What a trial may use, and that nothing of it outlives it: time, memory, output, processes, and the clock."""

from __future__ import annotations

import ast
import dataclasses
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import ROOT, Try, comes_true, fault, hung

from harness import isolate, kin
from harness.environment import profile
from harness.fork import Fork, _Line
from harness.isolate import usual_memory
from harness.model import Result, Verdict

MIB = 1 << 20

MODES = pytest.mark.parametrize("mode", ["fork", "spawn"])


# time


@pytest.mark.parametrize(
    ("name", "mode"), [("spin", "fork"), ("spin_in_c", "fork"), ("spin_in_c", "spawn")]
)
def test_a_loop_in_python_or_in_c_is_a_timeout_that_says_where(
    attempt: Try, name: str, mode: str
) -> None:
    """The one in C holds the interpreter's lock and blocks every signal that can be blocked."""
    result, _ = hung(attempt, name, mode)
    assert result.judgement.verdict is Verdict.TIMEOUT
    assert "Timeout" in result.exit.output
    assert f"in {name}" in result.exit.output


@MODES
def test_a_clock_that_is_set_forward_moves_no_deadline(
    attempt: Try, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """By a day, on the near side only: a deadline told as a time of day would be a day late on the far side."""
    monkeypatch.setattr(time, "time", lambda: time.clock_gettime(time.CLOCK_REALTIME) + 86_400)
    result, limit = hung(attempt, "hang", mode)
    assert result.judgement.verdict is Verdict.TIMEOUT
    assert "in hang" in result.exit.output
    assert limit <= result.exit.seconds < limit + 3600


def test_nothing_is_measured_by_the_time_of_day() -> None:
    """But for how long ago an environment was used, which is a file's time."""
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for package in ("harness", "conformance")
        for file in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("time.time", "time.time_ns")
    ]
    assert [each.rpartition(":")[0] for each in found] == [
        "conformance/commands/implementations.py"
    ]


# memory


@MODES
def test_a_trial_that_takes_too_much_memory_is_a_crash_that_says_so(
    attempt: Try, mode: str
) -> None:
    result = attempt(fault("hoard"), mode=mode, memory_limit=1024 * MIB)
    assert result.judgement.verdict is Verdict.CRASH
    assert (
        result.judgement.reason == "used more than 1 GiB of memory, after 0 of the story's events"
    )
    assert result.judgement.signature.endswith("crash: used too much memory")
    assert result.exit.exceeded == 1024 * MIB


def test_the_memory_of_helpers_counts_in_a_trial_and_while_its_branch_warms_up(
    attempt: Try, fork: Fork
) -> None:
    greedy = fault("hoard_in_helpers")
    result = attempt(greedy, memory_limit=480 * MIB, time_limit=500.0)
    assert result.judgement.verdict is Verdict.CRASH
    assert "used more than 0.469 GiB of memory" in result.judgement.reason
    with _Line(fork._connect(greedy)) as line:
        line.send({"branch": profile(greedy), "memory_limit": 0})
        assert line.receive(600) == {"socket": "", "why": "warming up ended with status -9"}


def test_memory_that_is_shared_counts_once_and_memory_that_is_only_reserved_not_at_all(
    attempt: Try,
) -> None:
    result = attempt(fault("share"), memory_limit=1024 * MIB)
    assert result.judgement.verdict is Verdict.PASS, result
    assert result.exit.leftovers == 16, "eight for each of its two graphs"


def test_memory_counts_whatever_a_process_is_called() -> None:
    """A name that is cut within a letter, as Linux does after 15 bytes, is no UTF-8."""
    hoard = (
        "import ctypes, sys\n"
        "ctypes.CDLL(None).prctl(15, b'abc\\xff', 0, 0, 0)  # PR_SET_NAME\n"
        "held = bytearray(200 << 20)\n"
        "print(flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", hoard]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert kin.uses_more(process.pid, 100 << 20)
        assert not kin.uses_more(process.pid, 1 << 40)


def test_a_trial_that_takes_too_much_memory_costs_nobody_else_anything(
    attempt: Try, fork: Fork
) -> None:
    """Neither a neighbour that runs at the same time from the same zygote nor the zygote itself."""
    hoarder = fault("hoard")
    neighbour = dataclasses.replace(fault("lives_with_helpers"), name="neighbour", claims=())
    assert fork._socket(hoarder) == fork._socket(neighbour)
    before = fork.hello(hoarder)["pid"]
    found: list[Result] = []
    beside = threading.Thread(target=lambda: found.append(attempt(neighbour)))
    beside.start()
    hoarded = attempt(hoarder, memory_limit=2048 * MIB)
    beside.join()
    assert hoarded.judgement.verdict is Verdict.CRASH
    assert [each.judgement.verdict for each in found] == [Verdict.PASS]
    assert fork.hello(hoarder)["pid"] == before


@MODES
def test_the_kernel_ends_a_trial_before_anything_else(attempt: Try, mode: str) -> None:
    assert "dispensable: 900" in attempt(fault("dispensable"), mode=mode).exit.output
    assert int(Path("/proc/self/oom_score_adj").read_text()) < 900


def test_a_trial_may_usually_use_half_of_what_its_host_or_container_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for text, wanted in ("max\n", total // 2), (f"{6 << 20}\n", 3 << 20):
        paper = tmp_path / "memory.max"
        paper.write_text(text)
        monkeypatch.setattr(isolate, "_CONTAINER", (str(paper), str(tmp_path / "nothing")))
        assert usual_memory() == wanted


# output


def test_endless_output_fills_no_disk_and_costs_no_verdict(attempt: Try) -> None:
    result = attempt(fault("gush"))
    assert result.judgement.verdict is Verdict.PASS, result
    assert result.exit.output.rstrip().endswith("the last line")
    (printed,) = re.findall(r"it became shorter after (\d+) MiB\n", result.exit.output)
    assert 10 < int(printed) < 700


def test_the_end_of_what_is_dropped_is_kept(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("wb", buffering=0) as file:
        file.truncate(kin.PRINTED)
        file.seek(0, os.SEEK_END)
        kin.Watch(os.getpid(), 0, output).exceeded()
        assert output.stat().st_size == kin.PRINTED, "that much may be printed"
        file.write(b"the end")
    kin.Watch(os.getpid(), 0, output).exceeded()
    text = output.read_bytes()
    assert len(text) < 17_000
    assert text.endswith(b"\0the end")
    assert b"bytes before this were dropped while the trial ran" in text


# processes


def alive(result: Result) -> list[int]:
    """The daemons that a trial has left behind and that stay alive."""
    pids = [int(each) for each in re.findall(r"escaped: (\d+)", result.exit.output)]
    assert pids
    comes_true(lambda: not any(map(kin.is_alive, pids)))
    return [pid for pid in pids if kin.is_alive(pid)]


@MODES
def test_a_daemon_that_has_left_its_session_is_ended_and_counted(attempt: Try, mode: str) -> None:
    result = attempt(fault("escape"), mode=mode)
    assert result.judgement.verdict is Verdict.PASS, result
    assert result.exit.leftovers == 2, "one for each of its two graphs"
    assert alive(result) == []


def test_a_daemon_outlives_no_crash_either(attempt: Try) -> None:
    result = attempt(fault("escape_and_crash"))
    assert result.judgement.verdict is Verdict.CRASH
    assert "SIGABRT" in result.judgement.reason
    assert result.exit.leftovers == 1
    assert alive(result) == []


def test_a_daemon_outlives_no_timeout_either(attempt: Try) -> None:
    result, _ = hung(attempt, "escape_and_hang", said="escaped: ")
    assert result.judgement.verdict is Verdict.TIMEOUT
    assert alive(result) == []


def test_a_daemon_lives_as_long_as_its_trial_whatever_else_ends(attempt: Try, folder: Path) -> None:
    """Of two trials from one zygote, the one that ends first must not take the other's daemon with it."""

    def is_in_the_midst() -> bool:
        said = [paper.read_text() for paper in folder.glob("trial-*.output")]
        return sum(each.count("escaped:") for each in said) == 2  # one for each of its two graphs

    attempt(fault("use_daemon"))
    found: list[Result] = []
    first = threading.Thread(target=lambda: found.append(attempt(fault("use_daemon"))))
    first.start()
    assert comes_true(is_in_the_midst)
    found.append(attempt(fault("use_daemon")))
    first.join()
    assert [each.judgement.verdict for each in found] == [Verdict.PASS] * 2, found
    assert [pid for each in found for pid in alive(each)] == []


def test_a_guard_whose_run_is_killed_ends_its_trial(tmp_path: Path) -> None:
    """With all that the trial has started, also what has left its session."""
    nested = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    print(os.getpid(), flush=True)\n"
        "time.sleep(600)\n"
    )
    code = (
        "import os, subprocess, sys, time\n"
        "from harness.environment import BOOT\n"
        "guard = [sys.executable, '-I', '-S', str(BOOT), 'guard', str(os.getpid()), '1e9', '0']\n"
        "subprocess.Popen([*guard, *sys.argv[1:]])\n"
        "time.sleep(600)\n"
    )
    output = tmp_path / "output"
    run = subprocess.Popen(
        [sys.executable, "-c", code, str(output), sys.executable, "-c", nested], cwd=ROOT
    )
    assert comes_true(lambda: output.exists() and output.read_text().endswith("\n"))
    daemon = int(output.read_text())
    assert kin.is_alive(daemon)
    run.kill()
    run.wait()
    assert comes_true(lambda: not kin.is_alive(daemon))
