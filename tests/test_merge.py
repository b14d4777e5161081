"""Merging: records of shards and of implementations become one, and the proof names whatever is wrong."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from test_record import FINISHED, header, result

from conformance.command import main
from harness import plan
from harness.merge import Merged, merge, parts, unlike
from harness.model import Result, Trial, Verdict
from harness.record import SCHEMA, Record, RecordError, Writer, read
from harness.shard import split
from harness.story import RESET
from reports import table

BOUNDED = settings(max_examples=60, deadline=None, derandomize=True)

WHOLE = [result(name) for name in ("one", "two", "three", "four", "five")]


def record(results: Sequence[Result], planned: Sequence[Trial] = ()) -> Record:
    """A record of its own plan."""
    own = list(planned or [each.trial for each in results])
    verdicts = {"pass": len(results)}
    footer = {"verdicts": verdicts, "results": len(results), **FINISHED}
    return Record(header(own), tuple(results), footer)


def shard(number: int, of: int, whole: Sequence[Result], done: Sequence[Result] = WHOLE) -> Record:
    """The record of one shard of a plan, with those of its results that were done."""
    planned = [each.trial for each in whole]
    own = split(planned, of, {})[number - 1]
    made = record([each for each in done if each.trial in own], own)
    everything = header(planned)
    beyond = {k: v for k, v in everything["scenarios"].items() if k not in made.header["scenarios"]}
    described = {"number": number, "of": of, "scenarios": beyond}
    described |= {key: everything[key] for key in ("plan", "plan_digest")}
    return replace(
        made,
        header={
            **made.header,
            "implementations": everything["implementations"],
            "shard": described,
        },
    )


def saved(folder: Path, **records: Record) -> list[str]:
    """The records as files; their paths."""
    for name, each in records.items():
        writer = Writer(folder / f"{name}.jsonl", each.header)
        for done in each.results:
            writer.add(done)
        writer.close(FINISHED)
    return [str(folder / f"{name}.jsonl") for name in records]


def findings(merged: Merged, kind: str) -> set[str]:
    assert {each.kind for each in merged.findings} <= {"missing", "foreign", "contradictory"}
    return {each.trial.scenario for each in merged.findings if each.kind == kind}


def by_trial(results: Sequence[Result]) -> dict[Trial, Result]:
    return {each.trial: each for each in results}


Merge = Callable[..., tuple[int, str]]


@pytest.fixture
def merged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Merge:
    """Merge records by the command; its exit code and what it said."""

    def run(**records: Record) -> tuple[int, str]:
        code = main(["merge", *saved(tmp_path, **records), "-o", str(tmp_path / "out")])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


# whole


def test_the_shards_of_a_plan_are_the_record_of_the_plan(merged: Merge, tmp_path: Path) -> None:
    code, said = merged(**{f"s{n}": shard(n, 3, WHOLE) for n in (2, 1, 3)})
    assert code == 0, said
    whole = record(WHOLE)
    digest = whole.header["plan_digest"]
    assert said.splitlines() == [
        f"whole: each of the 5 trials of plan {digest} has one result: 5 pass",
        f"report: {tmp_path / 'out/index.html'}",
    ]
    made = read(tmp_path / "out/record.jsonl")
    assert made.planned == whole.planned
    assert by_trial(made.results) == by_trial(WHOLE)
    assert made.header["plan_digest"] == digest
    assert list(made.header["scenarios"]) == [each.trial.scenario for each in WHOLE]
    assert "shard" not in made.header
    assert [each["shard"] for each in made.header["parts"]] == ["2/3", "1/3", "3/3"]
    assert made.header["command"][0] == "merge"
    assert made.footer["seconds"] == 4.5
    assert made.footer["verdicts"] == {"pass": 5}


def test_every_line_of_a_merged_record_fits_the_schema(merged: Merge, tmp_path: Path) -> None:
    merged(a=shard(1, 2, WHOLE), b=shard(2, 2, WHOLE))
    schema = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    for path in tmp_path.rglob("*.jsonl"):
        for row in path.read_text(encoding="utf-8").splitlines():
            assert [error.message for error in schema.iter_errors(json.loads(row))] == [], path


@pytest.mark.parametrize("given", [(1, 2), (1,)])
def test_a_merged_record_is_a_record_to_every_other_command(
    merged: Merge, tmp_path: Path, given: Sequence[int]
) -> None:
    code, _ = merged(**{f"s{n}": shard(n, 2, WHOLE) for n in given})
    assert code == (0 if given == (1, 2) else 1)
    made = str(tmp_path / "out/record.jsonl")
    assert main(["report", made, "-o", str(tmp_path / "page")]) == 0
    assert main(["summary", made, "--format", "markdown"]) == 0
    assert main(["diff", made, made]) == 0
    assert main(["known", made, "-o", str(tmp_path / "known.toml")]) in (0, 1)
    assert main(["merge", made, "-o", str(tmp_path / "again")]) == code


def test_records_of_different_implementations_are_merged_each_with_its_own_plan(
    merged: Merge, tmp_path: Path
) -> None:
    others = [result(name, on="other") for name in ("one", "six")]
    code, said = merged(a=shard(1, 2, WHOLE), other=record(others), b=shard(2, 2, WHOLE))
    assert code == 0, said
    made = read(tmp_path / "out/record.jsonl")
    assert made.planned == tuple(each.trial for each in (*WHOLE, *others))
    assert list(made.header["implementations"]) == ["mine", "other"]
    assert made.header["plan_digest"] == plan.digest(made.planned)


def test_results_that_are_there_twice_and_agree_are_one(merged: Merge, tmp_path: Path) -> None:
    """A job of CI that was run again leaves two records."""
    code, _ = merged(a=shard(1, 2, WHOLE), again=shard(1, 2, WHOLE), b=shard(2, 2, WHOLE))
    assert code == 0
    assert len(read(tmp_path / "out/record.jsonl").results) == 5


def test_the_shards_need_not_be_of_one_split() -> None:
    mixed = {"a": shard(1, 2, WHOLE), "b": shard(2, 3, WHOLE), "c": shard(3, 3, WHOLE)}
    covered = {t for each in mixed.values() for t in each.planned}
    found = merge(mixed)
    assert findings(found, "missing") == {r.trial.scenario for r in WHOLE if r.trial not in covered}


@BOUNDED
@given(
    st.integers(1, 6),
    st.sets(st.sampled_from(range(5))),
    st.permutations(range(6)),
)
def test_what_is_missing_is_exactly_what_was_not_done(
    of: int, lost: set[int], order: list[int]
) -> None:
    done = [each for place, each in enumerate(WHOLE) if place not in lost]
    found = merge({f"s{n}": shard(n + 1, of, WHOLE, done) for n in order if n < of})
    assert findings(found, "missing") == {WHOLE[place].trial.scenario for place in lost}
    assert by_trial(found.record.results) == by_trial(done)
    assert set(found.record.planned) == {each.trial for each in WHOLE}
    assert len(found.findings) == len(lost)


# not whole


def test_a_shard_that_is_not_there_is_named_trial_by_trial(merged: Merge, tmp_path: Path) -> None:
    code, said = merged(a=shard(1, 3, WHOLE), c=shard(3, 3, WHOLE))
    lost = split([each.trial for each in WHOLE], 3, {})[1]
    assert code == 1
    assert lost
    for each in lost:
        assert f"missing: {each.id}: it is in the shard of no record" in said
    assert f"not whole: of 5 trials of plan {record(WHOLE).header['plan_digest']}, " in said
    assert f"{len(lost)} missing; the rest: {5 - len(lost)} pass" in said
    made = read(tmp_path / "out/record.jsonl")
    rows = {r.trial: r.judgement.verdict for r in table.results(made)}
    assert {each for each, verdict in rows.items() if verdict is Verdict.NOT_RUN} == set(lost)


def test_what_an_interrupted_shard_has_not_run_is_named_with_its_record(
    merged: Merge, tmp_path: Path
) -> None:
    code, said = merged(a=shard(1, 2, WHOLE, []), b=shard(2, 2, WHOLE))
    assert code == 1
    where = tmp_path / "a.jsonl"
    assert f"{where} ended before it; `touchstone run --resume` completes a record" in said


def test_a_record_of_another_plan_is_foreign(merged: Merge, tmp_path: Path) -> None:
    other = [result("one"), result("six")]
    records = {f"s{n}": shard(n, 2, WHOLE) for n in (1, 2)}
    code, said = merged(foreign=record(other), **records)
    assert code == 1
    digest = record(other).header["plan_digest"]
    for each in other:
        where = f"{tmp_path / 'foreign.jsonl'} is of plan {digest}, not of "
        assert f"foreign: {each.trial.id}: {where}{record(WHOLE).header['plan_digest']}" in said
    made = read(tmp_path / "out/record.jsonl")
    assert set(made.planned) == {each.trial for each in WHOLE}
    assert len(made.results) == 5
    assert len(made.header["parts"]) == 2


def test_a_shard_of_another_plan_is_foreign_and_its_own_is_missing() -> None:
    found = merge({"a": shard(1, 3, WHOLE), "b": shard(2, 3, WHOLE[:-1]), "c": shard(3, 3, WHOLE)})
    assert findings(found, "foreign")
    lost = split([each.trial for each in WHOLE], 3, {})[1]
    assert findings(found, "missing") == {each.scenario for each in lost}


def other_story(each: Result) -> Result:
    seen = replace(each.exit.observation, story=(RESET,), evidence=({},))
    return replace(each, exit=replace(each.exit, observation=seen))


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (result("one", Verdict.FAIL), "pass in {a} and fail in {b}"),
        (other_story(result("one")), "pass in {a} and pass in {b}, with different stories"),
    ],
)
def test_two_results_that_contradict_each_other_are_named_and_the_worse_stands(
    tmp_path: Path, merged: Merge, second: Result, said: str
) -> None:
    code, output = merged(a=record(WHOLE), b=record([second, *WHOLE[1:]]))
    assert code == 1
    where = {name: tmp_path / f"{name}.jsonl" for name in "ab"}
    assert f"contradictory: {second.trial.id}: {said.format(**where)}" in output
    assert ", 1 contradictory; the rest: " in output
    made = read(tmp_path / "out/record.jsonl")
    assert len(made.results) == 5
    if second.judgement.verdict is Verdict.FAIL:
        assert second in made.results


def test_which_of_two_results_stands_does_not_depend_on_the_order_of_records() -> None:
    told = [WHOLE[0], result("one", Verdict.CRASH), other_story(WHOLE[0])]
    kept = [
        merge({str(n): record([each]) for n, each in enumerate(order)}).record.results
        for order in itertools.permutations(told)
    ]
    assert all(each == (result("one", Verdict.CRASH),) for each in kept)


# what cannot be one record


def refused(**records: Record) -> str:
    with pytest.raises(RecordError) as caught:
        merge(records)
    return str(caught.value)


def changed(made: Record, **fields: object) -> Record:
    return replace(made, header={**made.header, **fields})


def described(made: Record, side: str, **fields: object) -> Record:
    """The record with another profile or fingerprint."""
    mine = made.header["implementations"]["mine"]
    return changed(made, implementations={"mine": {**mine, side: {**mine[side], **fields}}})


def test_another_catalog_is_refused_with_both() -> None:
    suite = {"version": "0.1.0", "catalog": "fedcba9876543210", "scenarios": 2}
    said = refused(a=shard(1, 2, WHOLE), b=changed(shard(2, 2, WHOLE), suite=suite))
    assert said.startswith("b is of another catalog than a (fedcba9876543210 of Touchstone 0.1.0")
    assert said.endswith("run both with the same Touchstone")


@pytest.mark.parametrize(
    ("side", "fields", "said"),
    [
        ("fingerprint", {"torch": "2.15.0"}, "torch 2.13.0 and 2.15.0"),
        ("fingerprint", {"python": "3.13.0"}, "python 3.12.1 and 3.13.0"),
        ("profile", {"backend": "inductor"}, "backend eager and inductor"),
        ("profile", {"device": "cuda"}, "device cpu and cuda"),
    ],
)
def test_another_environment_under_the_same_name_is_refused(
    side: str, fields: dict[str, object], said: str
) -> None:
    other = described(shard(2, 2, WHOLE), side, **fields)
    refusal = refused(a=shard(1, 2, WHOLE), b=other)
    assert f"implementation 'mine' is not the same in a and b, which have {said};" in refusal


def test_where_an_interpreter_lies_is_no_difference() -> None:
    here = shard(1, 2, WHOLE)
    there = described(shard(2, 2, WHOLE), "profile", python="/venv/bin/python", argument="x.toml")
    assert merge({"a": here, "b": there}).findings == ()


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_an_environment_that_could_not_be_made_somewhere_is_no_other_one(order: str) -> None:
    nothing = {"torch": "unknown", "python": "unknown"}
    records = {
        "a": described(shard(1, 2, WHOLE), "fingerprint", **nothing),
        "b": shard(2, 2, WHOLE),
    }
    made = merge({name: records[name] for name in order})
    assert made.findings == ()
    fingerprint = made.record.header["implementations"]["mine"]["fingerprint"]
    assert fingerprint["torch"] == "2.13.0"


def test_what_makes_two_environments_different_is_told() -> None:
    one = header([WHOLE[0].trial])["implementations"]["mine"]
    assert unlike(one, one) == ""
    assert unlike(one, {**one, "fingerprint": {}}) == "torch 2.13.0 and None"


def test_an_older_profile_says_by_leaving_a_key_out_what_a_younger_one_says_of_it() -> None:
    young = json.loads(json.dumps(header([WHOLE[0].trial])["implementations"]["mine"]))
    old = {key: value for key, value in young["profile"].items() if key not in {"cpu", "built_on"}}
    assert unlike({**young, "profile": old}, young) == ""


@pytest.mark.parametrize(
    "fields",
    [
        {"plan_digest": "0" * 16},
        {"plan": [asdict(WHOLE[0].trial)]},
        {"plan": [{"scenario": "x"}]},
        {"scenarios": {}},
        {"scenarios": ...},
    ],
)
def test_a_plan_that_is_not_the_one_of_its_digest_is_refused(fields: dict[str, Any]) -> None:
    made = shard(1, 2, WHOLE)
    altered = {**made.header["shard"], **fields}
    altered = {key: value for key, value in altered.items() if value is not ...}
    assert refused(a=shard(2, 2, WHOLE), b=changed(made, shard=altered)).startswith("b is damaged")


def test_a_truncated_record_is_refused_with_the_command_that_completes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = saved(tmp_path, a=shard(1, 2, WHOLE), b=shard(2, 2, WHOLE))
    rows = Path(second).read_text(encoding="utf-8").splitlines(keepends=True)
    Path(second).write_text("".join(rows[:-1]), encoding="utf-8")
    assert main(["merge", first, second, "-o", str(tmp_path / "out")]) == 4
    assert f"touchstone run --resume {second}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", ["LICENSE", "nope.jsonl"])
def test_what_is_no_record_makes_no_sense(path: str, tmp_path: Path) -> None:
    assert main(["merge", path, "-o", str(tmp_path / "out")]) == 4
    assert not (tmp_path / "out").exists()


def test_the_parts_of_a_merged_record_are_those_of_its_records() -> None:
    both = merge({"a": shard(1, 2, WHOLE), "b": shard(2, 2, WHOLE)}).record
    other = record([result("one", on="other")])
    made = merge({"both": both, "other": other}).record
    assert made.header["parts"] == [*parts(both.header), *parts(other.header)]
    assert [each["shard"] for each in made.header["parts"]] == ["1/2", "2/2", ""]


def test_the_help_has_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["merge", "--help"])
    said = capsys.readouterr().out
    assert "examples:" in said
    assert "exit codes:" in said
