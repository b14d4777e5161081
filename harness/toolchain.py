"""A C++ compiler that remembers what it has built in this run, for implementations that generate C++.

Knows that the same source with the same options gives the same object. Sits outside of torch: the compile
caches that scenarios speak of stay separate for each trial, only g++ is not asked the same thing twice.

Run as a script it is that compiler: `toolchain.py REAL STORE ARGUMENTS...`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

NAME = "g++"

_SOURCES = (".cpp", ".hpp")


def install(folder: Path) -> dict[str, str]:
    """Put the remembering compiler first on PATH; returns the environment variables that do so."""
    real = shutil.which(NAME)
    if real is None or os.name != "posix" or "CXX" in os.environ:
        return {}
    tools, store = folder / "tools", folder / "objects"
    wrapper = tools / NAME
    if not wrapper.exists():
        tools.mkdir(exist_ok=True)
        store.mkdir(exist_ok=True)
        draft = tools / f".{NAME}.{os.getpid()}"
        draft.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -IS "{__file__}" "{real}" "{store}" "$@"\n',
            encoding="utf-8",
        )
        draft.chmod(0o700)
        draft.replace(wrapper)
    return {"PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def key(arguments: list[str]) -> str | None:
    """What an invocation's result depends on, as a digest; None for what is not remembered.

    Remembered is what is done for each kernel and costs time: one shared object is built of one source, or one header
    is written out with all that it includes (which torch does to tell whether a header that it compiled is still good).
    """
    sources = [each for each in arguments if each.endswith(_SOURCES)]
    made = "-shared" in arguments or "-E" in arguments
    if len(sources) != 1 or not made or "-o" not in arguments:
        return None
    target = arguments[arguments.index("-o") + 1]
    total = hashlib.sha256(Path(sources[0]).read_bytes())
    for each in arguments:
        total.update(b"\0" + (b"" if each in (sources[0], target) else each.encode()))
    return total.hexdigest()


def main(real: str, store: Path, arguments: list[str]) -> int:
    """Build, or copy what was built before."""
    digest = key(arguments)
    if digest is None:
        os.execv(real, [real, *arguments])  # noqa: S606 - the compiler that was asked for
    kept, target = store / digest, Path(arguments[arguments.index("-o") + 1])
    draft = store / f"{digest}.{os.getpid()}"
    if not kept.exists():
        status = subprocess.run([real, *arguments], check=False).returncode  # noqa: S603 - likewise
        if status == 0:
            shutil.copy(target, draft)
            draft.replace(kept)
        return status
    shutil.copyfile(kept, target)
    shutil.copymode(kept, target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
