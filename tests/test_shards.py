"""Shards: how a plan is split, and that the parts of a real run are the whole of it."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import HANGS, ROOT, touchstone
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from test_record import result

from conformance.command import main
from conformance.request import OPTIONS, Request, RequestError, are_few, begin
from harness import plan
from harness.model import Trial
from harness.record import SCHEMA, Record, RecordError, read
from harness.shard import Shard, ShardError, durations, read_shard, split

BOUNDED = settings(max_examples=150, deadline=None, derandomize=True)

#: What every trial costs at least, as docs/ci.md has it.
LEAST = 0.05


def trials(number: int) -> list[Trial]:
    return [Trial(f"family/s{index}", "", "mine") for index in range(number)]


def named(shards: Sequence[Sequence[Trial]]) -> list[list[str]]:
    return [[each.scenario.removeprefix("family/s") for each in shard] for shard in shards]


# what a shard is


@pytest.mark.parametrize(
    ("text", "shard"), [("1/1", Shard(1, 1)), ("1/3", Shard(1, 3)), ("12/12", Shard(12, 12))]
)
def test_a_shard_is_its_number_and_how_many_there_are(text: str, shard: Shard) -> None:
    assert read_shard(text) == shard
    assert str(shard) == text


@pytest.mark.parametrize(
    "text", ["", "1", "/", "1/", "/3", "0/3", "4/3", "-1/3", "1/0", "1/3/5", "a/b", "1.0/3", " 1/3"]
)
def test_what_is_no_shard_is_told_how_one_is_written(text: str) -> None:
    with pytest.raises(ShardError, match=r"is no shard; give its number .* as in 1/3"):
        read_shard(text)


# how a plan is split


def test_the_longest_come_first_and_each_goes_where_there_is_least_to_do() -> None:
    planned = trials(6)
    took = dict(zip(planned, (1.0, 2.0, 3.0, 4.0, 5.0, 6.0), strict=True))
    assert named(split(planned, 2, took)) == [["1", "2", "5"], ["0", "3", "4"]]
    assert named(split(planned, 3, took)) == [["0", "5"], ["1", "4"], ["2", "3"]]


def test_without_durations_a_hash_of_the_ids_deals_in_turn() -> None:
    """A pinned value: machines that run different shards must agree."""
    assert named(split(trials(7), 3, {})) == [["0", "4", "5"], ["1", "6"], ["2", "3"]]


def test_a_trial_without_a_duration_counts_as_the_median_of_the_others() -> None:
    planned = trials(4)
    took = {planned[0]: 10.0, planned[1]: 4.0, planned[2]: 1.0}
    assert named(split(planned, 2, took)) == [["0"], ["1", "2", "3"]]


def test_trials_that_took_no_time_are_spread_all_the_same() -> None:
    shards = split(trials(9), 3, dict.fromkeys(trials(9), 0.0))
    assert [len(shard) for shard in shards] == [3, 3, 3]


def test_durations_of_trials_that_are_not_planned_do_not_matter() -> None:
    planned = trials(5)
    took = dict.fromkeys(planned[:3], 1.0)
    more = {**took, Trial("family/gone", "", "mine"): 99.0, Trial("family/s4", "", "other"): 99.0}
    assert split(planned, 2, more) == split(planned, 2, took)


def test_durations_are_the_seconds_that_results_took() -> None:
    one = result("one")
    two = replace(result("two"), exit=replace(result().exit, seconds=2.5))
    assert durations(Record({}, (one, two), {})) == {one.trial: 0.25, two.trial: 2.5}


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[Trial], int, dict[Trial, float]]:
    planned = trials(draw(st.integers(0, 40)))
    took = {
        each: draw(st.floats(0, 100))
        for each in planned
        if draw(st.booleans() | st.just(value=True))
    }
    return planned, draw(st.integers(1, 9)), took


@BOUNDED
@given(plans())
def test_every_trial_is_in_exactly_one_shard_in_the_order_of_the_plan(
    drawn: tuple[list[Trial], int, dict[Trial, float]],
) -> None:
    planned, of, took = drawn
    shards = split(planned, of, took)
    assert len(shards) == of
    assert sorted((t for shard in shards for t in shard), key=planned.index) == planned
    for shard in shards:
        assert list(shard) == sorted(shard, key=planned.index)


@BOUNDED
@given(plans(), st.randoms(use_true_random=False))
def test_a_split_does_not_depend_on_the_order_of_plan_and_durations(
    drawn: tuple[list[Trial], int, dict[Trial, float]], draws: random.Random
) -> None:
    planned, of, took = drawn
    shuffled = draws.sample(planned, len(planned))
    others = dict(draws.sample(list(took.items()), len(took)))
    assert [set(shard) for shard in split(shuffled, of, others)] == [
        set(shard) for shard in split(planned, of, took)
    ]


@BOUNDED
@given(plans())
def test_no_shard_has_more_to_do_than_another_by_more_than_one_trial(
    drawn: tuple[list[Trial], int, dict[Trial, float]],
) -> None:
    """The bound of list scheduling, so also: none has more than its share and one trial."""
    planned, of, took = drawn
    costs = {each: max(took[each], LEAST) for each in took}
    whole = [each for each in planned if each in costs]
    loads = [sum(costs[each] for each in shard) for shard in split(whole, of, took)]
    longest = max(costs.values(), default=0.0)
    assert max(loads) - min(loads) <= longest + 1e-6
    assert max(loads) <= sum(loads) / of + longest * (1 - 1 / of) + 1e-6


@BOUNDED
@given(plans())
def test_no_shard_is_empty_while_there_are_enough_trials(
    drawn: tuple[list[Trial], int, dict[Trial, float]],
) -> None:
    planned, of, took = drawn
    assert all(split(planned, of, took)) or len(planned) < of


# what a request makes of it


def options(**given: object) -> Mapping[str, object]:
    return {**dict.fromkeys(OPTIONS), "strict": False, **given}


def test_a_request_for_a_shard_takes_its_part_of_what_is_selected() -> None:
    planned = trials(7)
    parts = [
        begin(options(shard=f"{n}/3", implementation=["eager"])).portion(planned) for n in (1, 2, 3)
    ]
    assert tuple(parts) == split(planned, 3, {})
    assert Request(()).portion(planned) == tuple(planned)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"shard": "4/3"}, "'4/3' is no shard"),
        ({"durations": "record.jsonl"}, "give --shard too"),
        ({"shard": "1/2", "durations": "LICENSE"}, "LICENSE is no record"),
        ({"shard": "1/2", "durations": "nope"}, "nope cannot be read"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises((RequestError, ShardError, RecordError), match=said):
        begin(options(implementation=["eager"], **given))


# real runs

SOME = ("autocast/*", "aliasing/one*", "recompiles/call_method_is_rebound*")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        touchstone("run", *arguments, "--implementation=eager"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The records of two shards, the second balanced like the first, run by two workers."""
    folder = tmp_path_factory.mktemp("shards")
    for number, workers in (1, "0"), (2, "2"):
        ran = run(*SOME, f"--shard={number}/2", f"-n{workers}", f"-o{folder / str(number)}")
        assert ran.returncode == 0, ran.stdout + ran.stderr
    return [folder / number / "record.jsonl" for number in ("1", "2")]


def test_the_header_says_which_part_of_which_plan_it_is(shards: list[Path]) -> None:
    headers = [read(path).header for path in shards]
    assert [(each["shard"]["number"], each["shard"]["of"]) for each in headers] == [(1, 2), (2, 2)]
    (digest,) = {each["shard"]["plan_digest"] for each in headers}
    for each in headers:
        whole = [Trial(**trial) for trial in each["shard"]["plan"]]
        assert plan.digest(whole) == digest
        own = [Trial(**trial) for trial in each["plan"]]
        assert tuple(own) == split(whole, 2, {})[each["shard"]["number"] - 1]
        assert each["plan_digest"] == plan.digest(own) != digest
        assert {t.scenario for t in own} == set(each["scenarios"])
        assert {t.scenario for t in whole} == {*each["scenarios"], *each["shard"]["scenarios"]}


def test_every_trial_of_a_real_plan_ran_in_exactly_one_shard(shards: list[Path]) -> None:
    records = [read(path) for path in shards]
    whole = {Trial(**trial) for trial in records[0].header["shard"]["plan"]}
    ran = [each.trial for record in records for each in record.results]
    assert len(ran) == len(whole)
    assert set(ran) == whole
    assert len(whole) >= 5


def test_the_lines_of_a_shard_fit_the_schema(shards: list[Path]) -> None:
    schema = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    for row in shards[0].read_text(encoding="utf-8").splitlines():
        assert [error.message for error in schema.iter_errors(json.loads(row))] == []


def test_the_shards_of_a_real_run_merge_into_a_record_that_serves_as_durations(
    shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["merge", *map(str, shards), "-o", str(tmp_path)]) == 0
    assert "whole: each of the " in capsys.readouterr().out
    merged = read(tmp_path / "record.jsonl")
    took = durations(merged)
    assert set(took) == set(merged.planned)
    asked = options(shard="1/2", durations=str(tmp_path / "record.jsonl"), implementation=["eager"])
    assert begin(asked).portion(merged.planned) == split(merged.planned, 2, took)[0]


def test_a_shard_without_a_trial_is_no_success(tmp_path: Path) -> None:
    ran = run("aliasing/one*", "--shard=9/9", "-n0", f"-o{tmp_path / 'out'}")
    assert ran.returncode == 5, ran.stdout
    assert "no trial is in shard 9/9; select more, or make fewer shards" in ran.stderr
    assert not (tmp_path / "out").exists()


# how many there are, before anything is collected


@pytest.mark.parametrize(
    ("patterns", "nodes", "few"),
    [
        ((), ["conformance"], False),
        ((), ["conformance/cases/aliasing.py::kept_results_stay"], True),
        ((), ["conformance/cases/aliasing.py::kept_results_stay", "conformance/cases"], False),
        (("aliasing/kept_results_stay",), ["conformance"], True),
        (("aliasing/kept_results_stay", "recompiles/*"), ["conformance"], False),
    ],
)
def test_few_trials_are_known_before_they_are_collected(
    patterns: Sequence[str], nodes: Sequence[str], *, few: bool
) -> None:
    assert are_few(begin(options(implementation=["eager"])), patterns, nodes) is few


def test_what_is_left_of_a_run_may_be_few() -> None:
    left = (Trial("aliasing/kept_results_stay", "", "eager"),)
    request = begin(options(implementation=["eager"]))
    assert are_few(replace(request, remaining=left), (), ["conformance"])
    assert not are_few(replace(request, remaining=left * 99), (), ["conformance"])
