"""The findings of docs/findings: scripts that show a defect outside Touchstone. Near side.

    python tests/findings.py --run                          # under this interpreter: which of them show?
    python tests/findings.py --run /venvs/2.15/bin/python   # under others
    python tests/findings.py --write                        # docs/findings.md, from what the scripts say of themselves

Knows what a finding says of itself and how it is run. A script takes the backend as its argument; it ends with an
exception where the defect shows, and in silence where it does not. It needs torch alone.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "findings"
PAGE = ROOT / "docs" / "findings.md"

_FIELDS = ("Scenario", "Kind", "Seen", "Shows", "Root", "Upstream")
_REQUIRED = ("Kind", "Seen", "Root", "Upstream")

#: The backends on which scripts are run by hand and by the test.
BACKENDS = ("eager", "aot_eager", "inductor")

KINDS: Mapping[str, str] = {
    "wrong values": "Silently wrong values",
    "wrong gradients": "Silently wrong gradients",
    "wrong kind": "Results of another dtype, class or layout",
    "lost effect": "Effects that are lost, doubled or made up",
    "error": "Errors that are others than eager's, or that are missing",
    "refused": "Programs that are refused",
    "lifetime": "Memory and process",
}

#: Warnings are no findings; the rest saves time, for each script has a cache of its own and compiles a kernel or two.
_ENVIRON = {
    "PYTHONWARNINGS": "ignore",
    "OMP_NUM_THREADS": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS": "0",
}

_HEAD = """# Findings

Defects of torch, and of implementations, that came up while the catalog was written and run. Each was seen in two
ways: as the story of a trial, which Touchstone compared with eager property by property, and by a script that needs
torch alone (and the implementation that it is about) and compares values itself. A script takes the name of the
backend, and ends with an exception where the defect shows, in silence where it does not:

```sh
python docs/findings/leaf_is_a_result.py aot_eager      # ends with AssertionError, and says what it got
python docs/findings/leaf_is_a_result.py eager          # silent
```

For an implementation with an environment of its own, `python` is that environment's (`touchstone implementations`
names it). `python tests/findings.py --run PYTHON` runs all that are torch's own; a test runs them on the torch of the
tests, where each must show, or not, as it says. Versions and backends are those on which a script was run, and no
others; the known entries ([conformance/known](../conformance/known/README.md)) expect these deviations, so that a run
says when one is gone.

<!-- written by `python tests/findings.py --write` -->
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a script says of itself.

    Attributes:
        file: the script.
        what: the defect, in one sentence.
        scenarios: ids of the scenarios that show it; none where it is no scenario's claim.
        kind: a key of `KINDS`.
        seen: the backends on which it shows, by version of torch.
        shows: the exception that it ends with.
        root: why.
        upstream: where it is reported.
    """

    file: Path
    what: str
    scenarios: tuple[str, ...]
    kind: str
    seen: Mapping[str, tuple[str, ...]]
    shows: str
    root: str
    upstream: str

    @property
    def backends(self) -> tuple[str, ...]:
        """The backends on which it shows, on whatever version."""
        return tuple(dict.fromkeys(each for some in self.seen.values() for each in some))

    def is_run(self) -> bool:
        """Whether it is about a backend of torch: others are run by hand, where they are installed."""
        return bool(set(self.backends) & set(BACKENDS))


def read(file: Path) -> Finding:
    """The finding of a script.

    Raises:
        ValueError: it does not say what a finding must say.
    """
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    what, _, rest = text.partition("\n\n")
    found: dict[str, str] = {}
    for row in rest.splitlines():
        name, colon, value = row.partition(": ")
        if colon and name in _FIELDS:
            found[name] = value
        elif found:
            found[list(found)[-1]] += " " + row.strip()
    for name in _REQUIRED:
        if not found.get(name):
            raise ValueError(f"{file}: says nothing of {name!r}")
    if found["Kind"] not in KINDS:
        raise ValueError(
            f"{file}: is of kind {found['Kind']!r}, expected one of {', '.join(KINDS)}"
        )
    return Finding(
        file=file,
        what=" ".join(what.split()),
        scenarios=tuple(re.findall(r"[\w/]+", found.get("Scenario", ""))),
        kind=found["Kind"],
        seen=_read_seen(found["Seen"]),
        shows=found.get("Shows", "AssertionError"),
        root=found["Root"],
        upstream=found["Upstream"],
    )


def _read_seen(text: str) -> dict[str, tuple[str, ...]]:
    """`torch 2.12.1; eager, aot_eager; torch 2.13.0, 2.14.1; eager`, by version."""
    parts = text.split(";")
    return {
        version: tuple(re.findall(r"[\w-]+", backends))
        for versions, backends in zip(parts[::2], parts[1::2], strict=True)
        for version in re.findall(r"\d+\.\d+\.\d+", versions)
    }


def every() -> list[Finding]:
    """All findings, by kind and name."""
    kinds = list(KINDS)
    return sorted(map(read, FOLDER.glob("*.py")), key=lambda f: (kinds.index(f.kind), f.file.name))


def run(asked: Sequence[tuple[Finding, str]], interpreter: str = sys.executable) -> Iterator[str]:
    """The last line that each script ends with on a backend, in the order asked; "" where it ends in silence."""
    own = [interpreter, str(Path(__file__).resolve()), "--here"]
    orders = [f"{finding.file}\t{backend}" for finding, backend in asked]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(
        [*own, *orders],
        stdout=subprocess.PIPE,
        text=True,
        env={**environ, **_ENVIRON},
    ) as process:
        assert process.stdout is not None
        yield from (line.rstrip("\n") for line in process.stdout)
    assert process.returncode == 0, f"{interpreter} ended with status {process.returncode}"


def run_here(orders: Sequence[str]) -> None:
    """Run scripts, each in a fork of this process, which imports torch once for all; print how each ends."""
    importlib.import_module("torch._dynamo")
    if any(order.endswith("\tinductor") for order in orders):
        importlib.import_module("torch._inductor.compile_fx")
        importlib.import_module("torch._inductor.cpu_vec_isa").pick_vec_isa()
    for order in orders:
        file, _, backend = order.partition("\t")
        with tempfile.TemporaryDirectory() as folder:
            printed = Path(folder) / "printed"
            pid = os.fork()
            if pid == 0:
                _run_alone(file, backend, folder, printed)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            rows = printed.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        ended = "" if status == 0 else f"status {status}"
        print(rows[-1] if ended and rows else ended, flush=True)


def _run_alone(file: str, backend: str, folder: str, printed: Path) -> None:
    """Run one script in this process, which is a fork; never returns."""
    sink = os.open(printed, os.O_WRONLY | os.O_CREAT)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    os.chdir(folder)
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
    signal.alarm(180)
    sys.argv = [file, backend]
    status = 1
    try:
        runpy.run_path(file, run_name="__main__")
        status = 0
    except BaseException as error:  # noqa: BLE001 - whatever a script ends with
        traceback.print_exc()
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def agrees(finding: Finding, version: str, backend: str, said: str) -> bool:
    """Whether a script ended as it says that it does on a version and a backend."""
    if backend in finding.seen.get(version, ()):
        return finding.shows in said
    return not said


def page(findings: Sequence[Finding]) -> str:
    """The page of all findings."""
    return "\n".join(_page(findings))


def _page(findings: Sequence[Finding]) -> Iterator[str]:
    yield _HEAD
    wrong = sum(each.kind in ("wrong values", "wrong gradients") for each in findings)
    yield f"{len(findings)} findings, {wrong} of them silently wrong values or gradients."
    for kind, title in KINDS.items():
        own = [each for each in findings if each.kind == kind]
        if own:
            yield f"\n## {title}"
        for each in own:
            yield f"\n### {each.what}\n"
            yield f"[{each.file.name}](findings/{each.file.name})" + _facts(each)
            yield f"\n{each.root}"
    yield ""


def _facts(finding: Finding) -> str:
    alike = dict.fromkeys(finding.seen.values())
    seen = "".join(
        f"; torch {', '.join(v for v, own in finding.seen.items() if own == backends)}; {', '.join(backends)}"
        for backends in alike
    )
    shows = "" if finding.shows == "AssertionError" else f"; ends with {finding.shows}"
    named = [
        f"[{s}](catalog/{s.partition('/')[0]}.md#{s.partition('/')[2]})" for s in finding.scenarios
    ]
    where = f"; {', '.join(named)}" if named else "; no scenario's claim"
    upstream = re.sub(
        r"https://github.com/pytorch/pytorch/\w+/(\d+)", r"[pytorch#\1](\g<0>)", finding.upstream
    )
    return f"{seen}{shows}{where}; upstream: {upstream}."


def main(arguments: Sequence[str]) -> None:
    """Write the page, or run all scripts."""
    if arguments[:1] == ["--here"]:
        run_here(arguments[1:])
        return
    findings = every()
    if arguments[:1] == ["--write"]:
        PAGE.write_text(page(findings), encoding="utf-8")
        return
    if arguments[:1] != ["--run"]:
        raise SystemExit(__doc__)
    asked = [(each, backend) for each in findings if each.is_run() for backend in BACKENDS]
    for interpreter in arguments[1:] or [sys.executable]:
        version = subprocess.run(
            [interpreter, "-c", "import torch; print(torch.__version__.partition('+')[0])"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for (finding, backend), said in zip(asked, run(asked, interpreter), strict=True):
            mark = "ok    " if agrees(finding, version, backend, said) else "NOT SO"
            print(f"{mark} {version} {backend:9} {finding.file.stem}: {said[:120]}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
