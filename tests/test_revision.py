"""Records judged again: what was run stays, which deviations are known is looked up anew."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT, call

from harness import known, resume
from harness.merge import parts
from harness.model import Known, Verdict
from harness.record import Record, read
from harness.revision import revise

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT = ROOT / "docs/results/aot_eager.jsonl.xz"


@cache
def kept() -> Record:
    """A record of a whole run, with deviations of many kinds that are known."""
    return read(KEPT)


def revised(record: Record, given: Sequence[Known] = (), shipped: Sequence[Known] = ()) -> Record:
    return revise(record, resume.implementations(KEPT, record), given, shipped)


def test_a_record_judged_again_by_the_same_entries_is_the_same() -> None:
    again = revised(kept(), shipped=known.read())
    assert [each.judgement for each in again.results] == [each.judgement for each in kept().results]
    assert [each.exit for each in again.results] == [each.exit for each in kept().results]
    assert again.footer == kept().footer


def test_without_entries_nothing_is_known_and_with_them_it_is_again() -> None:
    bare = revised(kept())
    verdicts = bare.footer["verdicts"]
    assert Verdict.XFAIL not in verdicts
    before = kept().footer["verdicts"]
    assert verdicts["pass"] == before["pass"]
    assert sum(verdicts.values()) == len(kept().results)
    assert all(each.known is None for each in bare.results)
    restored = revised(bare, shipped=known.read())
    assert restored.results == revised(kept(), shipped=known.read()).results


def test_an_entry_that_nothing_deviates_from_is_an_xpass() -> None:
    wrong = Known("aliasing/kept_results_stay", "aot_eager", "call 1 compiles", "why")
    again = revised(kept(), given=[wrong])
    (found,) = [each for each in again.results if each.trial.scenario == wrong.scenario]
    assert found.judgement.verdict is Verdict.XPASS
    (back,) = [each for each in revised(again).results if each.trial == found.trial]
    assert back.judgement.verdict is Verdict.PASS
    assert again.header["known"][0]["reason"] == "why"


def test_one_cause_explains_every_trial_that_fails_by_it() -> None:
    bare = revised(kept())
    failed = [each for each in bare.results if "RuntimeError" in each.judgement.signature]
    said = max({each.exit.message for each in failed}, key=len)
    wanted = {each.trial for each in failed if said[:60] in each.exit.message}
    cause = Known("*", "aot_eager", "error: *RuntimeError*", "one cause", message=said[:60])
    again = revised(bare, given=[cause])
    found = {each.trial for each in again.results if each.judgement.verdict is Verdict.XFAIL}
    assert found == wanted
    assert {each.known for each in again.results if each.trial in found} == {cause}
    assert not any(each.judgement.verdict is Verdict.XPASS for each in again.results)


def test_a_cause_that_nothing_fails_by_is_idle_once_all_has_run() -> None:
    judged = resume.implementations(KEPT, kept())
    entry = Known("*", "aot_eager", "error: *", "gone", message="no kernel")
    special = replace(entry, scenario="aliasing/*")
    asked = ([entry, special], kept().results, kept().planned, judged)
    assert known.idle(*asked) == [entry, special]
    part = [each for each in kept().results if each.trial.family == "aliasing"]
    assert known.idle([entry, special], part, kept().planned, judged) == [special]
    used = [replace(kept().results[0], known=entry), *kept().results[1:]]
    assert known.idle([entry, special], used, kept().planned, judged) == [special]
    elsewhere = replace(entry, implementation="mine")
    assert known.idle([elsewhere], kept().results, kept().planned, judged) == []
    assert known.idle([replace(entry, message="")], kept().results, kept().planned, judged) == []


def test_attempts_that_differ_are_expected_only_by_what_may_come_and_go() -> None:
    first = kept().results[0]
    differing = replace(
        first,
        judgement=replace(first.judgement, verdict=Verdict.FLAKY, reason="differ"),
        known=None,
    )
    record = Record(kept().header, (differing,), kept().footer)
    entry = Known(first.trial.scenario + "*", "aot_eager", "x", "chance")
    (found,) = revised(record, given=[entry]).results
    assert found.judgement.verdict is Verdict.FLAKY
    (found,) = revised(record, given=[replace(entry, flaky=True)]).results
    assert (found.judgement.verdict, found.judgement.reason) == (Verdict.XFAIL, "chance (differ)")


def test_the_command_writes_record_and_page_and_says_what_changed(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[[known]]\nscenario = "aliasing/kept_results_stay"\nimplementation = "aot_eager"\n'
        'signature = "call 1 compiles"\nreason = "why"\n'
        '[[known]]\nscenario = "*"\nimplementation = "aot_eager"\n'
        'signature = "error: *"\nmessage = "no kernel"\nreason = "gone"\n'
    )
    ran = call("judge", str(KEPT), f"--known={file}", f"-o{tmp_path / 'again'}")
    assert ran.returncode == 1, ran.stderr
    assert "pass -> xpass: 1" in ran.stdout + ran.stderr
    assert (
        "nothing fails by the cause 'no kernel' on 'aot_eager' any more" in ran.stdout + ran.stderr
    )
    written = read(tmp_path / "again/record.jsonl")
    assert written.footer["verdicts"]["xpass"] == 1
    assert written.header["parts"] == parts(kept().header), "which runs it was of is lost"
    assert (tmp_path / "again/index.html").is_file()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('scenario = "aliasing/gone"\n', "'aliasing/gone' on 'aot_eager' matches no trial"),
        ('scenario = "aliasing/*"\nexpires = "2020-01-01"\n', "expired on 2020-01-01"),
    ],
)
def test_an_entry_that_a_run_would_refuse_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        f'[[known]]\nimplementation = "aot_eager"\nsignature = "x"\nreason = "y"\n{text}'
    )
    ran = call("judge", str(KEPT), f"--known={file}", f"-o{tmp_path / 'again'}")
    assert (ran.returncode, said in ran.stderr) == (4, True), ran.stderr
    assert not (tmp_path / "again").exists()
