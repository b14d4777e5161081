"""Whole runs, as a user starts them: through pytest and through the command, with and without xdist."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import ANY

import pytest
from conftest import HANGS, ROOT, comes_true, touchstone

from conformance.exits import USAGE
from harness import catalog
from harness.judge import fails
from harness.model import Verdict
from harness.record import Record, read
from reports import table

SOME = "recompiles/call_method_is_rebound*"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=HANGS, check=False
    )


def under_pytest(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run(
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--second-look=0",
        *arguments,
    )


def profile(folder: Path, name: str, *, alone: bool = False, **more: object) -> str:
    """A profile of a backend in faults.py, with a zygote of its own if `alone`; its path."""
    lines = [f'name = "{name}"', f'backend = "faults:{name}"']
    lines += [f"{key} = {json.dumps(value)}" for key, value in more.items()]
    lines += [
        "[environ]",
        f'PYTHONPATH = "{Path(__file__).parent}"',
        f'ALONE = "{name if alone else ""}"',
    ]
    file = folder / f"{name}.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return str(file)


def assert_whole(record: Record) -> None:
    """Every planned trial has exactly one result."""
    done = [result.trial for result in record.results]
    assert sorted(t.id for t in done) == sorted(t.id for t in record.planned)
    assert len(set(done)) == len(done)


def verdicts(record: Record, implementation: str) -> set[Verdict]:
    return {r.judgement.verdict for r in record.results if r.trial.implementation == implementation}


def test_a_node_id_without_a_cell_runs_all_cells_of_a_scenario(tmp_path: Path) -> None:
    ran = under_pytest(
        "conformance/cases/recompiles.py::call_method_is_rebound",
        "--implementation=eager",
        f"--report={tmp_path}",
    )
    assert ran.returncode == 0, ran.stdout
    assert "2 passed" in ran.stdout
    record = read(tmp_path / "record.jsonl")
    assert_whole(record)
    assert f"report: {tmp_path / 'index.html'}" in ran.stdout


def test_a_node_id_with_a_cell_and_k_choose_like_anywhere_in_pytest(tmp_path: Path) -> None:
    one = under_pytest(
        "conformance/cases/recompiles.py::call_method_is_rebound[eager-dynamic=True]",
        f"--report={tmp_path}",
    )
    assert "1 passed" in one.stdout, one.stdout
    chosen = under_pytest(
        "conformance/",
        "--collect-only",
        "-k",
        "call_method_is_rebound and aot_eager",
        f"--report={tmp_path}",
    )
    assert re.search(r"\b2/\d{3,} tests collected", chosen.stdout), chosen.stdout


def test_what_stands_after_two_dashes_goes_to_pytest(tmp_path: Path) -> None:
    for select, found in ("modules/*", "modules.py::"), ("", "2/"):
        asked = [*filter(None, [select]), "--implementation=eager", f"-o{tmp_path}"]
        ran = run(*touchstone("run", *asked, "--", "--collect-only", "-q", "-k", "mode_is_toggled"))
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert found in ran.stdout
    refused = run(*touchstone("list", "--", "-q"))
    assert refused.returncode == USAGE
    assert (
        "only `touchstone run` passes on what stands after `--`, to pytest; found -q"
        in refused.stderr
    )


@pytest.mark.long
def test_lf_runs_what_failed_last_time_and_nothing_else(tmp_path: Path) -> None:
    asked = [f"--implementation={profile(tmp_path, 'wrong')}", f"--report={tmp_path}", "-q"]
    asked += ["-o", f"cache_dir={tmp_path / 'cache'}", "--second-look=0"]
    first = run(sys.executable, "-m", "pytest", "conformance/cases/autocast.py", *asked)
    assert "2 failed" in first.stdout, first.stdout
    both = ["conformance/cases/autocast.py", "conformance/cases/modules.py", "--lf"]
    again = run(sys.executable, "-m", "pytest", *both, *asked)
    assert "2 failed" in again.stdout, again.stdout
    assert "passed" not in again.stdout.splitlines()[-2]


@pytest.mark.long
def test_xdist_workers_and_one_process_make_the_same_record(tmp_path: Path) -> None:
    stories = []
    for workers in "0", "2":
        ran = run(
            *touchstone(
                "run",
                "modules/*",
                "autocast/*",
                "aliasing/k*",
                "--implementation=eager",
                f"-n{workers}",
                f"-o{tmp_path / workers}",
            )
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        record = read(tmp_path / workers / "record.jsonl")
        assert_whole(record)
        stories.append({r.trial: r.exit.observation.story for r in record.results})
    assert stories[0] == stories[1]
    assert len(stories[0]) >= 8


def test_a_fault_costs_its_own_trials_and_no_others(tmp_path: Path) -> None:
    """Killed children, hangs, killed zygotes: the others go on, and every planned trial has a result."""
    ran = run(
        *touchstone("run", SOME, f"-o{tmp_path}", "-n2", "--time-limit=120"),
        *(f"--implementation={profile(tmp_path, name)}" for name in ("segfault", "honest")),
        f"--implementation={profile(tmp_path, 'hang', time_factor=0.1)}",
        f"--implementation={profile(tmp_path, 'kill_zygote', alone=True)}",
        "--implementation=eager",
    )
    record = read(tmp_path / "record.jsonl")
    assert_whole(record)
    assert verdicts(record, "segfault") == {Verdict.CRASH}
    assert verdicts(record, "hang") == {Verdict.TIMEOUT}
    assert verdicts(record, "kill_zygote") == {Verdict.BUG}
    assert verdicts(record, "honest") == verdicts(record, "eager") == {Verdict.PASS}
    assert ran.returncode == 3, ran.stdout
    assert "CRASH recompiles/call_method_is_rebound" in ran.stdout


def written(folder: Path, name: str, text: str) -> str:
    """A profile with this text; the option that asks for it."""
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return f"--implementation={folder / name}.toml"


def test_implementations_that_cannot_run_are_errors_and_the_others_go_on(tmp_path: Path) -> None:
    """No environment, interpreter, fitting CPU or module, death at import: their failure, never our bug."""
    (tmp_path / "dies.py").write_text("import os; os.abort()", encoding="utf-8")
    ran = subprocess.run(
        [
            *touchstone("run", SOME, "autocast/*", f"-o{tmp_path / 'out'}", "-n2"),
            written(tmp_path, "unmade", 'extends = "eager"\nrequires = ["./no-such-wheel.whl"]'),
            written(tmp_path, "gone", 'extends = "eager"\npython = "/nope/python"'),
            written(tmp_path, "unfit", 'extends = "eager"\ncpu = ["Z VECTOR", "VSX"]'),
            written(tmp_path, "missing", 'backend = "no.such:thing"\nclaims = []'),
            written(
                tmp_path,
                "dies",
                f'backend = "eager"\nmodules = ["dies"]\nenviron = {{ PYTHONPATH = "{tmp_path}" }}',
            ),
            "--implementation=eager",
        ],
        cwd=ROOT,
        env={**os.environ, "TOUCHSTONE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    record = read(tmp_path / "out/record.jsonl")
    assert_whole(record)
    assert {
        name: {
            (r.judgement.verdict, r.judgement.phase) for r in record.results if name in r.trial.id
        }
        for name in ("unmade", "gone", "unfit", "missing", "dies", "@ eager")
    } == {
        "unmade": {(Verdict.ERROR, "environment")},
        "gone": {(Verdict.ERROR, "environment")},
        "unfit": {(Verdict.ERROR, "environment")},
        "missing": {(Verdict.ERROR, "import")},
        "dies": {(Verdict.CRASH, "")},
        "@ eager": {(Verdict.PASS, "")},
    }
    assert "cannot run: unmade, 4 trials" in ran.stdout
    assert "its environment is broken: " in ran.stdout
    assert "died of SIGABRT, while it was imported" in ran.stdout
    assert "look: touchstone doctor" in ran.stdout
    header = record.header["implementations"]
    assert header["gone"]["fingerprint"] == {"torch": "unknown", "python": "unknown"}
    assert header["unfit"]["fingerprint"] == header["eager"]["fingerprint"] | {"pid": ANY}
    assert (
        "'unfit' does its work on a CPU with Z VECTOR or VSX alone, and torch finds" in ran.stdout
    )


@pytest.mark.long
def test_tolerances_of_a_profile_decide_how_close_values_must_be(tmp_path: Path) -> None:
    for absolute, verdict in (0.5, Verdict.FAIL), (1.5, Verdict.PASS):
        wrong = profile(tmp_path, "wrong", tolerances={"float32": [0.0, absolute]}, claims=[])
        text = Path(wrong).read_text().replace('{"float32":', "{ float32 =")
        Path(wrong).write_text(text)
        chosen = "aliasing/kept_results_stay"
        run(*touchstone("run", chosen, "-n0", f"-o{tmp_path}", f"--implementation={wrong}"))
        assert verdicts(read(tmp_path / "record.jsonl"), "wrong") == {verdict}


def begun(running: subprocess.Popen[str], folder: Path, number: int) -> str:
    """What a run has written there, once that has so many results; the run has not ended."""
    text = ""

    def is_there() -> bool:
        nonlocal text
        with contextlib.suppress(FileNotFoundError):  # it ends in this moment
            text = "".join(part.read_text() for part in folder.glob("record.jsonl.*.part"))
        return text.count('"record":"result"') >= number

    assert comes_true(lambda: is_there() or running.poll() is not None, HANGS)
    assert text.count('"record":"result"') >= number, running.communicate(timeout=HANGS)[0]
    return text


def zygote_at_work(running: subprocess.Popen[str], folder: Path, number: int) -> int:
    """The process whose forks are the trials on eager of a run that writes there, once it has so many results."""
    header = json.loads(begun(running, folder, number).splitlines()[0])
    pid: int = header["implementations"]["eager"]["fingerprint"]["pid"]
    return pid


def test_killing_the_zygote_by_hand_in_mid_run_loses_at_most_the_trials_in_flight(
    tmp_path: Path,
) -> None:
    running = subprocess.Popen(
        [*touchstone("run", "recompiles/*", "--implementation=eager", "-n2", f"-o{tmp_path}")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.kill(zygote_at_work(running, tmp_path, 10), signal.SIGKILL)
    output, _ = running.communicate(timeout=HANGS)
    record = read(tmp_path / "record.jsonl")
    assert_whole(record)
    lost = [r for r in record.results if r.judgement.verdict is Verdict.BUG]
    assert len(lost) <= 2, [r.judgement.reason for r in lost]
    assert {r.judgement.verdict for r in record.results} <= {Verdict.PASS, Verdict.BUG}
    assert running.returncode == (3 if lost else 0), output


def draw(seed: str, number: int) -> list[str]:
    """Trials of scenarios drawn from the catalog, one of each; .ci/run does all of them."""
    draws = random.Random(seed)  # noqa: S311 - a sample, not a secret
    drawn = [(e, draws.choice(catalog.variants(e))) for e in draws.sample(catalog.read(), number)]
    return [f"{entry.id}[{variant.id}]" if variant.id else entry.id for entry, variant in drawn]


#: How trials end on an implementation that has nothing to hide.
EXPECTED = {Verdict.PASS, Verdict.IMPROVED, Verdict.XFAIL, Verdict.UNSUPPORTED}


@pytest.mark.long
@pytest.mark.parametrize(("isolation", "number", "seed"), [("fork", 12, "1"), ("spawn", 3, "2")])
def test_trials_in_random_order_tell_the_stories_that_conform(
    tmp_path: Path, isolation: str, number: int, seed: str
) -> None:
    ran = run(
        *touchstone("run", *draw(seed, number), "--implementation=eager"),
        *(f"--isolation={isolation}", f"--shuffle={seed}", f"-o{tmp_path}"),
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    record = read(tmp_path / "record.jsonl")
    assert_whole(record)
    assert len(record.results) == number
    assert verdicts(record, "eager") <= EXPECTED
    assert [r.trial for r in record.results] != sorted(record.planned, key=lambda t: t.id)


def test_no_process_of_the_near_side_imports_torch(tmp_path: Path) -> None:
    spy = tmp_path / "spy"
    spy.mkdir()
    (spy / "sitecustomize.py").write_text(
        "import atexit, os, pathlib, sys\n"
        f"atexit.register(lambda: pathlib.Path({str(spy)!r}, str(os.getpid())).write_text("
        "str('torch' in sys.modules) + ' ' + ' '.join(sys.argv)))\n"
    )
    ran = subprocess.run(
        [
            *touchstone("run", SOME, "autocast/*", "-n2", f"-o{tmp_path / 'out'}"),
            f"--implementation={profile(tmp_path, 'honest')}",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(spy)},
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    seen = [file.read_text() for file in spy.iterdir() if file.name.isdigit()]
    assert len(seen) >= 3, "the controller and two workers"
    assert not [each for each in seen if each.startswith("True")], seen


def test_unsupported_needs_are_skipped_with_their_reason_and_nothing_applicable_is_no_success(
    tmp_path: Path,
) -> None:
    unable = profile(tmp_path, "wrong", claims=["fullgraph"])
    ran = run(
        *touchstone("run", "autocast/*", "-n0", f"-o{tmp_path}", f"--implementation={unable}")
    )
    record = read(tmp_path / "record.jsonl")
    assert verdicts(record, "wrong") == {Verdict.UNSUPPORTED}
    assert ran.returncode == 5, ran.stdout
    assert "needs autocast, which is not claimed" in ran.stdout
    assert "none of 2 trials was applicable, so nothing was judged" in ran.stderr
    counts = table.count(record.results)
    assert all(count.passed == count.applicable == 0 < count.total for count in counts.values())


def test_a_broken_promise_shows_both_stories_the_reason_and_the_command_that_reruns_it(
    tmp_path: Path,
) -> None:
    wrong = profile(tmp_path, "wrong")
    ran = run(
        *touchstone(
            "run", "autocast/ambient_dtype", "-n0", f"-o{tmp_path}", f"--implementation={wrong}"
        )
    )
    assert ran.returncode == 1
    assert "- call 1: compiles, 1 op, equals eager" in ran.stdout
    assert "+ call 1: compiles, 1 op, differs from eager in value of result" in ran.stdout
    command = re.search(r"rerun: (touchstone run .*)", ran.stdout)
    assert command is not None
    assert command[1].split()[2] == "autocast/ambient_dtype"
    record = read(tmp_path / "record.jsonl")
    (result,) = record.results
    assert fails(result.judgement)
    differences = result.exit.observation.evidence[0]["differences"]
    assert differences[0]["property"] == "value"


def test_the_report_can_be_made_again_from_the_record_alone(tmp_path: Path) -> None:
    ran = run(
        *touchstone("run", "aliasing/one*", "-n0", "--implementation=eager", f"-o{tmp_path / 'a'}")
    )
    again = run(*touchstone("report", str(tmp_path / "a/record.jsonl"), "-o", str(tmp_path / "b")))
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "a/index.html").read_text() == (tmp_path / "b/index.html").read_text()
    assert again.stdout.split("report:")[0].strip() in ran.stdout


def test_records_of_two_implementations_make_one_report(tmp_path: Path) -> None:
    for name in "eager", "aot_eager":
        run(
            *touchstone(
                "run", "aliasing/one*", "-n0", f"--implementation={name}", f"-o{tmp_path / name}"
            )
        )
    records = [str(tmp_path / name / "record.jsonl") for name in ("eager", "aot_eager")]
    ran = run(*touchstone("report", *records, "-o", str(tmp_path / "both")))
    assert ran.returncode == 0, ran.stderr
    assert "eager" in ran.stdout
    assert "2 trials: 2 pass" in ran.stdout
    twice = run(*touchstone("report", records[0], records[0], "-o", str(tmp_path / "no")))
    assert twice.returncode == 4
    assert "two records have results of eager" in twice.stderr
    assert not (tmp_path / "no").exists()


BAD: Sequence[tuple[list[str], int, str]] = [
    (
        ["run", "--implementation=egger"],
        4,
        "there is no implementation 'egger'; did you mean 'eager'?",
    ),
    (["run", "--implementation=nope.toml"], 4, "the profile 'nope.toml' does not exist"),
    (["run", "-n0", "--implementation=no.such:thing"], 4, "No module named 'no'"),
    (
        ["run", "-n0", "--implementation=math:nothing"],
        4,
        "module 'math' has no attribute 'nothing'",
    ),
    (["run", "--time-limit=0"], 4, "--time-limit is 0.0; give a number of seconds above 0"),
    (["run", "--memory-limit=0"], 4, "--memory-limit is 0.0; give a number of GiB above 0"),
    (
        ["run", "-n0", "--implementation=eager", "-oLICENSE"],
        4,
        "the report cannot be written into LICENSE: LICENSE is no folder; name another folder",
    ),
    (["run", "-n-1"], 4, "'-1' is no number of processes; give 0, 1, 2 or so, or auto"),
    (["run", "nothing/*"], 4, "no scenario matches 'nothing/*'"),
    (["run", "aliasin/*"], 4, "did you mean aliasing"),
    (["run", "--isolation=magic"], 4, "invalid choice: 'magic'"),
    (["list", "--family=nope"], 4, "there is no family 'nope'; there are ahead_of_time"),
    (["list", "nope"], 4, "no scenario is like that"),
    (["show", "recompiles/sizes_become"], 4, "did you mean recompiles/sizes_become_dynamic"),
    (["report", "nope.jsonl", "-oX"], 4, "nope.jsonl cannot be read: No such file"),
    (["report", "LICENSE", "-oX"], 4, "LICENSE is no record"),
    (["run", "--matrix=nope"], 4, "there is no matrix 'nope'"),
    (["doctor", "eager", "--time-limit=-1"], 4, "'-1' is no time limit; give a number of seconds"),
    (["doctor", "egger"], 4, "did you mean 'eager'?"),
    (["doctor", "nope.toml"], 4, "the profile 'nope.toml' does not exist"),
    (["implementations", "egger"], 4, "did you mean 'eager'?"),
    (["environments", "--remove=nope"], 4, "there is no environment 'nope'"),
    (["nonsense"], 4, "invalid choice: 'nonsense'"),
    ([], 4, "the following arguments are required"),
]


@pytest.mark.parametrize(("arguments", "code", "sentence"), BAD, ids=lambda each: str(each)[:40])
def test_bad_input_gets_one_sentence_an_exit_code_and_leaves_nothing(
    tmp_path: Path, arguments: list[str], code: int, sentence: str
) -> None:
    where = (
        [f"-o{tmp_path / 'out'}"]
        if arguments[:1] == ["run"] and "-oLICENSE" not in arguments
        else []
    )
    ran = run(*touchstone(*arguments, *where))
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert sentence in " ".join(ran.stderr.split())
    assert "Traceback" not in ran.stderr + ran.stdout
    assert not (tmp_path / "out").exists()


def test_selecting_nothing_is_said_and_is_no_success(tmp_path: Path) -> None:
    ran = under_pytest("conformance/", "-k", "nothing_like_this", f"--report={tmp_path / 'out'}")
    assert ran.returncode == 5
    assert "no trial was selected; `touchstone list` shows what there is" in ran.stderr
    assert not (tmp_path / "out").exists()


def test_the_last_line_of_a_run_names_the_page(tmp_path: Path) -> None:
    ran = run(*touchstone("run", "autocast/*", "--implementation=eager", f"-o{tmp_path}"))
    assert ran.stdout.strip().splitlines()[-1] == f"report: {tmp_path / 'index.html'}"


def test_a_truncated_record_is_refused_by_name_and_nothing_is_half_written(tmp_path: Path) -> None:
    run(*touchstone("run", "aliasing/one*", "-n0", "--implementation=eager", f"-o{tmp_path}"))
    path = tmp_path / "record.jsonl"
    whole = path.read_text().splitlines(keepends=True)
    path.write_text("".join(whole[:-1]))
    ran = run(*touchstone("report", str(path), "-o", str(tmp_path / "out")))
    assert ran.returncode == 4
    assert "is truncated: it has no footer and 1 of 1 planned results" in ran.stderr
    assert not (tmp_path / "out").exists()


def test_list_and_show_answer_without_running_anything() -> None:
    listed = run(*touchstone("list", "recompiles/*", "--json"))
    found = json.loads(listed.stdout)["scenarios"]
    assert {each["id"].partition("/")[0] for each in found} == {"recompiles"}
    shown = run(*touchstone("show", "aliasing/one_argument_becomes_two"))
    assert "A graph compiled for one tensor passed twice" in shown.stdout
    assert "call 1: compiles, 2 ops" in shown.stdout
    assert "def one_argument_becomes_two(s: Subject)" in shown.stdout


def test_implementations_are_listed_for_people_and_for_programs() -> None:
    shown = run(*touchstone("implementations"))
    assert re.search(r"^inductor-2.15 +\S.* inductor +all$", shown.stdout, re.MULTILINE), (
        shown.stdout
    )
    listed = json.loads(run(*touchstone("implementations", "eager", "--json")).stdout)
    assert [(each["name"], each["state"], each["environment"]) for each in listed] == [
        ("eager", "ready", "this one")
    ]


@pytest.mark.parametrize(
    "command",
    [
        *(
            "",
            "run",
            "list",
            "show",
            "report",
            "accept",
            "summary",
            "diff",
            "known",
            "exchange",
            "merge",
        ),
        *("implementations", "doctor", "environments"),
    ],
)
def test_every_command_has_help_with_examples(command: str) -> None:
    ran = run(*touchstone(*([command] if command else []), "--help"))
    assert ran.returncode == 0
    assert ("examples:" in ran.stdout) == bool(command)
    own = ("", "run", "accept", "diff", "exchange", "doctor", "merge")
    assert ("exit codes:" in ran.stdout) == (command in own)
