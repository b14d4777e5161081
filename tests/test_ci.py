"""What CI runs: the action's steps pass on what they are given, and end as the run does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import HANGS, ROOT
from test_changes import made, recorded
from test_records import written

from harness.model import Verdict

ACTION = (ROOT / "action.yml").read_text(encoding="utf-8")
WORKFLOW = (ROOT / ".github/workflows/conformance.yml").read_text(encoding="utf-8")


def step(folder: Path, name: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """One step of the action, with programs that only say how they were called."""
    for program in ("python", "touchstone"):
        stub = folder / program
        if not stub.exists():
            stub.write_text('#!/bin/sh\nprintf "<%s>" "$@"\nexit ${ENDS:-0}\n')
            stub.chmod(0o755)
    return subprocess.run(
        [str(ROOT / ".github/touchstone.sh"), name],
        cwd=folder,
        env={
            "PATH": f"{folder}:{os.environ['PATH']}",
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )


NOTHING = {"IMPLEMENTATION": "", "KNOWN": "", "PATTERNS": "", "STRICT": "false", "REPORT": "r"}


def between_words(said: str) -> str:
    """What a run printed, while the runner heard no commands but the word that ends this."""
    found = re.fullmatch(r"::stop-commands::([0-9a-f]{32})\n(.*)\n::\1::\n", said, re.DOTALL)
    assert found is not None, said
    return found[2]


def test_no_two_runs_have_the_same_word(tmp_path: Path) -> None:
    assert len({step(tmp_path, "run", **NOTHING).stdout for _ in range(3)}) == 3


def test_the_run_gets_every_line_of_the_inputs_as_one_argument(tmp_path: Path) -> None:
    ran = step(
        tmp_path,
        "run",
        IMPLEMENTATION="eager\n\n  my backend.toml\n",
        KNOWN="a.toml\nb.toml",
        PATTERNS="aliasing/*\nx/y[size=1]",
        STRICT="true",
        REPORT="a report",
    )
    assert ran.returncode == 0, ran.stderr
    assert between_words(ran.stdout) == (
        "<run><--implementation=eager><--implementation=my backend.toml><--known=a.toml>"
        "<--known=b.toml><--strict><--output=a report><aliasing/*><x/y[size=1]>"
    )
    assert (tmp_path / "output").read_text() == "status=0\nrecord=a report/record.jsonl\n"


def test_inputs_that_are_empty_are_no_arguments(tmp_path: Path) -> None:
    assert between_words(step(tmp_path, "run", **NOTHING).stdout) == "<run><--output=r>"
    installed = step(tmp_path, "install", INSTALL="", ACTION_PATH="/action")
    assert installed.stdout == "<-m><pip><install><--quiet></action>"


def test_inputs_are_not_read_as_shell(tmp_path: Path) -> None:
    said = step(tmp_path, "run", **{**NOTHING, "PATTERNS": "$(touch owned); `touch owned`"}).stdout
    assert between_words(said).endswith("<$(touch owned); `touch owned`>")
    assert not (tmp_path / "owned").exists()


def test_a_failing_run_is_told_and_ends_the_job_later(tmp_path: Path) -> None:
    ran = step(tmp_path, "run", **NOTHING, ENDS="1")
    assert ran.returncode == 0
    assert "status=1\n" in (tmp_path / "output").read_text()


def test_pip_gets_every_line_as_one_argument(tmp_path: Path) -> None:
    wanted = "--extra-index-url=https://example.org\ntorch==2.13.0\n  numpy>=1.26,<3  "
    ran = step(tmp_path, "install", INSTALL=wanted, ACTION_PATH="/the action")
    assert ran.stdout == (
        "<-m><pip><install><--quiet><--extra-index-url=https://example.org>"
        "<torch==2.13.0><numpy>=1.26,<3></the action>"
    )


def test_the_summary_has_the_run_the_changes_and_the_report(tmp_path: Path) -> None:
    (tmp_path / "touchstone").write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m conformance "$@"\n'
    )
    (tmp_path / "touchstone").chmod(0o755)
    before = written(tmp_path / "before.jsonl", recorded(made()))
    after = written(tmp_path / "after.jsonl", recorded(made(verdict=Verdict.FAIL)))
    asked = {"RECORD": after, "BASELINE": before, "STATUS": "1", "SOURCE": ""}
    ran = step(tmp_path, "summarise", **asked, ARTIFACT="https://example.org/a")
    assert ran.returncode == 0, ran.stderr
    summary = (tmp_path / "summary").read_text()
    assert "## Touchstone: not conforming" in summary
    assert "## Newly fails" in summary
    assert summary.endswith("[The report with all evidence](<https://example.org/a>)\n")


def test_a_run_without_a_record_is_summarised_by_its_end(tmp_path: Path) -> None:
    asked = {"RECORD": "nowhere", "BASELINE": "", "STATUS": "4", "SOURCE": "", "ARTIFACT": ""}
    assert step(tmp_path, "summarise", **asked).returncode == 0
    assert "The run ended with 4" in (tmp_path / "summary").read_text()


def declared(section: str) -> list[str]:
    (block,) = re.findall(rf"^{section}:\n((?:  .*\n|\n)+)", ACTION, re.MULTILINE)
    return re.findall(r"^  ([\w-]+):$", block, re.MULTILINE)


def test_the_document_lists_every_input_and_output_of_the_action() -> None:
    text = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE) == [*declared("inputs")]
    (outputs,) = re.findall(r"^Outputs: (.+?)\. ", text, re.MULTILINE)
    assert re.findall(r"`([\w-]+)`", outputs) == declared("outputs")
    for name in re.findall(r"inputs\.([\w-]+)", ACTION):
        assert name in declared("inputs")


def test_our_workflow_and_the_example_give_only_inputs_that_exist() -> None:
    example = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    for text, uses in (WORKFLOW, "./"), (example, "OWNER/touchstone"):
        (given,) = re.findall(rf"uses: {re.escape(uses)}.*\n +with:\n((?: {{10,}}.*\n)+)", text)
        names = re.findall(r"^ {10}([\w-]+):", given, re.MULTILINE)
        assert names
        assert set(names) <= set(declared("inputs"))


@pytest.mark.parametrize("text", [ACTION, WORKFLOW])
def test_foreign_actions_are_pinned_to_a_commit(text: str) -> None:
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert all(re.fullmatch(r"\./|[\w/-]+@[0-9a-f]{40}", each) for each in used)
