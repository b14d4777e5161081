"""How suites lie: the defences that no other file of tests shows, and that docs/trust.md tells the truth."""

from __future__ import annotations

import ast
import os
import re
import resource
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from conftest import HANGS, ROOT, touchstone
from hypothesis import given, settings
from hypothesis import strategies as st
from test_run import assert_whole
from test_table import made, record

from conformance import exits
from conformance.recorder import _status
from harness.files import write_whole
from harness.model import Result, Trial, Verdict
from harness.record import read
from harness.story import TIERS, Tier
from reports import markdown, text

BOUNDED = settings(max_examples=80, deadline=None, derandomize=True)

PAGE = (ROOT / "docs/trust.md").read_text(encoding="utf-8")
TEST = re.compile(r"`(tests/\w+\.py)::(test_\w+)`")


def rows() -> list[list[str]]:
    """The cells of each row of the page's tables, without their heads."""
    cells = [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in PAGE.splitlines()
        if line.startswith("| ")
    ]
    return [row for row in cells if row[-1] != "the test"]


# the page


def test_every_row_names_a_defence_and_its_tests() -> None:
    assert len(rows()) >= 18 + 20
    for row in rows():
        assert len(row) in (3, 4), row
        assert all(row)
        assert TEST.sub("", row[-1]).strip(", ") == "", row[-1]
        assert TEST.search(row[-1]), row


@pytest.mark.parametrize("file", sorted({file for file, _ in TEST.findall(PAGE)}))
def test_every_test_that_the_page_names_exists(file: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    there = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {test for named, test in TEST.findall(PAGE) if named == file} <= there


# what is absent is no skip


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        touchstone("run", *arguments),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )


def test_a_device_that_is_not_there_is_an_error_and_not_a_skip(tmp_path: Path) -> None:
    profile = tmp_path / "absent.toml"
    profile.write_text('extends = "eager"\ndevice = "hpu"\n', encoding="utf-8")
    asked = ("autocast/*", "-n0", f"--implementation={profile}")
    alone = run(*asked, f"-o{tmp_path / 'alone'}")
    assert alone.returncode == 4, alone.stdout
    assert "implementation 'absent' cannot be imported" in alone.stderr
    assert not (tmp_path / "alone").exists()
    beside = run(*asked, "--implementation=eager", f"-o{tmp_path / 'out'}")
    assert beside.returncode == 1, beside.stdout
    found = read(tmp_path / "out/record.jsonl")
    assert_whole(found)
    assert {(r.trial.implementation, r.judgement.verdict) for r in found.results} == {
        ("absent", Verdict.ERROR),
        ("eager", Verdict.PASS),
    }


# what did not run is no pass


def test_what_is_only_planned_is_no_verdict_and_leaves_no_record(tmp_path: Path) -> None:
    assert not {"planned", "skipped", "dry_run"} & set(Verdict)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only"]
    ran = subprocess.run(
        [*command, "conformance/cases/autocast.py", "--implementation=eager", f"--report={out}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert "2 tests collected" in ran.stdout, ran.stdout + ran.stderr
    assert "passed" not in ran.stdout
    assert not out.exists()


# random records

RESULTS = st.lists(
    st.builds(
        made,
        st.sampled_from(["a/b", "a/c", "b/a"]),
        st.sampled_from(Verdict),
        st.lists(st.sampled_from(TIERS), unique=True),
        st.lists(st.sampled_from(TIERS), unique=True),
        on=st.sampled_from(["mine", "other"]),
        tier=st.sampled_from([None, *TIERS]),
    ),
    max_size=8,
    unique_by=lambda each: each.trial,
)
MISSING = st.lists(
    st.builds(Trial, st.just("c/d"), st.sampled_from("xyz"), st.just("mine")), unique=True
)


def recount(results: Sequence[Result], missing: int, tier: Tier) -> list[int]:
    """Passed, applicable and total of a tier; a trial of which no promise is known has one that binds."""
    passed = applicable = total = 0
    for each in results:
        judgement = each.judgement
        if tier not in (judgement.promised or [Tier.MUST]):
            continue
        total += 1
        if judgement.verdict in (Verdict.UNSUPPORTED, Verdict.BUG):
            continue
        applicable += 1
        passed += tier in judgement.kept
    if tier is Tier.MUST:
        total, applicable = total + missing, applicable + missing
    return [passed, applicable, total]


@BOUNDED
@given(RESULTS, MISSING)
def test_every_report_shows_what_a_second_way_of_counting_finds(
    results: list[Result], missing: list[Trial]
) -> None:
    whole = record(results, without=missing)
    header: dict[str, Any] = dict(whole.header)
    header["implementations"] = {
        name: {"argument": name, "fingerprint": {"torch": "2.13.0"}, "profile": {"claims": []}}
        for name in header["implementations"]
    }
    header["scenarios"] = {
        trial.scenario: {"claim": "A claim.", "needs": [], "tiers": {}, "stories": []}
        for trial in whole.planned
    }
    whole = type(whole)(header, whole.results, {"seconds": 1.0})
    shown = text.summary(whole)
    assert not re.search(r"\d\s*%", shown)
    closing = text.closing(whole)
    verdicts = Counter(str(each.judgement.verdict) for each in results)
    verdicts.update({"not_run": len(missing)} if missing else {})
    told = {name: int(number) for number, name in re.findall(r"(\d+) ([a-z_]+)(?=[,;])", closing)}
    assert told == dict(verdicts)
    page = unescape(markdown.summary(whole))
    assert not re.search(r"\d\s*%", page)
    wanted = []
    for name in header["implementations"]:
        own = [each for each in results if each.trial.implementation == name]
        absent = sum(trial.implementation == name for trial in missing)
        counts = {tier: recount(own, absent, tier) for tier in TIERS}
        wanted += [f"{tier} {'/'.join(map(str, each))}" for tier, each in counts.items() if each[2]]
    for report in shown, page:
        rows = [re.sub(r"[|*]|<br>", " ", line).split() for line in report.splitlines()]
        totals = [" ".join(row) for row in rows if row[:1] == ["all"]]
        assert totals == [" ".join(["all", *wanted])], report


@BOUNDED
@given(results=RESULTS, missing=MISSING, strict=st.booleans())
def test_a_run_ends_well_only_if_everything_planned_was_kept(
    results: list[Result], missing: list[Trial], *, strict: bool
) -> None:
    whole = record(results, without=missing)
    verdicts = [each.judgement.verdict for each in results]
    harmless = {Verdict.PASS, Verdict.XFAIL, Verdict.UNSUPPORTED}
    kept = [
        each.judgement.verdict in harmless
        or (each.judgement.verdict is Verdict.IMPROVED and not strict)
        or (
            each.judgement.verdict is Verdict.FAIL
            and each.judgement.tier is Tier.MAY
            and not strict
        )
        for each in results
    ]
    judged = any(each not in (Verdict.UNSUPPORTED, Verdict.BUG) for each in verdicts)
    code = _status(whole, 0, strict=strict)
    assert (code == exits.OK) == (all(kept) and judged and not missing)
    assert (code == exits.BUG) == (Verdict.BUG in verdicts)
    assert code in (exits.OK, exits.BROKEN, exits.BUG, exits.EMPTY)


def test_the_documented_exit_codes_are_those_of_the_code() -> None:
    page = (ROOT / "docs/exit-codes.md").read_text(encoding="utf-8")
    documented = {int(each) for each in re.findall(r"^\| (\d) \|", page, re.MULTILINE)}
    interrupted = int(pytest.ExitCode.INTERRUPTED)
    ours = {exits.OK, exits.BROKEN, interrupted, exits.BUG, exits.USAGE, exits.EMPTY}
    assert documented == ours <= set(map(int, pytest.ExitCode))


# what is written


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    write_whole(file, "old")
    file.chmod(0o640)
    link = tmp_path / "link.md"
    link.symlink_to(file)
    write_whole(link, "newer")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("newer", 0o640)
    assert link.is_symlink()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        with pytest.raises(OSError, match="File too large"):
            write_whole(file, "x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.read_text() == "newer"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.md", "page.md"]


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, "told")
        assert os.read(reader, 100) == b"told"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
