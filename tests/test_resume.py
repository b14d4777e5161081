"""Runs that are interrupted leave a record, and `--resume` completes it: with what is missing, and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from conftest import HANGS, ROOT, touchstone
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from test_record import FINISHED, header, result, written
from test_run import begun

from conformance.ending import Ending
from conformance.recorder import _status
from conformance.request import OPTIONS, RequestError, go_on
from harness import resume
from harness.environment import profile
from harness.implementations import find, shipped
from harness.model import Known, Trial, Verdict
from harness.record import SCHEMA, Record, RecordError, Writer, read, read_interrupted

BOUNDED = settings(max_examples=60, deadline=None, derandomize=True)
SUITE = header([])["suite"]
THREE = [result("one"), result("two"), result("three")]
PLANNED = [each.trial for each in THREE]


def options(**given: object) -> Mapping[str, object]:
    return {**dict.fromkeys(OPTIONS), "strict": False, **given}


# a record without its end


def test_what_is_no_record_is_not_taken_for_the_beginning_of_one(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    path.write_text("junk", encoding="utf-8")
    with pytest.raises(RecordError, match="is no record: it begins with 'junk'; give a file"):
        read_interrupted(path)


@BOUNDED
@given(st.integers(0, 10_000))
def test_wherever_a_record_breaks_off_the_results_before_are_there(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = written(tmp_path_factory.getbasetemp(), THREE, name="cut.jsonl")
    text = path.read_text(encoding="utf-8")
    kept = text[: cut % (len(text) + 1)]
    path.write_text(kept, encoding="utf-8")
    whole = [row for row in kept.splitlines() if row in text.splitlines()]
    if not whole:
        with pytest.raises(RecordError, match="is empty: its run ended before its first result"):
            read_interrupted(path)
    else:
        found = read_interrupted(path)
        done = sum('{"record":"result"' in row for row in whole)
        assert found.results == tuple(THREE[:done])
        assert resume.remaining(found) == tuple(PLANNED[done:])


def test_a_record_with_a_footer_has_it(tmp_path: Path) -> None:
    path = written(tmp_path, THREE[:1], PLANNED)
    assert read_interrupted(path) == read(path)
    assert resume.remaining(read(path)) == tuple(PLANNED[1:])


def test_what_is_left_is_in_the_order_of_the_plan(tmp_path: Path) -> None:
    path = written(tmp_path, [THREE[1]], [PLANNED[2], PLANNED[1], PLANNED[0]])
    assert resume.remaining(read(path)) == (PLANNED[2], PLANNED[0])


def test_a_record_that_still_grows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl.1.part"
    writer = Writer(path, header(PLANNED))
    writer.add(THREE[0])
    with pytest.raises(RecordError, match="is still being written by a run; wait for its end"):
        read_interrupted(path)
    writer.close(FINISHED)
    assert read_interrupted(path).results == (THREE[0],)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ('{"record":"hea', "is empty"),
        ("hello\nworld\n", "line 1 is no JSON"),
        ('{"a": 1}\n', "its first line is no header"),
        ('{"record": "header", "format": 3, "plan": []}\n', "has format 3"),
    ],
)
def test_what_cannot_be_completed_is_refused_in_one_sentence(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecordError) as caught:
        go_on(path, options(), SUITE)
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damage_before_the_last_line_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, THREE)
    rows = path.read_text(encoding="utf-8").splitlines()
    rows[2] = rows[2][:50]
    path.write_text("\n".join(rows), encoding="utf-8")
    with pytest.raises(RecordError, match="line 3 is no JSON"):
        read_interrupted(path)


# what a record says of how to go on


@pytest.mark.parametrize("name", shipped())
def test_every_implementation_is_again_what_it_was(name: str) -> None:
    asked = find(name)
    described = {name: {"profile": profile(asked)}}
    record = Record({"implementations": described}, (), {})
    assert resume.implementations(Path("r"), record) == [asked]


def test_a_profile_that_is_none_is_refused() -> None:
    record = Record({"implementations": {"x": {"profile": {"mood": "good"}}}}, (), {})
    with pytest.raises(RecordError, match="r is damaged"):
        resume.implementations(Path("r"), record)


def saved(folder: Path, **fields: object) -> Path:
    """The record of a killed run with these fields in its header."""
    path = folder / "record.jsonl.7.part"
    writer = Writer(path, {**header(PLANNED), **fields})
    writer.add(THREE[0])
    writer.close(FINISHED)
    rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(rows[:-1]), encoding="utf-8")
    return path


def test_a_request_takes_everything_from_the_record(tmp_path: Path) -> None:
    known = Known("family/*", "mine", "x", "y", flaky=True)
    path = saved(
        tmp_path,
        isolation="spawn",
        time_limit=7.5,
        memory_limit=5 << 30,
        strict=True,
        known=[asdict(known)],
    )
    request, begun = go_on(path, options(), SUITE)
    assert (request.mode, request.time_limit, request.memory_limit) == ("spawn", 7.5, 5 << 30)
    assert request.strict
    assert [each.name for each in request.implementations] == ["mine"]
    assert request.known == (known,)
    assert request.remaining == tuple(PLANNED[1:])
    assert request.portion([PLANNED[2], Trial("family/new", "", "mine"), PLANNED[0]]) == (
        PLANNED[2],
    )
    assert begun.record.results == (THREE[0],)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("implementation", ["eager"]),
        ("matrix", "ends"),
        ("select", ["a/*"]),
        ("known", ["x.toml"]),
        ("isolation", "fork"),
        ("time_limit", 5.0),
        ("memory_limit", 5.0),
        ("shuffle", 0),
        ("shard", "1/2"),
        ("durations", "r.jsonl"),
    ],
)
def test_what_the_record_answers_must_not_be_asked(option: str, value: object) -> None:
    said = f"leave out --{option.replace('_', '-')}"
    with pytest.raises(RequestError, match=said):
        go_on(Path("nope"), options(**{option: value}), SUITE)


def test_strict_may_be_asked_for_later(tmp_path: Path) -> None:
    request, _ = go_on(saved(tmp_path), options(strict=True), SUITE)
    assert request.strict


def test_another_catalog_is_refused(tmp_path: Path) -> None:
    suite = {**SUITE, "catalog": "fedcba9876543210"}
    with pytest.raises(
        RecordError, match=r"is of another catalog \(0123456789abcdef of .*run again"
    ):
        go_on(saved(tmp_path), options(), suite)


def test_a_header_that_lacks_something_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(
        '{"record": "header", "format": 2, "plan": [], "controls": []}\n', encoding="utf-8"
    )
    with pytest.raises(RecordError, match="is damaged in line 1: header has no 'suite'"):
        go_on(path, options(), SUITE)


def test_an_environment_that_has_changed_is_refused() -> None:
    record = Record(json.loads(json.dumps(header(PLANNED))), (), {})
    now = json.loads(json.dumps(record.header["implementations"]["mine"]))
    resume.check_environment(Path("r"), record, "mine", now)
    now["fingerprint"]["torch"] = "2.15.0"
    with pytest.raises(RecordError, match=r"it had and has torch 2\.13\.0 and 2\.15\.0; run again"):
        resume.check_environment(Path("r"), record, "mine", now)


@pytest.mark.parametrize(
    ("results", "status", "wanted"),
    [
        (THREE, 0, 0),
        (THREE, 5, 0),
        (THREE[:2], 0, 1),
        ([*THREE[:2], result("three", Verdict.FAIL)], 5, 1),
        ([*THREE[:2], result("three", Verdict.BUG)], 0, 3),
        (THREE[:2], 2, 2),
        ([result(each.scenario[7:], Verdict.UNSUPPORTED) for each in PLANNED], 0, 5),
    ],
)
def test_a_resumed_run_ends_as_one_run_would_have(
    results: list[Any], status: int, wanted: int
) -> None:
    record = Record(header(PLANNED), tuple(results), {})
    assert _status(record, status, strict=False) == wanted


def test_strict_also_counts_what_was_there_before() -> None:
    record = Record(header(PLANNED), (*THREE[:2], result("three", Verdict.IMPROVED)), {})
    assert _status(record, 5, strict=False) == 0
    assert _status(record, 5, strict=True) == 1


# signals


@pytest.fixture
def ending() -> Iterator[Ending]:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    made = Ending()
    made.watch()
    yield made
    made.forget()
    assert {each: signal.getsignal(each) for each in before} == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_but_not_what_must_be_whole(
    ending: Ending, number: signal.Signals
) -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    done = []

    def write() -> None:
        with ending.hold():
            signal.raise_signal(number)
            done.append("whole")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert done == ["whole"]
    with ending.hold():
        done.append("nothing is left of the signal")


def test_sigterm_does_not_disturb_an_end_that_has_begun(ending: Ending) -> None:
    ending.begin()
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_signal_that_is_somebody_elses_stays_so() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        made = Ending()
        made.watch()
        made.begin()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
        made.forget()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


# real runs


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Where runs put their folders; short, as their sockets need it."""
    made = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def start(temporary: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        touchstone("run", *arguments),
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(temporary: Path, *arguments: str) -> tuple[int, str]:
    """A run to its end: its exit code and what it said."""
    running = start(temporary, *arguments)
    said, _ = running.communicate(timeout=HANGS)
    return running.returncode, said


def interrupt(running: subprocess.Popen[str], folder: Path, number: int) -> None:
    """Send a signal to the process that was started by hand, when a few results are there."""
    begun(running, folder, 3)
    running.send_signal(number)


@pytest.mark.parametrize(
    ("number", "workers"),
    [
        pytest.param(signal.SIGINT, "0", marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, "2", marks=pytest.mark.long),
        (signal.SIGKILL, "2"),
    ],
)
def test_an_interrupted_run_leaves_a_record_that_is_completed(
    tmp_path: Path, temporary: Path, number: signal.Signals, workers: str
) -> None:
    out = tmp_path / "out"
    asked = ("recompiles/*", "--implementation=eager", "--shuffle=3", "--time-limit=50")
    running = start(temporary, *asked, f"-n{workers}", f"-o{out}")
    interrupt(running, out, number)
    output, _ = running.communicate(timeout=HANGS)
    killed = number == signal.SIGKILL
    assert running.returncode == (-9 if killed else 2), output
    (path,) = out.glob("*.part") if killed else [out / "record.jsonl"]
    if killed:
        with path.open("a") as file:
            file.write('{"record":"result","trial":{"scen')
        assert not (out / "record.jsonl").exists()
    else:
        assert list(temporary.glob("touchstone-*")) == []
        assert len(list(out.iterdir())) == 2
    before = read_interrupted(path) if killed else read(path)
    assert 3 <= len(before.results) < len(before.planned)
    code, output = run(temporary, "--resume", str(path), f"-n{workers}")
    assert code == 0, output
    assert sorted(each.name for each in out.iterdir()) == ["index.html", "record.jsonl"]
    assert re.search(rf"\b{len(before.planned) - len(before.results)} passed", output), output
    whole = read(out / "record.jsonl")
    assert whole.planned == before.planned
    assert whole.results[: len(before.results)] == before.results
    done = [each.trial for each in whole.results]
    assert len(done) == len(set(done)) == len(whole.planned)
    assert {each.judgement.verdict for each in whole.results} == {Verdict.PASS}
    assert [each["command"][1] for each in whole.header["parts"]] == ["recompiles/*", "--resume"]
    both = {"controls": [*before.header["controls"], *whole.header["controls"][-4:]]}
    kept = {key: value for key, value in whole.header.items() if key != "parts"}
    assert kept == {**before.header, **both}
    schema = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    first = (out / "record.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert [error.message for error in schema.iter_errors(json.loads(first))] == []


@pytest.mark.long
def test_a_bad_request_leaves_a_record_alone_and_a_good_one_gives_it_its_footer(
    tmp_path: Path, temporary: Path
) -> None:
    out = tmp_path / "out"
    code, said = run(temporary, "aliasing/one*", "--implementation=eager", "-n0", f"-o{out}")
    assert code == 0, said
    whole = read(out / "record.jsonl")
    rows = (out / "record.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    for file in out.iterdir():
        file.unlink()
    part = out / "record.jsonl.77.part"
    part.write_text("".join(rows[:-1]), encoding="utf-8")
    old = tmp_path / "old.jsonl"
    old.write_text(rows[0].replace('"torch":"2.', '"torch":"1.'), encoding="utf-8")

    code, said = run(temporary, "--resume", str(part), "--implementation=eager")
    assert code == 4
    assert "takes everything from the record; leave out --implementation" in said
    code, said = run(temporary, "--resume", str(old), "-n0", f"-o{tmp_path / 'new'}")
    assert code == 4
    assert "implementation 'eager' is no longer what it was, it had and has torch 1." in said
    assert not (tmp_path / "new").exists()
    assert list(out.iterdir()) == [part]

    code, said = run(temporary, "--resume", str(part), "-n0")
    assert code == 0, said
    assert said.strip().splitlines()[-1] == f"report: {out / 'index.html'}"
    assert read(out / "record.jsonl").results == whole.results
    assert not part.exists()
    assert list(temporary.glob("touchstone-*")) == []


def test_results_that_were_there_keep_their_place(tmp_path: Path) -> None:
    """A result read and written again is the same line."""
    path = written(tmp_path, THREE)
    lines = path.read_text(encoding="utf-8").splitlines()
    again = tmp_path / "again.jsonl"
    writer = Writer(again, read(path).header)
    for each in read(path).results:
        writer.add(each)
    writer.close(FINISHED)
    assert again.read_text(encoding="utf-8").splitlines() == lines
    assert read(again) == read(path)
