from __future__ import annotations

import copy
import dataclasses
import json
import lzma
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from conftest import HANGS
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from harness import control, fingerprint, plan
from harness.control import Control
from harness.merge import combine
from harness.model import (
    Difference,
    Exit,
    Failure,
    Implementation,
    Judgement,
    Known,
    Observation,
    Result,
    Trial,
    Verdict,
)
from harness.record import (
    FORMAT,
    SCHEMA,
    Record,
    RecordError,
    Writer,
    read,
    read_interrupted,
    result_from_json,
    result_to_json,
)
from harness.schema import SchemaError, check
from harness.story import RESET, Act, Call, Note, Step, Tier, Told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
BOUNDED = settings(max_examples=40, deadline=None, derandomize=True)
REAL = ("aliasing/one_argument_becomes_two", "modules/*", "recompiles/wrappers_share_a_history")

GRAPH = "def forward(self, x):\n    return x + 1\n" * 10
COMPILATION = {
    "id": "0/0",
    "function": "program",
    "ops": 2,
    "graphs": [GRAPH],
    "guards": GRAPH,
    "reason": "",
    "backward": "",
    "breaks": [],
    "discarded": 0,
    "failure": "",
}
FINISHED = {"finished": "2026-11-21T09:00:02+00:00", "seconds": 1.5}


#: Fields that records lack which were written before there were such.
YOUNGER = {"known": {"message"}, "profile": {"built_on", "cpu"}, "observation": {"in_eager"}}


def result(name: str = "one", verdict: Verdict = Verdict.PASS, on: str = "mine") -> Result:
    """A result with something in every field."""
    story = (
        Call(1, "compiles", "equals eager", "f", 1, 2, 3, ("mutates argument 0",)),
        Act("save", "succeeds", 1),
        Call(2, "reuses", "equals eager", "f"),
        Note("weight", "equals eager"),
        Told("graph", "one\ntwo", Tier.MAY),
        Step("a change"),
        RESET,
    )
    seen = Observation(
        story=story,
        evidence=({"compilations": [COMPILATION], "regions": 1, "seconds": 0.1}, *({},) * 5),
        versions={"torch": "2.13.0", "python": "3.12.1"},
        failure=Failure("run", "ValueError", "no", "Traceback"),
        ended=True,
        channels={"graphs": "available"},
        artefacts=("mine.kernel",),
    )
    return Result(
        trial=Trial(f"family/{name}", "size=1", on),
        judgement=Judgement(
            verdict,
            "a reason",
            Tier.SHOULD,
            "run",
            (Difference(1, "compiles", Tier.SHOULD, "compiles", "reuses", better=True),),
            (Tier.MUST, Tier.SHOULD),
            (Tier.MUST,),
            "call 2 reuses",
        ),
        expected="call 1: compiles, equals eager\n",
        condition="size=1",
        exit=Exit(seen, status=-11, output="printed", seconds=0.25, leftovers=2, exceeded=1 << 30),
        known=Known("family/*", "mine", "x", "y", "link", "torch<3", "2027-01-01", flaky=True),
    )


def header(planned: Sequence[Trial]) -> dict[str, Any]:
    names = dict.fromkeys(each.implementation for each in planned)
    described: dict[str, Any] = {
        "claim": "A fact.",
        "ref": "a page",
        "file": "conformance/cases/family.py",
        "line": 1,
        "source": "def one(s): ...",
        "axes": {"size": [1, None]},
        "needs": [],
        "seed": [],
        "tiers": {},
        "exact": "",
        "tells": [],
        "formerly": [],
        "torch": "",
        "stories": [{"condition": "", "story": "reset"}],
    }
    return {
        "suite": {"version": "0.1.0", "catalog": "0123456789abcdef", "scenarios": 2},
        "started": "2026-11-21T09:00:00+00:00",
        "command": ["run"],
        "host": {"platform": "Linux", "python": "3.12.1"},
        "isolation": "fork",
        "time_limit": 60.0,
        "memory_limit": 1 << 33,
        "plan_digest": plan.digest(planned),
        "plan": [asdict(each) for each in planned],
        "controls": controls(list(names)),
        "scenarios": {each.scenario: described for each in planned},
        "implementations": {
            name: {
                "argument": name,
                "profile": asdict(Implementation(name, backend="eager")),
                "fingerprint": {"torch": "2.13.0", "python": "3.12.1"},
            }
            for name in names
        },
    }


def controls(names: Sequence[str]) -> list[dict[str, Any]]:
    """The controls of implementations, judged as they must be."""
    return [
        control.to_json(Control(name, each, where, control.PATTERNS[each].verdict, "", met=True))
        for name in names
        for each in control.PATTERNS
        for where in control.SCENARIOS
    ]


def written(
    folder: Path,
    results: Sequence[Result],
    planned: Sequence[Trial] = (),
    name: str = "record.jsonl",
) -> Path:
    path = folder / name
    writer = Writer(path, header(planned or list(dict.fromkeys(each.trial for each in results))))
    for each in results:
        writer.add(each)
    writer.close(FINISHED)
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines()]


def refused(path: Path) -> str:
    with pytest.raises(RecordError) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of a real run of a few trials."""
    folder = tmp_path_factory.mktemp("real")
    command = [sys.executable, "-m", "conformance", "run", *REAL, "-n", "0", "-o", str(folder)]
    done = subprocess.run(
        [*command, "--implementation", "eager"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert (folder / "record.jsonl").exists(), done.stdout + done.stderr
    return folder / "record.jsonl"


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    described = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(described)
    return Draft202012Validator(described)


# round trips


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(0, 1) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
SOME = st.text(max_size=6)
PHASES = st.sampled_from(["trace", "run", ""])
FACETS = st.sampled_from(["compiles", "effects", "outcome"])
TIERS = st.lists(st.sampled_from(Tier), unique=True, max_size=3).map(tuple)
EVENTS = st.one_of(
    st.builds(
        Call,
        st.integers(1, 9),
        st.sampled_from(["compiles", "reuses", ""]),
        SOME,
        SOME,
        st.none() | st.integers(0, 9),
        st.none() | st.integers(0, 9),
        st.none() | st.integers(0, 9),
        st.lists(SOME, max_size=2).map(tuple),
    ),
    st.builds(Act, SOME, SOME, st.none() | st.integers(0, 9)),
    st.builds(Note, SOME, SOME),
    st.builds(Told, SOME, SOME, st.sampled_from(Tier)),
    st.builds(Step, SOME),
)
OBSERVATIONS = st.builds(
    Observation,
    st.lists(EVENTS, max_size=3).map(tuple),
    st.lists(st.dictionaries(SOME, JSON | st.just(GRAPH), max_size=2), max_size=3).map(tuple),
    st.dictionaries(SOME, SOME, max_size=2),
    st.none() | st.builds(Failure, PHASES, SOME, SOME, SOME),
    SOME,
    st.booleans(),
    st.dictionaries(SOME, SOME, max_size=2),
    st.lists(SOME, max_size=2).map(tuple),
)
JUDGEMENTS = st.builds(
    Judgement,
    st.sampled_from(Verdict),
    SOME,
    st.none() | st.sampled_from(Tier),
    SOME,
    st.lists(
        st.builds(
            Difference, st.integers(0, 9), FACETS, st.sampled_from(Tier), SOME, SOME, st.booleans()
        ),
        max_size=2,
    ).map(tuple),
    TIERS,
    TIERS,
    SOME,
)
RESULTS = st.builds(
    Result,
    st.builds(
        Trial, SOME.map(lambda text: f"a/x{text.replace('/', '')}"), SOME, SOME.map("on{}".format)
    ),
    JUDGEMENTS,
    st.sampled_from(["", "reset\n", "call 1: compiles, equals eager\n"]),
    SOME,
    st.builds(
        Exit,
        OBSERVATIONS,
        st.none() | st.integers(-20, 20),
        st.booleans(),
        SOME,
        SOME,
        st.floats(0, 99),
        st.integers(0, 3),
    ),
    st.none() | st.builds(Known, SOME, SOME, SOME, SOME, SOME, SOME, SOME, st.booleans()),
)


@BOUNDED
@given(RESULTS)
def test_a_result_is_what_its_json_says(each: Result) -> None:
    assert result_from_json(json.loads(json.dumps(result_to_json(each)))) == each


@BOUNDED
@given(st.lists(RESULTS, max_size=3, unique_by=lambda result: result.trial))
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, results: list[Result]
) -> None:
    record = read(written(tmp_path_factory.getbasetemp(), results, name="any.jsonl"))
    assert record.results == tuple(results)
    assert record.planned == tuple(dict.fromkeys(each.trial for each in results))
    assert record.footer["results"] == len(results)


def test_texts_beyond_ascii_and_lone_surrogates_survive(tmp_path: Path) -> None:
    strange = "\u2028\x85\x1c\ud800\U0001f525\x00\r\n" * 40
    seen = replace(
        result().exit.observation, evidence=({"graph": strange, strange: "x"},), bug=strange
    )
    each = replace(result(), exit=replace(result().exit, observation=seen))
    assert read(written(tmp_path, [each])).results == (each,)


def test_a_record_has_its_header_and_footer(tmp_path: Path) -> None:
    results = [result("one"), result("two", Verdict.FAIL), result("three")]
    record = read(written(tmp_path, results))
    assert record.header["format"] == FORMAT
    assert record.header["command"] == ["run"]
    assert record.footer == {
        "record": "footer",
        "verdicts": {"fail": 1, "pass": 2},
        "results": 3,
        **FINISHED,
    }


def test_a_record_makes_its_folder(tmp_path: Path) -> None:
    assert read(written(tmp_path / "new" / "folder", [result()])).results == (result(),)


def test_a_planned_trial_needs_no_result(tmp_path: Path) -> None:
    other = Trial("family/other", "", "mine")
    record = read(written(tmp_path, [result()], [other, result().trial]))
    assert record.planned == (other, result().trial)
    assert len(record.results) == 1


def test_each_result_is_in_the_file_when_it_is_added(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "record.jsonl", header([result().trial]))
    writer.add(result())
    assert [row["record"] for row in rows(tmp_path / "record.jsonl")] == [
        "header",
        "text",
        "result",
    ]
    writer.close(FINISHED)


# long texts


def test_a_long_text_is_written_once_before_its_first_use(tmp_path: Path) -> None:
    path = written(tmp_path, [result("one"), result("two")])
    assert [row["record"] for row in rows(path)] == ["header", "text", "result", "result", "footer"]
    assert path.read_text(encoding="utf-8").count(json.dumps(GRAPH)) == 1
    _, text, *results, _ = rows(path)
    assert text["text"] == GRAPH
    for row in results:
        (seen, *_) = row["exit"]["observation"]["evidence"]
        assert seen["compilations"][0]["graphs"] == [{"$text": text["digest"]}]
        assert seen["compilations"][0]["guards"] == {"$text": text["digest"]}


@pytest.mark.parametrize(("length", "pooled"), [(200, False), (201, True)])
def test_a_short_text_stays_where_it_is(tmp_path: Path, length: int, *, pooled: bool) -> None:
    seen = replace(result().exit.observation, evidence=({"graph": "x" * length},))
    each = replace(result(), exit=replace(result().exit, observation=seen))
    kinds = [row["record"] for row in rows(written(tmp_path, [each]))]
    assert ("text" in kinds) is pooled


# refusals


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    said = refused(tmp_path / "gone.jsonl")
    assert said.endswith("cannot be read: No such file or directory; give the path of a record")


def test_a_folder_is_refused_by_name(tmp_path: Path) -> None:
    assert "cannot be read: Is a directory" in refused(tmp_path)


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b"\x80\x02\xff")
    assert "is no record: it is not text" in refused(tmp_path / "r.jsonl")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "its first line is no header"),
        ("hello\n", "line 1 is no JSON"),
        ("hello\nworld\n", "line 1 is no JSON"),
        ("[1]\n", "line 1 is list, expected an object"),
        ('{"a": 1}\n', "its first line is no header"),
        ('{"record": "header"}\n', "its first line is no header"),
        ('{"record": "footer", "results": 0}\n', "its first line is no header"),
    ],
)
def test_a_foreign_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "r.jsonl").write_text(text, encoding="utf-8")
    assert f"is no record: {said}" in refused(tmp_path / "r.jsonl")


@pytest.mark.parametrize("version", [0, 1, "2", None])
def test_a_record_of_another_format_is_refused_with_both(tmp_path: Path, version: object) -> None:
    path = written(tmp_path, [result()])
    changed(path, 0, format=version)
    assert refused(path).endswith(
        f"has format {version}, this Touchstone reads format 2; use the version that wrote it"
    )


def changed(path: Path, line: int, **fields: object) -> None:
    """Give fields of one line another value; a field whose value is ... is left out."""
    values = rows(path)
    values[line] = {n: v for n, v in {**values[line], **fields}.items() if v is not ...}
    path.write_text("".join(json.dumps(each) + "\n" for each in values), encoding="utf-8")


def test_a_record_that_ends_within_a_line_is_refused_as_truncated(tmp_path: Path) -> None:
    path = written(tmp_path, [result()])
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    assert "is truncated in line 4; the run was interrupted, run it again" in refused(path)


@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_record_without_footer_is_refused_with_what_is_there(tmp_path: Path, done: int) -> None:
    results = [result("one"), result("two")]
    path = written(tmp_path, results[:done], [each.trial for each in results])
    kept = path.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]
    path.write_text("".join(kept), encoding="utf-8")
    assert f"it has no footer and {done} of 2 planned results; the run was interr" in refused(path)


def test_a_result_that_nobody_planned_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, [result("one"), result("two")], [result("one").trial])
    assert "it has 2 results, its footer counts 2, and 1 are not in its plan" in refused(path)


def test_a_footer_that_counts_otherwise_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, [result("one"), result("two")])
    kept = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(kept[:2] + kept[3:]), encoding="utf-8")
    assert "it has 1 results, its footer counts 2, and 0 are not in its plan" in refused(path)


def test_a_line_that_is_no_json_in_the_middle_is_refused_by_number(tmp_path: Path) -> None:
    path = written(tmp_path, [result("one"), result("two")])
    kept = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*kept[:2], kept[2][:50] + "\n", *kept[3:]]), encoding="utf-8")
    assert "line 3 is no JSON" in refused(path)


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (0, {"plan": [{"scenario": "x"}]}),
        (0, {"plan": [5]}),
        (1, {"digest": ...}),
        (1, {"text": ...}),
        (1, {"digest": "0000000000000000"}),
        (1, {"record": "dream"}),
        (2, {"trial": ...}),
        (2, {"trial": {"scenario": "x"}}),
        (2, {"judgement": {}}),
        (2, {"judgement": 5}),
        (2, {"judgement": {**asdict(result().judgement), "verdict": "good"}}),
        (2, {"judgement": {**asdict(result().judgement), "tier": "high"}}),
        (2, {"exit": {}}),
        (2, {"exit": {"observation": {}}}),
        (2, {"exit": {"observation": {**asdict(Observation()), "story": [{"kind": "dream"}]}}}),
        (2, {"known": {"mood": "good"}}),
        (2, {"expected": ...}),
        (3, {"results": ...}),
        (3, {"results": "1"}),
    ],
)
def test_a_damaged_line_is_refused(tmp_path: Path, line: int, fields: dict[str, Any]) -> None:
    path = written(tmp_path, [result()])
    changed(path, line, **fields)
    assert "run again" in refused(path)


def test_a_record_without_footer_whose_plan_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"record": "header", "format": 2, "plan": 5}\n', "utf-8")
    refused(tmp_path / "r.jsonl")


# several records


def one(folder: Path, name: str, on: str) -> Record:
    return read(written(folder, [result(name, on=on)], name=f"{on}.jsonl"))


def test_records_of_different_implementations_become_one(tmp_path: Path) -> None:
    first, second = one(tmp_path, "one", "mine"), one(tmp_path, "two", "other")
    both = combine([first, second])
    assert both.results == first.results + second.results
    assert both.planned == first.planned + second.planned
    assert list(both.header["implementations"]) == ["mine", "other"]
    assert list(both.header["scenarios"]) == ["family/one", "family/two"]
    assert both.header["plan_digest"] == plan.digest(both.planned)
    assert both.footer["verdicts"] == {"pass": 2}
    assert both.footer["results"] == 2
    assert both.footer["seconds"] == 3.0


def test_combining_leaves_the_records_as_they_are(tmp_path: Path) -> None:
    first, second = one(tmp_path, "one", "mine"), one(tmp_path, "two", "other")
    before = json.dumps([first.header, first.footer, second.header, second.footer])
    combine([first, second])
    assert json.dumps([first.header, first.footer, second.header, second.footer]) == before


def test_one_record_combined_is_itself(tmp_path: Path) -> None:
    record = one(tmp_path, "one", "mine")
    assert combine([record]) == record


def test_records_of_different_catalogs_are_not_combined(tmp_path: Path) -> None:
    first, second = one(tmp_path, "one", "mine"), one(tmp_path, "two", "other")
    suite = {**second.header["suite"], "catalog": "fedcba9876543210"}
    second = replace(second, header={**second.header, "suite": suite})
    with pytest.raises(RecordError, match=r"different catalogs.*fedcba9876543210.*same Touchstone"):
        combine([first, second])


def test_records_of_one_implementation_are_not_combined(tmp_path: Path) -> None:
    first, second = one(tmp_path, "one", "mine"), one(tmp_path, "two", "mine")
    with pytest.raises(RecordError, match="two records have results of mine; give each"):
        combine([first, second])


def test_records_that_only_share_an_implementation_later_on_are_not_combined(
    tmp_path: Path,
) -> None:
    records = [one(tmp_path, "one", on) for on in ("a", "b", "b")]
    with pytest.raises(RecordError, match="results of b"):
        combine(records)


# the schema


def test_every_line_of_a_real_record_fits_the_schema(
    real: Path, schema: Draft202012Validator
) -> None:
    for number, row in enumerate(rows(real), start=1):
        problems = [error.message for error in schema.iter_errors(row)]
        assert problems == [], number


def test_a_real_record_can_be_read_and_has_its_whole_plan(real: Path) -> None:
    record = read(real)
    assert len(record.results) == len(record.planned) > 2
    assert {each.trial for each in record.results} == set(record.planned)
    assert record.header["plan_digest"] == plan.digest(record.planned)


def test_a_real_record_written_again_is_the_same(real: Path, tmp_path: Path) -> None:
    record = read(real)
    bare = {k: v for k, v in record.header.items() if k not in ("record", "format")}
    writer = Writer(tmp_path / "again.jsonl", bare)
    for each in record.results:
        writer.add(each)
    writer.close({name: record.footer[name] for name in ("finished", "seconds")})
    assert read(tmp_path / "again.jsonl") == record


@pytest.mark.parametrize("verdict", Verdict)
def test_a_result_of_every_verdict_fits_the_schema(
    tmp_path: Path, schema: Draft202012Validator, verdict: Verdict
) -> None:
    bare = Result(result().trial, Judgement(verdict), "", "", Exit(Observation(), status=None))
    for row in rows(written(tmp_path, [result(verdict=verdict), bare])):
        assert [error.message for error in schema.iter_errors(row)] == []


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (0, {"mood": "good"}),
        (0, {"format": 3}),
        (0, {"controls": [{"control": "sometimes_wrong"}]}),
        (0, {"plan": [{"scenario": "a/b", "variant": ""}]}),
        (1, {"digest": "x"}),
        (2, {"mood": "good"}),
        (2, {"record": "results"}),
        (2, {"judgement": {**asdict(result().judgement), "verdict": "good"}}),
        (2, {"exit": {**result_to_json(result())["exit"], "status": "0"}}),
        (2, {"known": {"mood": "good"}}),
        (3, {"verdicts": {"good": 1}}),
        (3, {"results": ...}),
    ],
)
def test_a_line_of_another_shape_does_not_fit_the_schema(
    tmp_path: Path, schema: Draft202012Validator, line: int, fields: dict[str, Any]
) -> None:
    path = written(tmp_path, [result()])
    changed(path, line, **fields)
    assert not schema.is_valid(rows(path)[line])


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """A line of each kind."""
    path = tmp_path_factory.mktemp("lines") / "record.jsonl"
    writer = Writer(path, header([result().trial]))
    writer.add(result())
    writer.look(result(), result(verdict=Verdict.FLAKY))
    writer.close(FINISHED)
    return rows(path)


def places(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - any JSON value
    """Whatever is in a value: what holds it, and its key or number there."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


OTHERS: tuple[Any, ...] = (
    None,
    True,
    -1,
    3,
    1.5,
    "",
    "must",
    "call",
    [],
    {},
    ["x", "x"],
    {"mood": "good"},
)


@settings(BOUNDED, max_examples=200)
@given(st.data())
def test_a_mangled_line_is_refused_just_where_the_schema_refuses_it(
    lines: list[dict[str, Any]], schema: Draft202012Validator, data: st.DataObject
) -> None:
    line = copy.deepcopy(data.draw(st.sampled_from(lines), "line"))
    kind = line["record"]
    for _ in range(data.draw(st.integers(0, 2), "changes")):
        inside, key = data.draw(st.sampled_from(list(places(line))), "place")
        if data.draw(st.booleans(), "away"):
            del inside[key]
        elif isinstance(inside, list) and data.draw(st.booleans(), "twice"):
            inside.append(inside[key])
        else:
            inside[key] = copy.deepcopy(data.draw(st.sampled_from(OTHERS), "value"))
    try:
        check(line, kind)
        said = ""
    except SchemaError as error:
        said = str(error)
    assert (not said) is schema.is_valid(line), said
    assert not said or said.removeprefix("a name in ").startswith(kind)


TRIAL = {"scenario": "a/b", "variant": "", "implementation": "mine"}
FOOTER = {"record": "footer", "verdicts": {}, "results": 0, **FINISHED}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("trial", 5, "trial is 5, expected an object"),
        ("trial", {"scenario": "a/b", "variant": ""}, "trial has no 'implementation'"),
        ("trial", {**TRIAL, "m\x1b": 1}, "trial has 'm\\x1b', which is not known there"),
        (
            "trial",
            {**TRIAL, "scenario": "a/b\n/"},
            r"trial.scenario is 'a/b\n/', expected a text like ^[^/]+/[^/]+$",
        ),
        (
            "trial",
            {**TRIAL, "implementation": ""},
            "trial.implementation is empty, expected a text",
        ),
        ("tier", "high", "tier is 'high', expected 'must' or 'should' or 'may' or 'diverge'"),
        ("text", {"record": 1, "digest": "", "text": ""}, "text.record is 1, expected 'text'"),
        (
            "evidence",
            {"logs": ["x", {"$text": "x"}]},
            "evidence.logs[1] is an object of 1, which is nothing that may stand there",
        ),
        ("evidence", {"seconds": -1}, "evidence.seconds is -1, expected no less than 0"),
        (
            "evidence",
            {"regions": 10**400},
            "evidence.regions is a number without end, expected an integer",
        ),
        (
            "footer",
            {**FOOTER, "verdicts": {"good": 1}},
            f"a name in footer.verdicts is 'good', expected {' or '.join(repr(str(v)) for v in Verdict)}",
        ),
        (
            "footer",
            {**FOOTER, "verdicts": {"pass": 0}},
            "footer.verdicts.pass is 0, expected no less than 1",
        ),
        (
            "header",
            {"record": "header", "format": FORMAT, **header([]), "plan": [TRIAL, TRIAL]},
            "header.plan has an entry twice",
        ),
    ],
)
def test_what_is_wrong_with_a_value_is_said_with_its_place(
    name: str, value: object, said: str
) -> None:
    with pytest.raises(SchemaError) as caught:
        check(value, name)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("trial", Trial),
        ("judgement", Judgement),
        ("known", Known),
        ("exit", Exit),
        ("observation", Observation),
        ("failure", Failure),
        ("profile", Implementation),
    ],
)
def test_the_schema_describes_every_field_of_the_model(name: str, model: type) -> None:
    described = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"][name]
    fields = {each.name for each in dataclasses.fields(model)}
    assert set(described["properties"]) == fields
    assert set(described["required"]) == fields - YOUNGER.get(name, set())
    assert described["additionalProperties"] is False


def test_the_schema_knows_every_verdict_and_tier() -> None:
    described = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    assert described["verdict"]["enum"] == [str(each) for each in Verdict]
    assert described["tier"]["enum"] == [str(each) for each in Tier]


def test_a_record_with_two_results_for_one_trial_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, [result("x"), result("x")])
    assert "there twice" in refused(path)


def test_a_line_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, [result("x")])
    rows = path.read_text().splitlines()
    path.write_text("\n".join([*rows[:-1], '{"record": "rumour"}', rows[-1]]) + "\n")
    assert "line 4 is of kind 'rumour', expected one of header" in refused(path)


def test_a_record_that_another_program_wrote_anew_is_read_alike(tmp_path: Path) -> None:
    """Other programs leave letters such as the line separator as they are."""
    strange = replace(
        result(), judgement=replace(result().judgement, reason="one\u2028two\x85three")
    )
    path = written(tmp_path, [strange])
    before = read(path).results
    rows = [json.loads(row) for row in path.read_text(encoding="utf-8").split("\n") if row]
    again = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    assert "\u2028" in again
    path.write_text(again, encoding="utf-8")
    assert read(path).results == before == (strange,)


def test_a_distribution_without_a_name_or_version_is_no_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def made(name: str | None, version: str | None) -> object:
        return SimpleNamespace(metadata={"Name": name}, version=version)

    found = [made("a", None), made("a", "1"), made("a", None), made(None, "2"), made("b", "3")]
    monkeypatch.setattr("importlib.metadata.distributions", lambda: found)
    assert fingerprint.take()["packages"] == {"a": "1", "b": "3"}


def test_a_compressed_record_is_read_alike(tmp_path: Path) -> None:
    path = written(tmp_path, [result()])
    packed = tmp_path / "record.jsonl.xz"
    packed.write_bytes(lzma.compress(path.read_bytes()))
    assert read(packed) == read(path)
    assert read_interrupted(packed) == read(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"junk", "cannot be unpacked: .*; give the path of a record, whole"),
        (lzma.compress(b"{}")[:-20], "cannot be unpacked: .*; give the path of a record, whole"),
        (lzma.compress(b"\xff\xfe"), "is no record: it is not text"),
        (lzma.compress(b"x" * (2 << 20)), "has more than 1 MiB when it is unpacked"),
    ],
)
def test_what_is_compressed_and_no_record_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, said: str
) -> None:
    monkeypatch.setattr("harness.files.MOST", 1 << 20)
    path = tmp_path / "record.jsonl.xz"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=said):
        read(path)
