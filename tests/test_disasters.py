"""Runs around which the world breaks: the disk is full, workers are killed, folders vanish, another run is there too.

After each of them every planned trial has exactly one result, or none and is `not_run`, and can be run later.
"""

from __future__ import annotations

import fcntl
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import HANGS, ROOT, comes_true, touchstone
from test_record import header, result
from test_run import assert_whole, zygote_at_work

from conformance.session import Session, Settings
from harness import answer, catalog
from harness.isolate import Spawn
from harness.model import Exit, Implementation, Job, Verdict
from harness.record import Record, Writer, read, read_interrupted
from reports import html, table

SOME = ("recompiles/*", "--implementation=eager")


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Where runs put their folders; short, as their sockets need it."""
    made = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def start(
    temporary: Path, *arguments: str, prepare: Callable[[], None] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        touchstone("run", *arguments),
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=prepare,  # noqa: PLW1509 - there is but one thread
    )


def end(running: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code of a run and what it said."""
    said, _ = running.communicate(timeout=HANGS)
    return running.returncode, said


def counts(record: Record) -> Counter[Verdict]:
    """How many planned trials there are of each verdict."""
    results = table.results(record)
    assert [each.trial for each in results] == list(record.planned)
    return Counter(each.judgement.verdict for each in results)


# a full disk


@pytest.mark.parametrize("workers", [pytest.param("0", marks=pytest.mark.long), "2"])
def test_a_record_that_cannot_be_written_any_further_ends_the_run_and_is_completed_later(
    tmp_path: Path, temporary: Path, workers: str
) -> None:
    """No file of the run may be larger than the record is soon: the kernel's own way to refuse a write."""
    out = tmp_path / "a folder"

    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))

    code, said = end(start(temporary, *SOME, f"-n{workers}", f"-o{out}", prepare=prepare))
    assert code == 3, said
    (part,) = out.iterdir()
    before = read_interrupted(part)
    assert 3 <= len(before.results) < len(before.planned)
    last = said.strip().splitlines()[-1]
    assert last == (
        f"touchstone: the record cannot be written into {out}: File too large; make room there, then "
        f"{len(before.results)} results are kept: touchstone run --resume '{part}'"
    )
    assert "Traceback" not in said
    assert "INTERNALERROR" not in said
    assert part.read_bytes().endswith(b"}\n")
    assert list(temporary.glob("touchstone-*")) == []

    code, said = end(start(temporary, f"--resume={part}", "-n0", prepare=prepare))
    assert code == 3, said
    assert [*out.iterdir()] == [part], "what is there already is not lost to a second attempt"
    assert f"{len(before.results)} results are kept: touchstone run --resume '{part}'" in said

    code, said = end(start(temporary, f"--resume={part}", f"-n{workers}"))
    assert code == 0, said
    whole = read(out / "record.jsonl")
    assert_whole(whole)
    assert whole.results[: len(before.results)] == before.results


def test_a_page_that_cannot_be_written_leaves_the_record_whole(
    tmp_path: Path, temporary: Path
) -> None:
    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))

    code, said = end(
        start(temporary, "aliasing/one*", *SOME[1:], "-n0", f"-o{tmp_path}", prepare=prepare)
    )
    assert code == 3, said
    assert_whole(read(tmp_path / "record.jsonl"))
    assert [each.name for each in tmp_path.iterdir()] == ["record.jsonl"]
    assert said.strip().splitlines()[-1] == (
        f"touchstone: the page cannot be written into {tmp_path}: File too large; make room there, "
        f"then touchstone report {tmp_path / 'record.jsonl'}"
    )


def test_a_line_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    results = [result("one"), result("two"), result("three")]
    path = tmp_path / "record.jsonl"
    writer = Writer(path, header([each.trial for each in results]))
    writer.add(results[0])
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
        with pytest.raises(OSError, match="File too large"):
            writer.add(results[1])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert writer.results == 1
    writer.add(results[2])
    writer.close({"finished": "2026-01-01T00:00:00+00:00", "seconds": 1.0})
    assert read(path).results == (results[0], results[2])


def test_a_trial_without_room_for_what_it_tells_says_nothing_about_the_implementation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answer.open_papers(tmp_path) as papers:
        assert answer.read_exit(*papers, status=1).bug == ""
        monkeypatch.setattr(answer, "ROOM", shutil.disk_usage(tmp_path).total + 1)
        found = answer.read_exit(*papers, status=1)
    assert found.bug == (
        f"there is no room left in {tmp_path}; make some, or set TMPDIR to another folder"
    )


# a folder that vanishes


@pytest.mark.long
def test_a_deleted_temporary_folder_costs_the_trials_in_flight_and_no_others(
    tmp_path: Path, temporary: Path
) -> None:
    running = start(temporary, *SOME, "-n2", f"-o{tmp_path}")
    zygote_at_work(running, tmp_path, 5)
    (folder,) = temporary.glob("touchstone-*")
    folder.rename(temporary / "gone")  # in one moment: deleting takes a while
    shutil.rmtree(temporary / "gone", ignore_errors=True)
    code, said = end(running)
    record = read(tmp_path / "record.jsonl")
    assert_whole(record)
    found = counts(record)
    assert set(found) <= {Verdict.PASS, Verdict.BUG}, said
    assert found[Verdict.BUG] <= 2
    assert code == (3 if found[Verdict.BUG] else 0), said
    assert list(temporary.glob("touchstone-*")) == []


def test_a_trial_whose_answer_was_deleted_is_a_bug_of_ours(tmp_path: Path) -> None:
    """It ends with status 0 and has told nothing, as one that left in mid-scenario has."""
    with answer.open_papers(tmp_path) as papers:
        assert answer.read_exit(*papers, status=0).bug == ""
        papers[0].unlink()
        found = answer.read_exit(*papers, status=0)
    assert "was deleted while it ran; let nothing clean that folder" in found.bug


def test_a_folder_that_somebody_else_has_made_again_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(PermissionError, match="is not ours any more"), answer.open_papers(tmp_path):
        pass


def test_a_trial_that_cannot_be_run_for_our_own_reasons_is_a_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(self: Spawn, job: Job, implementation: Implementation) -> Exit:
        raise OSError(28, f"No space left on device for {job} on {implementation} in {self}")

    monkeypatch.setattr(Spawn, "run", run)
    entry = catalog.read()[0]
    session = Session(Settings(tmp_path, os.getpid(), "spawn", 60.0), [Implementation("eager")])
    session._fingerprints["eager"] = {"torch": "2.13.0", "python": "3.12.0"}
    judged = session.run(entry, catalog.variants(entry)[0], "eager").judgement
    assert judged.verdict is Verdict.BUG
    assert "No space left on device" in judged.reason


# a worker that is killed


def test_a_killed_worker_costs_the_trial_that_it_was_at_and_no_others(
    tmp_path: Path, temporary: Path
) -> None:
    running = start(temporary, *SOME, "-n2", f"-o{tmp_path}")
    zygote = zygote_at_work(running, tmp_path, 3)
    (folder,) = temporary.glob("touchstone-*")
    worker = next(folder.glob("worker-*")).name.removeprefix("worker-")
    os.kill(zygote, signal.SIGSTOP)
    looks: list[list[Path]] = []

    def stays_at_a_trial() -> bool:
        """No trial ends now: each worker is soon at one."""
        time.sleep(0.1)
        looks.append([*folder.glob(f"trial-{worker}-*.answer")])
        return looks[-10:] == [looks[-1]] * 10 != [[]] * 10

    assert comes_true(stays_at_a_trial)
    os.kill(int(worker), signal.SIGKILL)
    os.kill(zygote, signal.SIGCONT)
    code, said = end(running)
    record = read(tmp_path / "record.jsonl")
    found = counts(record)
    assert set(found) == {Verdict.PASS, Verdict.NOT_RUN}, said
    assert found[Verdict.NOT_RUN] == 1
    assert code == 1, said
    assert "1 not_run" in said
    assert list(temporary.glob("touchstone-*")) == []

    code, said = end(start(temporary, f"--resume={tmp_path / 'record.jsonl'}", "-n0"))
    assert code == 0, said
    whole = read(tmp_path / "record.jsonl")
    assert_whole(whole)
    assert set(counts(whole)) == {Verdict.PASS}


# two runs


def test_two_runs_at_once_in_one_checkout_and_one_folder_do_not_disturb_each_other(
    tmp_path: Path, temporary: Path
) -> None:
    """The last to end has record and page; what each of them judged is whole."""
    some = [("aliasing/*", "--implementation=eager"), ("autocast/*", "--implementation=eager")]
    runs = [start(temporary, *each, "-n2", f"-o{tmp_path}") for each in some]
    ended = [end(each) for each in runs]
    assert [code for code, _ in ended] == [0, 0], ended
    for _, said in ended:
        assert re.search(r"\d+ trials: \d+ pass\b", said), said
    assert sorted(each.name for each in tmp_path.iterdir()) == ["index.html", "record.jsonl"]
    record = read(tmp_path / "record.jsonl")
    assert_whole(record)
    assert html.build(record) == (tmp_path / "index.html").read_text()
    assert list(temporary.glob("touchstone-*")) == []


def test_a_run_waits_for_another_that_ends_in_its_folder(tmp_path: Path, temporary: Path) -> None:
    """So that record and page are of the same run; the test stands for the other run."""
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    running = start(temporary, "autocast/*", "--implementation=eager", "-n0", f"-o{tmp_path}")
    zygote_at_work(running, tmp_path, 2)
    time.sleep(2)
    assert running.poll() is None
    assert not (tmp_path / "record.jsonl").exists()
    os.close(other)
    code, said = end(running)
    assert code == 0, said
    assert_whole(read(tmp_path / "record.jsonl"))
