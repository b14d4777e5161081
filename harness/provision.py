"""Environments that Touchstone makes itself: what a profile `requires`, in a virtual environment. Near side.

Knows where they are, how one is made, what it costs, and how it goes away. Must not import what it installs. The
folder's name is a digest of what was asked for, so that profiles that ask for the same share one environment.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from harness.model import Implementation
from harness.private import public

MARK = "touchstone.json"

#: How many of pip's last lines an error keeps.
_KEPT = 12

#: Variables of a user's shell that would make pip or venv work somewhere else than in the environment.
_MISLEADING = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_PYTHON")

Say = Callable[[str], None]
#: Runs a command and gives its lines as they come; returns the exit status.
Run = Callable[[Sequence[str], Say], int]


class ProvisionError(Exception):
    """An environment cannot be made; the message says which, why, and what to do, and below it what pip said."""


@dataclasses.dataclass(frozen=True, slots=True)
class Environment:
    """A finished environment, as its mark describes it.

    Attributes:
        folder: where it is.
        requires: what was installed.
        indexes: the package indexes that were asked, beside pip's own.
        python: version of the interpreter that it was made with.
        bytes: its size on disk when it was made.
        seconds: how long that took.
        used: Unix time of the last run that used it.
        made: whether this very call made it.
    """

    folder: Path
    requires: tuple[str, ...]
    indexes: tuple[str, ...]
    python: str
    bytes: int
    seconds: float
    used: float
    made: bool = False

    @property
    def interpreter(self) -> str:
        """The path of its interpreter."""
        return str(self.folder / "bin" / "python")

    @property
    def name(self) -> str:
        """What commands call it."""
        return self.folder.name


def home() -> Path:
    """The folder of all environments."""
    if given := os.environ.get("TOUCHSTONE_HOME"):
        return Path(given).expanduser().absolute() / "environments"
    cache_home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache_home).expanduser().absolute() / "touchstone" / "environments"


def folder_of(implementation: Implementation) -> Path:
    """Where the environment of a profile with `requires` is, made or not.

    Raises:
        ProvisionError: the interpreter that it would be made with does not run.
    """
    asked = [
        _version(_base(implementation)),
        sorted(implementation.requires),
        list(implementation.indexes),
        {each: _content(each) for each in implementation.requires if each.startswith("/")},
    ]
    return home() / hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def find(implementation: Implementation) -> Environment | None:
    """The environment of a profile with `requires`, if it has been made and its interpreter still exists.

    Raises:
        ProvisionError: as `folder_of`.
    """
    return _read(folder_of(implementation))


def environments() -> list[Environment]:
    """Every finished environment, the least recently used first."""
    found = (_read(folder) for folder in home().glob("*") if folder.is_dir())
    return sorted((each for each in found if each), key=lambda each: each.used)


def provision(
    implementation: Implementation, say: Say = lambda _: None, run: Run | None = None
) -> Environment:
    """The environment of a profile with `requires`: reused if it exists, else made now.

    Args:
        implementation: the profile.
        say: gets a line whenever there is progress to report.
        run: runs a command; for tests.

    Raises:
        ProvisionError: it cannot be made; nothing of it is left.
    """
    folder = folder_of(implementation)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder, say):
            if _read(folder) is not None:
                os.utime(folder / MARK)
                found = _read(folder)
                assert found is not None, folder
                return found
            return _make(implementation, folder, say, run or _run)
    except OSError as error:
        raise ProvisionError(
            f"the environment of {implementation.name!r} cannot be made in {folder.parent}: {error.strerror}; set "
            "TOUCHSTONE_HOME to a folder with room that you may write to"
        ) from error


def remove(environment: Environment) -> None:
    """Delete an environment; at no moment is half of it there under its name."""
    with _locked(environment.folder, lambda _: None):
        part = _part(environment.folder)
        shutil.rmtree(part, ignore_errors=True)
        environment.folder.rename(part)
        shutil.rmtree(part, ignore_errors=True)


def installed(prefix: Path, package: str) -> str:
    """The version of a package in the environment at a prefix, read from its metadata; "" if there is none."""
    pattern = f"lib*/python3*/site-packages/{package.replace('-', '_')}-*.dist-info"
    found = (re.match(r"[^-]+-(.+)\.dist-info$", each.name) for each in prefix.glob(pattern))
    return next((match[1] for match in found if match), "")


def size(count: int) -> str:
    """A number of bytes as people say it."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"  # noqa: PLR2004 - a GB


def _base(implementation: Implementation) -> str:
    named = implementation.python or sys.executable
    found = shutil.which(str(Path(named).expanduser()))
    if found is None:
        raise ProvisionError(
            f"implementation {implementation.name!r} names the interpreter {named!r}, which does not exist "
            "or cannot be executed; correct `python` in its profile"
        )
    return found


@cache
def _version(interpreter: str) -> str:
    """Implementation, version and platform of an interpreter: what decides which packages fit."""
    code = (
        "import platform, sysconfig; print(platform.python_implementation(), platform.python_version(), "
        "sysconfig.get_platform())"
    )
    try:
        asked = subprocess.run(  # noqa: S603 - the interpreter that the profile names
            [interpreter, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ProvisionError(
            f"the interpreter {interpreter} does not run: {error}; correct `python` in the profile"
        ) from error
    return asked.stdout.strip()


def _content(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise ProvisionError(
            f"{path}, which the profile requires, cannot be read: {error.strerror}; name a wheel or an archive, "
            "or use `python` with an environment of your own"
        ) from error


def _read(folder: Path) -> Environment | None:
    mark = folder / MARK
    try:
        said = json.loads(mark.read_text(encoding="utf-8"))
        used = mark.stat().st_mtime
        found = Environment(
            folder,
            tuple(said["requires"]),
            tuple(said["indexes"]),
            said["python"],
            said["bytes"],
            said["seconds"],
            used,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if os.access(found.interpreter, os.X_OK) else None


@contextlib.contextmanager
def _locked(folder: Path, say: Say) -> Iterator[None]:
    path = folder.with_suffix(".lock")
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another run that makes {folder.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _part(folder: Path) -> Path:
    """The name under which an environment comes and goes; the lock keeps it to one process."""
    return folder.with_suffix(".part")


def _make(implementation: Implementation, folder: Path, say: Say, run: Run) -> Environment:
    started = time.monotonic()
    part = _part(folder)
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        say(f"making {folder} with {' '.join(implementation.requires)}")
        python = str(part / "bin" / "python")
        _do(implementation, [_base(implementation), "-m", "venv", str(part)], say, run)
        indexes = [f"--extra-index-url={each}" for each in implementation.indexes]
        pip = [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        pip += ["--progress-bar=off", *indexes, "--", *implementation.requires]
        _do(implementation, pip, say, run)
        _move_scripts(part, folder)
        seconds = round(time.monotonic() - started, 1)
        described = {
            "requires": sorted(implementation.requires),
            "indexes": list(implementation.indexes),
            "python": _version(_base(implementation)),
            "bytes": _measure(part),
            "seconds": seconds,
        }
        (part / MARK).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    made = _read(folder)
    assert made is not None, folder
    say(f"made {folder.name} in {seconds:.0f} s, {size(made.bytes)}")
    return dataclasses.replace(made, made=True)


def _do(implementation: Implementation, command: Sequence[str], say: Say, run: Run) -> None:
    kept: deque[str] = deque(maxlen=_KEPT)

    def hear(line: str) -> None:
        kept.append(line)
        if line.strip().startswith(
            ("Collecting ", "Processing ", "Downloading ", "Building ", "Installing ")
        ):
            say(line.strip()[:160])

    status = run(command, hear)
    if status:
        last = next((line.strip() for line in reversed(kept) if line.strip()), "it printed nothing")
        lines = "".join(f"\n    {line}" for line in kept)
        raise ProvisionError(
            f"the environment of {implementation.name!r} cannot be made: {_spoken(command)} ended with status "
            f"{status} ({last}); correct `requires`, `indexes` or `python` in its profile, or the network{lines}"
        )


def _spoken(command: Sequence[str]) -> str:
    """A command without what is the same each time."""
    module = command.index("-m")
    return " ".join(
        each for each in command[module + 1 :] if not each.startswith("--") or "index" in each
    )


def _run(command: Sequence[str], hear: Say) -> int:
    with subprocess.Popen(  # noqa: S603 - venv or pip of the interpreter that the profile names
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=_environ(os.environ),
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            hear(line.rstrip())
    return process.returncode


def _environ(variables: Mapping[str, str]) -> dict[str, Any]:
    return {name: value for name, value in public(variables).items() if name not in _MISLEADING}


def _move_scripts(part: Path, folder: Path) -> None:
    """Let the programs of an environment find its interpreter under the name that it will have."""
    for script in (part / "bin").iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        content = script.read_bytes()
        if str(part).encode() in content and b"\0" not in content:
            script.write_bytes(content.replace(str(part).encode(), str(folder).encode()))


def _measure(folder: Path) -> int:
    return sum(
        (Path(where) / name).lstat().st_blocks * 512
        for where, _, names in os.walk(folder)
        for name in names
    )
