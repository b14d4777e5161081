"""A pytest plugin (`-p forked`) that measures each test from outside, for benchmark `isolation`.

pytest's own durations under --forked are taken in the child, so they leave the fork out.
"""

from __future__ import annotations

import importlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

#: The variable that says where the seconds of the tests go, as a JSON list.
SECONDS = "BENCHMARK_SECONDS"
_seconds: list[float] = []


def pytest_configure() -> None:
    """Let reports come back: pytest-forked 1.7 cannot marshal those of pytest 9.2."""
    pytest_forked: Any = importlib.import_module("pytest_forked")
    pytest_forked.serialize_report = pytest.TestReport._to_json  # noqa: SLF001 - what xdist uses


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Measure a test, with the fork and all that pytest-forked does about it."""
    started = time.perf_counter()
    result = yield
    _seconds.append(time.perf_counter() - started)
    return result


def pytest_unconfigure() -> None:
    """Write what was measured."""
    Path(os.environ[SECONDS]).write_text(json.dumps(_seconds), encoding="utf-8")
