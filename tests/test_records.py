"""The subcommands that begin with a record: their grammar, where their texts go, and how they end."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_changes import HOSTILE, made, recorded
from test_record import FINISHED, header

from conformance.command import main
from harness.model import Known, Verdict
from harness.record import Record, Writer
from harness.story import Tier
from reports import markdown


def written(path: Path, record: Record) -> str:
    bare = header(record.planned)
    described = next(iter(bare["scenarios"].values()))
    writer = Writer(
        path,
        {
            **bare,
            **record.header,
            "scenarios": {
                name: {**described, "file": "conformance/cases/a.py", "line": 7}
                for name in record.header["scenarios"]
            },
            "implementations": {
                name: {
                    "argument": each["argument"],
                    "profile": {**bare["implementations"][name]["profile"], **each["profile"]},
                    "fingerprint": {"python": "3.12.1", **each["fingerprint"]},
                }
                for name, each in record.header["implementations"].items()
            },
        },
    )
    for result in record.results:
        writer.add(result)
    writer.close(FINISHED)
    return str(path)


@pytest.fixture
def old(tmp_path: Path) -> str:
    both = [made(implementation="eager"), made(implementation="mine")]
    return written(tmp_path / "old.jsonl", recorded(*both, backends={"mine": "x"}))


@pytest.fixture
def new(tmp_path: Path) -> str:
    failed = made(verdict=Verdict.FAIL, implementation="renamed")
    results = made(implementation="eager"), failed
    return written(tmp_path / "new.jsonl", recorded(*results, backends={"renamed": "x"}))


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ([], 1),
        (["--from", "mine"], 1),
        (["--from", "mine", "--to", "renamed"], 1),
        (["--from", "eager", "--to", "eager"], 0),
        (["--from", "nobody"], 4),
        (["one", "too many"], 4),
    ],
)
def test_a_diff_of_two_records_ends_with_1_on_a_regression(
    old: str, new: str, more: list[str], status: int
) -> None:
    assert main(["diff", old, new, *more]) == status


@pytest.mark.parametrize(
    ("names", "status"),
    [(["eager", "renamed"], 1), (["renamed", "eager"], 0), (["eager", "nobody"], 4), ([], 4)],
)
def test_a_diff_inside_one_record_takes_two_names(new: str, names: list[str], status: int) -> None:
    if not names:
        with pytest.raises(SystemExit) as ended:
            main(["diff", new])
        assert ended.value.code == status
    else:
        assert main(["diff", new, *names]) == status


def test_a_diff_without_a_common_trial_compares_nothing(
    old: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = written(tmp_path / "other.jsonl", recorded(made("b/y", implementation="eager")))
    assert main(["diff", old, other, "--from", "eager"]) == 5
    assert "no trial is on both sides" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("text", "eager, torch 2.13.0 → 2.13.0\n"),
        ("markdown", "# What changed: "),
        ("html", "<!doctype html>"),
    ],
)
def test_a_diff_is_written_in_three_formats(
    old: str, new: str, tmp_path: Path, kind: str, begins: str
) -> None:
    file = tmp_path / "folder" / "changes"
    assert main(["diff", old, new, "--format", kind, "-o", str(file)]) == 1
    assert file.read_text(encoding="utf-8").startswith(begins)


def test_what_is_no_record_makes_no_sense(
    old: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", old, str(tmp_path / "eager")]) == 4
    assert "give the path of a record" in capsys.readouterr().err


def test_a_summary_for_a_ci_job_reads_like_this(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = Known("a/*", "mine", "x", "TODO: why", "https://example.org/1")
    failing = made("a/y", Verdict.FAIL, reason="call 2 compiles", tier=Tier.SHOULD)
    results = [
        made("a/x"),
        failing,
        made("a/z", Verdict.XFAIL, known=known),
        made("b/x", Verdict.UNSUPPORTED, reason="needs fullgraph, which is not claimed"),
    ]
    record = written(tmp_path / "record.jsonl", recorded(*results))
    asked = ["--format", "markdown", "--source", "https://example.org/blob/main/"]
    assert main(["summary", record, *asked]) == 0
    assert (
        capsys.readouterr().out
        == """\
## Touchstone: not conforming

4 trials: 1 fail, 1 pass, 1 unsupported, 1 xfail; torch 2.13.0+cpu; 1.5 s

Passed / applicable / total, by tier:

| family | mine |
|---|---|
| a | **must 0/3/3** |
| b | must 0/0/1 |
| **all** | **must 0/3/4** |

### 1 failing

- **fail (should)** [`a/y @ mine`](<https://example.org/blob/main/conformance/cases/a.py#L7>)<br>
  call 2 compiles<br>
  `touchstone run a/y --implementation mine.toml`

### 1 deviating as known

- [TODO: why](<https://example.org/1>): 1 trial

Not yet explained, with the reason TODO: 1 trial.

### Not applicable

- mine: 1 trial: needs fullgraph, which is not claimed
"""
    )


def test_a_summary_can_also_be_what_the_run_said(
    old: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summary", old]) == 0
    assert "passed / applicable / total, by tier" in capsys.readouterr().out


def test_a_summary_lists_no_more_than_a_page_can_hold() -> None:
    results = [made(f"a/s{number}", Verdict.FAIL) for number in range(markdown.SHOWN + 5)]
    said = markdown.summary(recorded(*results))
    assert said.count("touchstone run") == markdown.SHOWN
    assert "- … and 5 more: see the report\n" in said


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a | b", "a \\| b"),
        ("<script>", "\\<script\\>"),
        ("[x](y) *z* `w`", "\\[x\\](y) \\*z\\* \\`w\\`"),
        ("two\nlines", "two lines"),
    ],
)
def test_prose_stays_prose(text: str, wanted: str) -> None:
    assert markdown.prose(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"), [("a b", "`a b`"), ("a`b", "``a`b``"), ("`", "`` ` ``"), ("", "`  `")]
)
def test_code_ends_where_its_text_ends(text: str, wanted: str) -> None:
    assert markdown.code(text) == wanted


def test_no_line_of_a_block_ends_it() -> None:
    rows = list(markdown.block(["a", "````", HOSTILE], "diff"))
    assert rows[0] == "`````diff"
    assert rows[-1] == "`````"


@pytest.mark.parametrize("target", ["javascript:alert(1)", "https://a b", "https://a>b", ""])
def test_a_link_leads_only_to_a_page_of_the_web(target: str) -> None:
    assert markdown.link("text", target) == "text"
