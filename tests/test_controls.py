"""Controls: a run that would not notice a wrong implementation says so, and nothing else is said about it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import touchstone
from test_record import controls, written
from test_record import result as made
from test_run import profile, run

from conformance.command import main
from conformance.controls import CASES
from harness import catalog, control
from harness.lint import lint
from harness.model import Implementation, Judgement, Verdict
from harness.record import read
from harness.story import Tier
from reports import html, markdown, text

ONE = "aliasing/kept_results_stay"


def test_what_controls_run_needs_nothing_and_speaks_of_every_torch() -> None:
    entries = catalog.read_module(CASES)
    assert [entry.id for entry in entries] == list(control.SCENARIOS)
    assert not lint(entries)
    for entry in entries:
        assert not entry.needs
        assert not entry.torch
        assert [each.id for each in catalog.variants(entry)] == [""]


def test_a_control_keeps_what_its_implementation_is_measured_with() -> None:
    mine = Implementation(
        "mine",
        python="/usr/bin/python3",
        backend="vendor",
        options={"level": 3},
        adapter="vendor:Adapter",
        modules=("vendor",),
        device="vendor",
        dtype="bfloat16",
        environ={"A": "1"},
        interprets=True,
        tolerances={"float32": (1.0, 1.0)},
    )
    for name, pattern in control.PATTERNS.items():
        found = control.disguise(mine, name)
        assert (found.adapter, found.backend, found.options) == (pattern.adapter, "eager", {})
        assert not found.interprets
        for kept in ("python", "modules", "device", "dtype", "environ", "tolerances"):
            assert getattr(found, kept) == getattr(mine, kept)


@pytest.mark.parametrize(
    ("name", "judgement", "is_met"),
    [
        (
            "uncompiled",
            Judgement(Verdict.FELL_BACK, "call 1 ran uncompiled where", Tier.MUST),
            True,
        ),
        ("uncompiled", Judgement(Verdict.PASS), False),
        ("uncompiled", Judgement(Verdict.FELL_BACK, "gave no proof of what ran", Tier.MUST), False),
        ("always_wrong", Judgement(Verdict.FAIL, "differs in value of result", Tier.MUST), True),
        ("always_wrong", Judgement(Verdict.FAIL, "differs in dtype of result", Tier.MUST), False),
        ("always_wrong", Judgement(Verdict.FAIL, "value of result", Tier.SHOULD), False),
        ("always_wrong", Judgement(Verdict.CRASH, "value of result", Tier.MUST), False),
    ],
)
def test_a_control_is_met_by_its_own_pattern_only(
    name: str,
    judgement: Judgement,
    is_met: bool,  # noqa: FBT001 - a parameter of the cases above
) -> None:
    assert control.meets(name, judgement) is is_met


def test_no_missing_and_no_wrong_control_is_overlooked() -> None:
    done = [control.from_json(each) for each in controls(["mine"])]
    assert control.distrust(["mine"], done) == ()
    assert len(control.distrust(["mine"], [])) == len(done)
    for index, each in enumerate(done):
        rest = [*done[:index], *done[index + 1 :]]
        (missing,) = control.distrust(["mine"], rest)
        assert missing.startswith(f"the control {each.control} (")
        assert missing.endswith(f"did not run {each.scenario}")
        passed = replace(each, verdict=Verdict.PASS, met=False)
        (wrong,) = control.distrust(["mine"], [*rest, passed])
        wanted = control.PATTERNS[each.control].verdict
        assert f"came to pass in {each.scenario}, where {wanted} has to be seen" in wrong


def test_a_shard_that_cannot_be_trusted_makes_the_whole_untrustworthy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = written(tmp_path, [made("one", on="mine")], name="good.jsonl")
    bad = written(tmp_path, [made("two", on="other")], name="bad.jsonl")
    head, *rows = bad.read_text(encoding="utf-8").splitlines()
    header = json.loads(head)
    header["controls"] = [c for c in header["controls"] if c["control"] != "always_wrong"]
    bad.write_text("\n".join([json.dumps(header), *rows, ""]), encoding="utf-8")
    assert read(good).distrust == ()
    assert main(["merge", str(good), str(bad), "-o", str(tmp_path / "out")]) == 3
    said = capsys.readouterr().out
    assert f"not trustworthy: {bad}: the control always_wrong" in said
    assert read(tmp_path / "out/record.jsonl").distrust == tuple(
        f"{bad}: {why}" for why in read(bad).distrust
    )


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, Path]:
    """A run of two implementations, one of which cannot be imported."""
    folder = tmp_path_factory.mktemp("healthy")
    absent = folder / "absent.toml"
    absent.write_text('name = "absent"\nbackend = "there_is_no_such:thing"\n', encoding="utf-8")
    asked = ("--implementation=eager", f"--implementation={absent}")
    done = run(*touchstone("run", ONE, "-n0", f"-o{folder}", *asked))
    return done.returncode, done.stdout, folder


def test_every_implementation_that_can_run_has_controls_and_they_are_no_trials(
    healthy: tuple[int, str, Path],
) -> None:
    code, said, folder = healthy
    record = read(folder / "record.jsonl")
    assert code == 1  # absent's trial is an error
    assert {each.implementation for each in record.controls} == {"eager"}
    assert len(record.controls) == len(control.PATTERNS) * len(control.SCENARIOS)
    assert all(each.met for each in record.controls)
    assert record.distrust == ()
    assert len(record.results) == len(record.planned) == 2
    assert "TRUSTWORTHY" not in said
    assert f"{len(record.controls)} of {len(record.controls)} as they must be" in (
        folder / "index.html"
    ).read_text(encoding="utf-8")


def test_a_run_whose_controls_misbehave_is_stamped(tmp_path: Path) -> None:
    """By tolerances that forgive everything; the implementation itself conforms."""
    forgiving = profile(tmp_path, "honest")
    with Path(forgiving).open("a", encoding="utf-8") as file:
        file.write("\n[tolerances]\nfloat32 = [1e9, 1e9]\n")
    done = run(*touchstone("run", ONE, "-n0", f"-o{tmp_path}", f"--implementation={forgiving}"))
    record = read(tmp_path / "record.jsonl")
    assert done.returncode == 3
    assert [str(each.judgement.verdict) for each in record.results] == ["pass"]
    assert {each.control for each in record.controls if not each.met} == {"always_wrong"}
    assert "THIS RUN IS NOT TRUSTWORTHY:\n    the control always_wrong" in done.stdout
    assert "NOT TRUSTWORTHY: 1 trials" in text.closing(record)
    assert markdown.summary(record).startswith("## Touchstone: not trustworthy")
    page = html.write(record, tmp_path / "page").read_text(encoding="utf-8")
    assert "This report is not trustworthy:" in page
    assert f"came to fell_back in {control.SCENARIOS[0]}, where fail has to be seen" in page
