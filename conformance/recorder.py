"""The recording half of the pytest glue: lives in the one process that writes the record and the report.

Knows when a run begins, gets results, and ends. Must not decide anything.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conformance.session import Session
from harness import __version__, accept, catalog, plan
from harness.catalog import Entry
from harness.environment import IsolationError, profile
from harness.model import Trial, Verdict
from harness.record import Record, RecordError, Writer, read, result_from_json
from reports import html, text

PROPERTY = "touchstone"


class Recorder:
    """A pytest plugin.

    Args:
        session: the run's implementations and how they are isolated.
        folder: where record.jsonl and index.html go.
        accepting: whether the stories are rewritten to what was told.
    """

    def __init__(self, session: Session, folder: Path, *, accepting: bool = False) -> None:
        self._session = session
        self._folder = folder
        self._accepting = accepting
        self._accepted = ""
        self._ids: list[str] = []
        self._entries: dict[str, Entry] = {}
        self._writer: Writer | None = None
        self._record: Record | None = None
        self._empty = ""
        self._made = False
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Know the plan, where this process collects."""
        if session.items:
            self._ids = [item.nodeid for item in session.items]

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: object, ids: Sequence[str]) -> None:  # noqa: ARG002
        """Know the plan, where workers collect: all of them collect the same."""
        self._ids = self._ids or list(ids)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Refuse, before the first trial, what cannot be judged."""
        if session.config.option.collectonly:
            return
        self._entries = {entry.id: entry for entry in catalog.read()}
        stale = self._session.stale(list(self._entries.values()))
        if stale:
            raise pytest.UsageError(
                "\n".join(
                    f"the known entry for {entry.scenario!r} on {entry.implementation!r} {reason}"
                    for entry, reason in stale
                )
            )
        try:
            self._session.check()
            self._made = not self._folder.exists()
            self._folder.mkdir(parents=True, exist_ok=True)
            self._part.touch()
        except IsolationError as error:
            raise pytest.UsageError(str(error)) from None
        except OSError as error:
            raise pytest.UsageError(
                f"the report cannot be written into {self._folder}: {error.strerror}; name another folder"
            ) from None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write a result to the record."""
        for name, value in report.user_properties:
            if name == PROPERTY and report.when == "call":
                self._open().add(result_from_json(json.loads(str(value))))

    def _open(self) -> Writer:
        if self._writer is None:
            self._writer = Writer(self._part, self._header())
        return self._writer

    @property
    def _path(self) -> Path:
        return self._folder / "record.jsonl"

    @property
    def _part(self) -> Path:
        """Where the record grows: two runs into one folder, and an aborted one, harm no whole record."""
        return self._folder / f"record.jsonl.{os.getpid()}.part"

    def _header(self) -> dict[str, Any]:
        entries = list(self._entries.values())
        by_node = {
            node_id(entry, variant.id, name): Trial(entry.id, variant.id, name)
            for entry in entries
            for name in self._session.implementations
            for variant in catalog.variants(entry)
        }
        planned = [by_node[_local(each)] for each in self._ids]
        named = {trial.scenario for trial in planned}
        return {
            "suite": {
                "version": __version__,
                "catalog": catalog.digest(entries),
                "scenarios": len(entries),
            },
            "started": self._started.isoformat(timespec="seconds"),
            "command": sys.argv[1:],
            "host": {"platform": platform.platform(), "python": platform.python_version()},
            "isolation": self._session.settings.mode,
            "time_limit": self._session.settings.time_limit,
            "plan_digest": plan.digest(planned),
            "plan": [
                {"scenario": t.scenario, "variant": t.variant, "implementation": t.implementation}
                for t in planned
            ],
            "scenarios": {e.id: describe(e) for e in entries if e.id in named},
            "implementations": {
                name: {
                    "argument": implementation.argument,
                    "profile": profile(implementation),
                    "fingerprint": self._session.fingerprint(name),
                }
                for name, implementation in self._session.implementations.items()
            },
        }

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Close the record, write the page, and settle the exit status."""
        if self._writer is None:
            with contextlib.suppress(OSError):
                self._part.unlink(missing_ok=True)
                if self._made:
                    self._folder.rmdir()
            if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
                self._empty = "no trial was selected; `touchstone list` shows what there is"
            return
        self._writer.close(
            {
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                "seconds": round(time.monotonic() - self._clock, 3),
            }
        )
        self._part.replace(self._path)
        self._record = read(self._path)
        html.write(self._record, self._folder)
        if self._accepting:
            self._accepted = _accept(self._record)
        session.exitstatus = _status(self._record, session.exitstatus)
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            self._empty = (
                f"none of {len(self._record.results)} trials was applicable, so nothing was judged; "
                "see the reasons above, and `claims` and `tools` in the profile"
            )

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:  # noqa: ANN401 - not public
        """Show the table, what does not conform, and where the page is."""
        if self._record is None:
            return
        terminalreporter.section("touchstone")
        terminalreporter.write_line(text.summary(self._record))
        for line in text.environments(self._session.environments):
            terminalreporter.write_line(line)
        if self._accepted:
            terminalreporter.section("accept")
            terminalreporter.write_line(self._accepted)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Say, as the last words, where the page is, or why there was nothing to judge."""
        if self._empty:
            print(f"touchstone: {self._empty}", file=sys.stderr)  # noqa: T201 - after pytest's own words
        if self._record is not None:
            config.get_terminal_writer().line(f"report: {self._folder / 'index.html'}")


def _accept(record: Record) -> str:
    """Rewrite the stories to what was told; what there is to say about it."""
    try:
        found = accept.accept(record, catalog.read())
        accept.write(found)
    except (RecordError, catalog.CatalogError, OSError) as error:
        return f"nothing is accepted: {error}"
    return "\n".join([*map(str, found.refusals), accept.summary(found)])


def node_id(entry: Entry, variant: str, implementation: str) -> str:
    """The end of a trial's pytest node id: module, function and cell."""
    cell = f"{implementation}-{variant}" if variant else implementation
    return f"{entry.family}.py::{entry.name}[{cell}]"


def _local(nodeid: str) -> str:
    file, _, rest = nodeid.partition("::")
    return f"{Path(file).name}::{rest}"


def describe(entry: Entry) -> dict[str, Any]:
    """What a record keeps of a scenario, so that reports need no catalog."""
    return {
        "claim": entry.claim,
        "question": entry.question,
        "ref": entry.ref,
        "file": f"conformance/cases/{entry.file.name}",
        "line": entry.line,
        "source": entry.source,
        "axes": {axis: list(values) for axis, values in entry.axes.items()},
        "needs": list(entry.needs),
        "seed": list(entry.seed),
        "tells": list(entry.tells),
        "tiers": dict(entry.tiers),
        "exact": entry.exact,
        "torch": entry.torch,
        "formerly": list(entry.formerly),
        "stories": [{"condition": condition, "story": story} for condition, story in entry.stories],
    }


def _status(record: Record, status: int) -> int:
    """The exit status of a run: see docs/exit-codes.md."""
    verdicts = [result.judgement.verdict for result in record.results]
    if Verdict.BUG in verdicts:
        return pytest.ExitCode.INTERNAL_ERROR
    if status == pytest.ExitCode.OK and not any(verdict.applicable for verdict in verdicts):
        return pytest.ExitCode.NO_TESTS_COLLECTED
    return status
