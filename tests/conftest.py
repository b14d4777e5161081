"""What several tests share: one run folder with its zygotes, and the way to run one trial."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from conformance.session import Session, Settings, open_folder
from harness import catalog
from harness.catalog import Entry, Variant
from harness.fork import Fork
from harness.model import Implementation, Result
from harness.needs import NEEDS

#: Modules whose tests share something made for the module, which takes seconds: one worker has them all.
_TOGETHER = frozenset(
    f"tests/test_{name}.py"
    for name in (
        "catalog",
        "controls",
        "devices",
        "findings",
        "mutants",
        "record",
        "shards",
        "untrusted",
    )
)

ROOT = Path(__file__).resolve().parent.parent
Try = Callable[..., Result]

#: Seconds after which a process that a test has started hangs: none takes nearly as long on any machine.
HANGS = 1800

#: Time limits for a trial that hangs, in seconds: the first may be over before a slow machine gets where it hangs.
LIMITS = (3.0, 12.0, 48.0, 200.0)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The gate ends within 25 minutes on two cores; what takes longest has a run of its own."""
    parser.addoption("--long", action="store_true", help="also run the tests that take longest")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what takes longest, unless it is asked for."""
    if not config.getoption("long"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes long: ./test --long runs it"))


def pytest_configure() -> None:
    """Let what tests start be interrupted: jobs in the background ignore SIGINT, as do their children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """More workers than processors: tests wait for processes that they start, and for limits to be over."""
    return (os.cpu_count() or 1) + 2


class _Together(LoadScopeScheduling):  # type: ignore[misc]
    """One test after another to whichever worker is free, but for modules whose tests stay together.

    Not `--dist loadgroup`: xdist 3.8 writes groups into an attribute that pytest 9.2 no longer has, silently.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if module in _TOGETHER else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Together | None:  # noqa: ANN401 - xdist's own
    """The scheduler for `-n` alone."""
    return _Together(config, log) if config.getoption("dist") == "load" else None


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder for the processes of these tests."""
    made = open_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def fork(folder: Path) -> Iterator[Fork]:
    """The zygotes of these tests."""
    made = Fork(folder, os.getpid())
    yield made
    made.close()


def fault(name: str, **more: object) -> Implementation:
    """An implementation that is one of the backends in faults.py."""
    return Implementation(
        name=name,
        backend=f"faults:{name}",
        environ={"PYTHONPATH": str(Path(__file__).parent)},
        claims=tuple(NEEDS),
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="session")
def attempt(folder: Path, fork: Fork) -> Try:
    """Run one scenario, in its first variant, on an implementation, and judge it."""
    entries = {entry.id: entry for entry in catalog.read()}

    def run(
        implementation: Implementation,
        scenario: str = "recompiles/wrappers_share_a_history",
        *,
        mode: str = "fork",
        time_limit: float = 60.0,
        memory_limit: int = 0,
    ) -> Result:
        settings = Settings(folder, os.getpid(), mode, time_limit, memory_limit)
        session = Session(settings, [implementation])
        if mode == "fork":
            session.isolation = fork
        entry = entries[scenario]
        return session.run(entry, catalog.variants(entry)[0], implementation.name)

    return run


def hung(attempt: Try, name: str, mode: str = "fork", *, said: str = "") -> tuple[Result, float]:
    """A trial on one of the backends that hang, with a time limit that lets it get there; and that limit.

    It has got there when its output says that it was in the backend, or what else is asked for.
    """
    for limit in LIMITS[mode == "spawn" :]:  # a fresh interpreter takes seconds to begin
        result = attempt(fault(name), mode=mode, time_limit=limit)
        if (said or f"in {name}\n") in result.exit.output:
            break
    return result, limit


def comes_true(condition: Callable[[], object], seconds: float = 300.0) -> bool:
    """Whether something is so, or will be before so long that it never would be."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def first_variants() -> list[tuple[Entry, Variant]]:
    """Every scenario of the catalog in its first variant."""
    return [(entry, catalog.variants(entry)[0]) for entry in catalog.read()]


def touchstone(*arguments: str) -> list[str]:
    """The command line of `touchstone`, independent of PATH.

    A run takes no second look and begins no workers unless it is asked to: for few trials, each takes seconds.
    """
    more: list[str] = []
    if arguments[:1] == ("run",):
        more += [] if any("--second-look" in each for each in arguments) else ["--second-look=0"]
        more += [] if any(each.startswith("-n") for each in arguments) else ["-n0"]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [sys.executable, "-m", "conformance", *arguments[:end], *more, *arguments[end:]]


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `touchstone` from the project's folder to its end: how it ended, and what it printed."""
    return subprocess.run(
        touchstone(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=HANGS, check=False
    )
