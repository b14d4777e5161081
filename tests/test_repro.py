"""Exported trials: a file that needs only torch and the implementation sees what Touchstone saw."""

from __future__ import annotations

import ast
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import HANGS, Try, fault, touchstone
from mutants import declared

from conformance.header import suite
from harness import catalog, implementations
from harness.environment import profile
from harness.model import Implementation, Result, Verdict
from harness.record import Record
from reports.repro import Repro, ReproError, compose, runtime

ENTRIES = catalog.read()
MUTANTS = declared.read()


def recorded(result: Result, implementation: Implementation, **more: object) -> Record:
    """A record of one result, with what a file takes from a record."""
    scenarios = {each.id: {"source": each.source} for each in ENTRIES}
    fingerprint = {"torch": "2.13.0+cpu", "python": "3.11.7", "platform": "Linux", "packages": {}}
    header = {
        "suite": suite(ENTRIES),
        "time_limit": 60.0,
        "memory_limit": 0,
        "scenarios": scenarios,
        "implementations": {
            implementation.name: {"profile": profile(implementation), "fingerprint": fingerprint}
        },
        **more,
    }
    return Record(header=header, results=(result,), footer={})


def run(made: Repro, folder: Path) -> tuple[int, str]:
    """What an exported file ends with and prints, in a folder and environment that know nothing of this project."""
    file = folder / made.name
    file.write_text(made.text, encoding="utf-8")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    ran = subprocess.run(
        [sys.executable, "-I", str(file)],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert not ran.stderr, ran.stderr
    return ran.returncode, ran.stdout


# One of each kind of event, and of each way to end: the mutant, the scenario, and a line that tells what happened.
DEVIATIONS = [
    ("off_by_a_thousandth", "aliasing/kept_results_stay", "differs from eager in value of result"),
    ("in_one_buffer", "aliasing/kept_results_stay", "mutates result_1"),
    ("RecompilesTwice", "aliasing/kept_results_stay", "+ call 2: compiles"),
    (
        "falls_back",
        "recompiles/wrappers_share_a_history",
        "compilations gave back the captured graph instead",
    ),
    ("refuses_symbols", "recompiles/wrappers_share_a_history", "NotImplementedError"),
    ("ReplacesGradients", "compiled_autograd/accumulation_is_another_graph", "captures a backward"),
    ("LosesDefaults", "ahead_of_time/default_argument_round_trip", "load: succeeds"),
    (
        "wrong_gradient",
        "ahead_of_time_artefacts/loaded_module_trains",
        "+ gradients of step 1: differs",
    ),
    ("ForgetsWhatIsWritten", "comptime/read_and_extend", "ops"),
    ("PrintsNoStack", "comptime_print/backtrace", "- stack"),
    ("imports_the_translator", "fresh_interpreters/imports_bring_no_translator", "translators"),
    ("ResetsNothing", "autograd_api/reset_drops_captures", "reset"),
    ("crashes_compiling", "aliasing/one_argument_becomes_two", "+ the process died of SIGSEGV"),
]


@pytest.mark.parametrize(("name", "scenario", "says"), DEVIATIONS)
def test_a_deviation_is_seen_outside(
    attempt: Try, tmp_path: Path, name: str, scenario: str, says: str
) -> None:
    implementation = MUTANTS.named(name).implementation
    result = attempt(implementation, scenario)
    assert not result.judgement.verdict.conforms
    status, said = run(compose(recorded(result, implementation), result, ENTRIES), tmp_path)
    assert "REPRODUCED: not what conforms, and just what was recorded." in said
    assert says in said
    assert status == 1


@pytest.mark.long
def test_a_program_that_does_not_end_is_ended(attempt: Try, tmp_path: Path) -> None:
    implementation = fault("hang")
    result = attempt(implementation, time_limit=12)
    assert result.judgement.verdict is Verdict.TIMEOUT
    record = recorded(result, implementation, time_limit=12.0)
    status, said = run(compose(record, result, ENTRIES), tmp_path)
    assert "+ still running at the time limit" in said
    assert "\nREPRODUCED" in said
    assert status == 1


@pytest.mark.parametrize(
    "scenario",
    [
        "comptime/once_per_compilation",
        "ahead_of_time/function_round_trip",
        pytest.param("objects/attribute_is_shadowed", marks=pytest.mark.long),
        pytest.param("aliasing/cached_graph_is_for_its_aliases", marks=pytest.mark.long),
        pytest.param("export/exported_option_is_fixed", marks=pytest.mark.long),
        "distributed/ranks_see_different_sizes",
    ],
)
def test_what_conforms_says_so(attempt: Try, tmp_path: Path, scenario: str) -> None:
    implementation = implementations.find("eager")
    result = attempt(implementation, scenario)
    assert result.judgement.verdict is Verdict.PASS
    status, said = run(compose(recorded(result, implementation), result, ENTRIES), tmp_path)
    assert said.endswith("CONFORMS.\n")
    assert status == 0


def test_what_does_not_show_any_more_is_said(attempt: Try, tmp_path: Path) -> None:
    healthy = MUTANTS.named("off_by_a_thousandth").healthy
    spoilt = MUTANTS.named("off_by_a_thousandth").implementation
    result = attempt(spoilt, "aliasing/kept_results_stay")
    record = recorded(result, dataclasses.replace(healthy, name=spoilt.name))
    status, said = run(compose(record, result, ENTRIES), tmp_path)
    assert "NOT REPRODUCED: this is what conforms." in said
    assert status == 0


def test_another_deviation_than_the_recorded_one_is_told_from_it(
    attempt: Try, tmp_path: Path
) -> None:
    spoilt = MUTANTS.named("off_by_a_thousandth").implementation
    other = MUTANTS.named("other_dtype").implementation
    result = attempt(spoilt, "aliasing/kept_results_stay")
    record = recorded(result, dataclasses.replace(other, name=spoilt.name))
    status, said = run(compose(record, result, ENTRIES), tmp_path)
    assert "dtype of result" in said
    assert "DEVIATES: neither what conforms nor what was recorded" in said
    assert status == 1


def test_an_implementation_that_is_not_there_is_said(attempt: Try, tmp_path: Path) -> None:
    spoilt = MUTANTS.named("off_by_a_thousandth").implementation
    result = attempt(spoilt, "aliasing/kept_results_stay")
    absent = dataclasses.replace(spoilt, backend="no_such_module:compile")
    status, said = run(compose(recorded(result, absent), result, ENTRIES), tmp_path)
    assert "raised ModuleNotFoundError (import)" in said
    assert "No module named 'no_such_module'" in said
    assert "NOTHING CAN BE SAID: the implementation cannot be imported here" in said
    assert "DEVIATES" not in said
    assert status == 3


def test_a_machine_that_is_too_slow_is_told_from_a_deviation(attempt: Try, tmp_path: Path) -> None:
    hangs = fault("hang")
    result = attempt(implementations.find("eager"))
    result = dataclasses.replace(
        result, trial=dataclasses.replace(result.trial, implementation=hangs.name)
    )
    record = recorded(result, hangs, time_limit=12.0)
    status, said = run(compose(record, result, ENTRIES), tmp_path)
    assert "NOTHING CAN BE SAID: it was still running after 12 s" in said
    assert status == 3


def test_texts_of_a_record_stay_texts(attempt: Try) -> None:
    implementation = MUTANTS.named("off_by_a_thousandth").implementation
    result = attempt(implementation, "aliasing/kept_results_stay")
    evil = "x\n\"\"\"'''\\\r\nimport os; os.abort()\x0c\u2028os.abort()"
    judgement = dataclasses.replace(result.judgement, reason=evil)
    hostile = dataclasses.replace(
        implementation, homepage=evil, options={evil: evil}, requires=(evil,)
    )
    record = recorded(dataclasses.replace(result, judgement=judgement), hostile)
    record.header["suite"]["version"] = evil
    tree = ast.parse(compose(record, record.results[0], ENTRIES).text)
    calls = {
        each.func.attr
        for each in ast.walk(tree)
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute)
    }
    assert "abort" not in calls


@pytest.mark.parametrize("adapter", ["", "conformance.adapters.thunder_jit:ThunderJit", "mine:Own"])
def test_a_file_carries_all_that_it_imports_of_ours(adapter: str) -> None:
    text = runtime(Implementation("one", adapter=adapter, modules=("conformance.devices.paper",)))
    carried: dict[str, str] = ast.literal_eval(text.removeprefix("RUNTIME = "))
    names = {
        file.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for file in carried
    }
    for file, source in carried.items():
        for each in ast.walk(ast.parse(source, file)):
            if (
                isinstance(each, ast.ImportFrom)
                and (each.module or "").partition(".")[0] == "harness"
            ):
                whole = {f"harness.{alias.name}" for alias in each.names}
                assert (whole if each.module == "harness" else {each.module}) <= names, file
    assert "harness.ranks" in names


def test_a_record_of_another_catalog_is_refused(attempt: Try) -> None:
    implementation = MUTANTS.named("off_by_a_thousandth").implementation
    result = attempt(implementation, "aliasing/kept_results_stay")
    record = recorded(
        result, implementation, scenarios={"aliasing/kept_results_stay": {"source": "old"}}
    )
    with pytest.raises(ReproError, match="another aliasing/kept_results_stay than this catalog"):
        compose(record, result, ENTRIES)


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        touchstone("repro", *arguments),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=HANGS,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        check=False,
    )


def test_the_command_runs_the_trial_and_names_the_file(tmp_path: Path) -> None:
    ran = command(tmp_path, "bindings/builtin_is_shadowed", "--implementation", "eager")
    assert ran.returncode == 0, ran.stderr
    [file] = tmp_path.glob("*.py")
    assert ran.stdout == f"{file.name}\n"
    assert "bindings/builtin_is_shadowed @ eager: xfail" in ran.stderr
    claim = next(each.claim for each in ENTRIES if each.id == "bindings/builtin_is_shadowed")
    assert file.read_text(encoding="utf-8").startswith(f"# {claim}\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["bindings/no_such", "--implementation", "eager"],
            "no scenario matches 'bindings/no_such'",
        ),
        (["bindings/builtin_is_shadowed"], "say which implementation, with --implementation"),
        (["bindings/builtin_is_shadowed", "--implementation", "nobody"], "nobody"),
    ],
)
def test_a_request_that_makes_no_sense_is_one_sentence(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    ran = command(tmp_path, *arguments)
    assert ran.returncode == 4
    assert says in ran.stderr
    assert ran.stderr.count("\n") == 1
