from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import comes_true

from harness import provision
from harness.environment import IsolationError, environ, interpreter
from harness.model import Implementation
from harness.provision import ProvisionError, Say

Runs = list[list[str]]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOUCHSTONE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "environments"


def wants(*requires: str, **more: object) -> Implementation:
    return Implementation("mine", backend="eager", requires=requires, **more)  # type: ignore[arg-type]


def fake(runs: Runs, status: int = 0, said: Sequence[str] = ()) -> provision.Run:
    """A venv and pip that leave what the real ones leave, or fail with some last words."""

    def run(command: Sequence[str], hear: Say) -> int:
        runs.append(list(command))
        if "venv" in command:
            scripts = Path(command[-1]) / "bin"
            scripts.mkdir(parents=True)
            (scripts / "python").symlink_to(sys.executable)
            (scripts / "tool").write_text(f"#!{scripts}/python\n")
            return 0
        for line in said:
            hear(line)
        return status

    return run


# where


def test_the_same_requirements_in_another_order_share_an_environment() -> None:
    one, other = wants("torch==2.13.0", "numpy"), wants("numpy", "torch==2.13.0", time_factor=3)
    assert provision.folder_of(one) == provision.folder_of(other)


@pytest.mark.parametrize(
    "other",
    [wants("numpy==2"), wants("numpy", "torch"), wants("numpy", indexes=("https://example.org",))],
    ids=["version", "more", "index"],
)
def test_whatever_decides_what_is_installed_makes_another_environment(
    other: Implementation,
) -> None:
    assert provision.folder_of(other) != provision.folder_of(wants("numpy"))


def test_a_wheel_that_has_changed_makes_another_environment(tmp_path: Path) -> None:
    wheel = tmp_path / "a-1-py3-none-any.whl"
    wheel.write_bytes(b"one")
    before = provision.folder_of(wants(str(wheel)))
    wheel.write_bytes(b"two")
    assert provision.folder_of(wants(str(wheel))) != before


def test_a_requirement_that_is_a_folder_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="or use `python` with an environment of your own"):
        provision.folder_of(wants(str(tmp_path)))


def test_environments_are_in_the_cache_folder_of_the_user_unless_said_otherwise(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert provision.folder_of(wants("numpy")).parent == home
    monkeypatch.delenv("TOUCHSTONE_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert provision.home() == tmp_path / "cache/touchstone/environments"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert provision.home() == tmp_path / ".cache/touchstone/environments"


def test_an_interpreter_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(ProvisionError, match="'mine' names the interpreter '/nope/python', which"):
        provision.folder_of(wants("numpy", python="/nope/python"))


# making


def test_an_environment_is_made_once_and_then_reused(home: Path) -> None:
    runs: Runs = []
    implementation = wants("numpy", "torch==2.13.0", indexes=("https://example.org/simple",))
    assert provision.find(implementation) is None
    made = provision.provision(implementation, run=fake(runs))
    assert [command[1:3] for command in runs] == [["-m", "venv"], ["-m", "pip"]]
    assert runs[1][-4:] == [
        "--extra-index-url=https://example.org/simple",
        "--",
        "numpy",
        "torch==2.13.0",
    ]
    assert (made.made, made.folder.parent, made.requires) == (
        True,
        home,
        ("numpy", "torch==2.13.0"),
    )
    again = provision.provision(implementation, run=fake(runs))
    assert (again.made, again.folder, len(runs)) == (False, made.folder, 2)
    assert provision.find(implementation) == again
    assert interpreter(implementation) == str(made.folder / "bin/python")


def test_the_programs_of_an_environment_know_its_final_place() -> None:
    made = provision.provision(wants("numpy"), run=fake([]))
    assert (made.folder / "bin/tool").read_text() == f"#!{made.folder}/bin/python\n"


def test_a_failure_keeps_the_last_words_of_pip_and_leaves_nothing(home: Path) -> None:
    said = [f"line {number}" for number in range(30)] + ["ERROR: no such thing"]
    with pytest.raises(ProvisionError) as caught:
        provision.provision(wants("nothing==1"), run=fake([], 1, said))
    first, *rest = str(caught.value).splitlines()
    assert first.startswith(
        "the environment of 'mine' cannot be made: pip install nothing==1 ended "
    )
    assert "status 1 (ERROR: no such thing); correct `requires`" in first
    assert [line.strip() for line in rest] == said[-12:]
    assert [each.suffix for each in home.iterdir()] == [".lock"]
    assert provision.environments() == []


def test_an_interruption_leaves_nothing(home: Path) -> None:
    def interrupted(command: Sequence[str], hear: Say) -> int:
        fake([])(command, hear)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        provision.provision(wants("numpy"), run=interrupted)
    assert [each.suffix for each in home.iterdir()] == [".lock"]


def test_what_a_killed_run_left_is_made_again(home: Path) -> None:
    folder = provision.folder_of(wants("numpy"))
    (folder.with_suffix(".part") / "bin").mkdir(parents=True)
    (folder.with_suffix(".part") / "left").touch()
    made = provision.provision(wants("numpy"), run=fake([]))
    assert not (made.folder / "left").exists()
    assert sorted(each.name for each in home.iterdir()) == [made.name, f"{made.name}.lock"]


def test_an_environment_whose_interpreter_has_gone_is_made_again() -> None:
    first = provision.provision(wants("numpy"), run=fake([]))
    (first.folder / "bin/python").unlink()
    assert provision.find(wants("numpy")) is None
    assert provision.provision(wants("numpy"), run=fake([])).made


def test_progress_is_what_pip_collects_and_what_it_cost() -> None:
    heard: list[str] = []
    said = ["Looking in links", "Collecting numpy", "  Downloading numpy-2.whl (18 MB)", "rest"]
    made = provision.provision(wants("numpy"), heard.append, fake([], said=said))
    assert heard[0] == f"making {made.folder} with numpy"
    assert heard[1:3] == ["Collecting numpy", "Downloading numpy-2.whl (18 MB)"]
    assert re.match(rf"made {re.escape(made.name)} in \d+ s, ", heard[3])
    assert made.bytes > 0


def test_a_second_run_waits_for_the_one_that_makes_the_environment(home: Path) -> None:
    home.mkdir(parents=True)
    folder = provision.folder_of(wants("numpy"))
    heard: list[str] = []
    runs: Runs = []
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threading.Thread(
            target=lambda: provision.provision(wants("numpy"), heard.append, fake(runs))
        )
        waiting.start()
        comes_true(lambda: heard)
        assert heard == [f"waiting for another run that makes {folder.name}"]
        assert runs == []
    waiting.join(300)
    assert len(runs) == 2


def test_a_home_that_cannot_be_written_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TOUCHSTONE_HOME", str(tmp_path / "file"))
    with pytest.raises(ProvisionError, match="set TOUCHSTONE_HOME to a folder"):
        provision.provision(wants("numpy"), run=fake([]))


# using and removing


def test_an_environment_that_has_not_been_made_is_told_how() -> None:
    with pytest.raises(IsolationError, match="has not been made; `touchstone doctor mine` makes"):
        interpreter(wants("numpy"))


def test_what_runs_in_its_own_environment_sees_no_python_path_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/ours")
    assert "PYTHONPATH" not in environ(wants("numpy"), tmp_path)
    assert environ(wants(), tmp_path)["PYTHONPATH"] == "/ours"


def test_environments_are_listed_by_last_use_and_removed_whole(home: Path) -> None:
    old = provision.provision(wants("numpy"), run=fake([]))
    new = provision.provision(wants("torch"), run=fake([]))
    os.utime(old.folder / provision.MARK, (1, 1))
    (home / "something else").mkdir()
    assert [each.name for each in provision.environments()] == [old.name, new.name]
    assert provision.environments()[0].used == 1
    provision.provision(wants("numpy"), run=fake([]))
    assert provision.environments()[-1].name == old.name
    provision.remove(new)
    assert sorted(each.name for each in home.iterdir()) == sorted(
        [old.name, f"{old.name}.lock", f"{new.name}.lock", "something else"]
    )


def test_a_damaged_mark_is_no_environment() -> None:
    made = provision.provision(wants("numpy"), run=fake([]))
    for content in "", "[]", '{"requires": []}':
        (made.folder / provision.MARK).write_text(content)
        assert provision.find(wants("numpy")) is None


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 MB"), (512_400_000, "512 MB"), (5_230_000_000, "5.2 GB")]
)
def test_sizes_are_said_as_people_say_them(count: int, said: str) -> None:
    assert provision.size(count) == said


def test_a_version_is_read_from_the_metadata_alone(tmp_path: Path) -> None:
    packages = tmp_path / "lib/python3.12/site-packages"
    for name in "torch-2.13.0+cpu", "torchvision-0.1", "torch_geometric-9":
        (packages / f"{name}.dist-info").mkdir(parents=True)
    assert provision.installed(tmp_path, "torch") == "2.13.0+cpu"
    assert provision.installed(tmp_path, "numpy") == ""


# the real venv and pip, and a package that needs no download


def wheel(folder: Path, name: str, code: str) -> Path:
    """A wheel with one module and one program."""
    files = {
        f"{name}.py": code,
        f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{name}-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{name}-1.0.dist-info/entry_points.txt": f"[console_scripts]\n{name}={name}:main\n",
    }
    record = f"{name}-1.0.dist-info/RECORD"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(record, "".join(f"{file},,\n" for file in [*files, record]))
    return path


def test_a_real_environment_has_what_was_required_and_its_programs_run(tmp_path: Path) -> None:
    tiny = wheel(tmp_path, "tiny", "def main(): print('tiny runs')\n")
    made = provision.provision(wants(str(tiny)))
    ran = subprocess.run([made.folder / "bin/tiny"], capture_output=True, text=True, check=True)
    assert ran.stdout == "tiny runs\n"
    assert provision.installed(made.folder, "tiny") == "1.0"
    assert json.loads((made.folder / provision.MARK).read_text())["requires"] == [str(tiny)]
    broken = tmp_path / "tiny-2.0-py3-none-any.whl"
    broken.write_bytes(b"no wheel")
    with pytest.raises(ProvisionError, match=r"pip install .*tiny-2\.0.* ended with status 1 "):
        provision.provision(wants(str(broken)))
    assert provision.environments() == [provision.find(wants(str(tiny)))]
