"""What several tests share: one run folder with its zygotes, and the way to run one trial."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.session import Session, Settings, open_folder
from harness import catalog
from harness.catalog import Entry, Variant
from harness.fork import Fork
from harness.model import Implementation, Result
from harness.needs import NEEDS

ROOT = Path(__file__).resolve().parent.parent
Try = Callable[..., Result]


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


def first_variants() -> list[tuple[Entry, Variant]]:
    """Every scenario of the catalog in its first variant."""
    return [(entry, catalog.variants(entry)[0]) for entry in catalog.read()]


def touchstone(*arguments: str) -> list[str]:
    """The command line of `touchstone`, independent of PATH; no second look is taken unless one is asked for."""
    quick = arguments[:1] == ("run",) and not any("--second-look" in each for each in arguments)
    end = arguments.index("--") if "--" in arguments else len(arguments)
    more = ["--second-look=0"] if quick else []
    return [sys.executable, "-m", "conformance", *arguments[:end], *more, *arguments[end:]]
