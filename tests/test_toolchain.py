"""The compiler that remembers what it has built: what it takes for the same, and what it hands out again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from conftest import HANGS

from harness import toolchain

#: Stands in for g++: notes that it was asked, and writes what it was asked for. Fails where the source says so.
COMPILER = """#!/bin/sh
echo "$@" >> {log}
for each in "$@"; do
    case "$last" in -o) target="$each";; esac
    case "$each" in *.cpp|*.hpp) source="$each";; esac
    last="$each"
done
grep -q broken "$source" && exit 3
cp "$source" "$target" && chmod 755 "$target"
"""


class Bench:
    """A folder with a compiler that tells how often it was asked."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.log = folder, folder / "log"
        (folder / "real").mkdir()
        (folder / "run").mkdir()
        real = folder / "real" / "g++"
        real.write_text(COMPILER.format(log=self.log), encoding="utf-8")
        real.chmod(0o755)
        monkeypatch.setenv("PATH", f"{real.parent}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.delenv("CXX", raising=False)
        self.path = toolchain.install(folder / "run")["PATH"]

    def build(self, name: str, text: str, *options: str) -> tuple[int, Path]:
        source, target = self.folder / name, self.folder / f"{name}.out"
        source.write_text(text, encoding="utf-8")
        target.unlink(missing_ok=True)
        command = ["g++", str(source), *options, "-o", str(target)]
        ended = subprocess.run(
            command, check=False, env={**os.environ, "PATH": self.path}, timeout=HANGS
        )
        return ended.returncode, target

    def asked(self) -> int:
        return len(self.log.read_text(encoding="utf-8").splitlines())


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


@pytest.mark.parametrize(("kind", "option"), [("cpp", "-shared"), ("hpp", "-E")])
def test_the_same_source_is_built_once(bench: Bench, kind: str, option: str) -> None:
    for name in f"a.{kind}", f"b.{kind}":
        status, target = bench.build(name, "the same", option)
        assert (status, target.read_text(encoding="utf-8")) == (0, "the same")
        assert os.access(target, os.X_OK)
    assert bench.asked() == 1


def test_another_source_or_option_is_built(bench: Bench) -> None:
    bench.build("a.cpp", "the same", "-shared")
    bench.build("a.cpp", "another", "-shared")
    bench.build("a.cpp", "another", "-shared", "-O3")
    _, target = bench.build("a.cpp", "another", "-E")
    assert target.read_text(encoding="utf-8") == "another"
    assert bench.asked() == 4


def test_what_fails_is_asked_again(bench: Bench) -> None:
    for _ in range(2):
        status, target = bench.build("a.cpp", "broken", "-shared")
        assert (status, target.exists()) == (3, False)
    assert bench.asked() == 2


@pytest.mark.parametrize("options", [["-c"], ["-shared", "b.cpp"], []])
def test_other_work_is_not_remembered(options: list[str], tmp_path: Path) -> None:
    source = tmp_path / "a.cpp"
    source.write_text("", encoding="utf-8")
    assert toolchain.key([str(source), *options, "-o", "a.out"]) is None
    assert toolchain.key(["--version"]) is None
