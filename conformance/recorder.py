"""The recording half of the pytest glue: lives in the one process that writes the record and the report.

Knows when a run begins, gets results, and ends. Must not decide anything.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import shlex
import time
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conformance import controls, header, second_look
from conformance.ending import Ending
from conformance.exits import BUG, of_record
from conformance.request import Begun, Request, find_plan, interrupt_workers
from conformance.session import Session
from conformance.speech import tell
from harness import accept, catalog, resume
from harness.catalog import Entry
from harness.control import Control
from harness.environment import IsolationError
from harness.model import Result, Trial
from harness.record import Record, RecordError, Writer, read, result_from_json
from reports import html, text
from reports.visible import visible

PROPERTY = "touchstone"


class Recorder:
    """A pytest plugin.

    Args:
        session: the run's implementations and how they are isolated.
        request: what the run was asked for.
        folder: where record.jsonl and index.html go.
        ending: what a record must be kept whole from.
        begun: what there is already of the record that the run completes, if it does.
        accepting: whether the stories are rewritten to what was told.
    """

    def __init__(  # noqa: PLR0913 - what a recording rests on
        self,
        session: Session,
        request: Request,
        folder: Path,
        ending: Ending,
        *,
        begun: Begun | None = None,
        accepting: bool = False,
    ) -> None:
        self._session = session
        self._request = request
        self._folder = folder
        self._ending = ending
        self._begun = begun
        self._part: Path | None = None
        self._controls: tuple[Control, ...] = ()
        self._results: list[Result] = []
        self._accepting = accepting
        self._accepted = ""
        self._ids: list[str] = []
        self._entries: dict[str, Entry] = {}
        self._writer: Writer | None = None
        self._record: Record | None = None
        self._empty = ""
        self._lost = ""
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

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Refuse, before the first trial, what cannot be judged; after the last, look again at what nobody expected."""
        if session.config.option.collectonly:
            return (yield)
        self._prepare()
        done = yield
        self._look_again()
        return done

    def _prepare(self) -> None:
        self._entries = {entry.id: entry for entry in catalog.read()}
        stale = self._session.stale(list(self._entries.values()))
        if stale:
            raise pytest.UsageError("\n".join(text.stale(entry, reason) for entry, reason in stale))
        try:
            self._session.check()
            if self._request.remaining != ():
                self._controls = controls.run(self._session)
            self._made = not self._folder.exists()
            self._check_resumed()
            self._folder.mkdir(parents=True, exist_ok=True)
            self._part = _free(self._folder)
        except (IsolationError, RecordError) as error:
            raise pytest.UsageError(visible(str(error))) from None
        except OSError as error:
            raise pytest.UsageError(
                f"the report cannot be written into {self._folder}: {error.strerror}; name another folder"
            ) from None

    def _look_again(self) -> None:
        """Give what nobody expected a second look."""
        seconds = self._request.second_look
        found = second_look.unexpected(self._results, strict=self._request.strict)
        if not found or not seconds or self._writer is None:
            return
        before = {each.trial: each for each in found}
        tell(f"looking again at {len(found)} unexpected, each alone and in a fresh interpreter")
        for result in second_look.look(self._session, self._results, found, seconds, tell):
            with self._writing(), self._ending.hold():
                self._writer.look(before[result.trial], result)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """End the run in order where the record cannot be written."""
        try:
            yield
        except OSError as error:
            self._lost = self._give_up(error)
            pytest.exit("the record cannot be written", pytest.ExitCode.INTERNAL_ERROR)

    def _check_resumed(self) -> None:
        """Refuse, likewise, to go on in another environment than the one in which the run began."""
        if self._begun and self._request.remaining:
            for name in self._session.implementations:
                now = header.implementation(self._session, name)
                resume.check_environment(self._begun.path, self._begun.record, name, now)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write a result to the record."""
        for name, value in report.user_properties:
            if name == PROPERTY and report.when == "call":
                with self._writing(), self._ending.hold():
                    result = result_from_json(json.loads(str(value)))
                    self._open().add(result)
                    self._results.append(result)

    def _open(self) -> Writer:
        if self._writer is None:
            assert self._part is not None
            self._writer = Writer(self._part, self._header())
            for result in self._begun.record.results if self._begun else ():
                self._writer.add(result)
        return self._writer

    def _give_up(self, error: OSError) -> str:
        """Leave what there is of the record to those who complete it; what to do then."""
        assert self._part is not None
        there = self._writer.results if self._writer else 0
        left, option = self._part, "--resume"
        begun = self._begun
        if begun and there <= len(begun.record.results):
            there, left, option = len(begun.record.results), begun.path, begun.option
        if left is not self._part or not there:
            with contextlib.suppress(OSError):
                self._part.unlink(missing_ok=True)
        again = f"{there} results are kept: touchstone run {option} {shlex.quote(str(left))}"
        return (
            f"the record cannot be written into {self._folder}: {error.strerror}; "
            f"make room there, then {again if there else 'run again'}"
        )

    def _header(self) -> dict[str, Any]:
        if self._begun:
            return header.resumed(self._begun.record.header, self._started, self._controls)
        entries = list(self._entries.values())
        by_node = {
            node_id(entry, variant.id, name): Trial(entry.id, variant.id, name)
            for entry in entries
            for name in self._session.implementations
            for variant in catalog.variants(entry)
        }
        planned = [by_node[_local(each)] for each in self._ids]
        whole = find_plan(self._session.settings.folder) if self._request.shard else planned
        made = header.make(
            self._session, self._request, entries, planned, whole, controls=self._controls
        )
        return {**header.run(self._started), **made}

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """Let nothing disturb the end that begins here, and no worker go on."""
        self._ending.begin()
        interrupt_workers(self._session.settings.folder)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Close the record, write the page, and settle the exit status."""
        self._ending.begin()
        if self._part and self._request.remaining == ():
            self._open()
        if self._lost:
            return
        if self._writer is None or self._part is None:
            with contextlib.suppress(OSError):
                if self._part:
                    self._part.unlink(missing_ok=True)
                if self._made:
                    self._folder.rmdir()
            if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
                self._empty = self._nothing()
            return
        try:
            record = self._finish(self._writer, self._part)
        except OSError as error:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
            self._lost = (
                f"the page cannot be written into {self._folder}: {error.strerror}; make room there, then "
                f"touchstone report {shlex.quote(str(self._folder / 'record.jsonl'))}"
                if self._record
                else self._give_up(error)
            )
            return
        if self._accepting:
            self._accepted = _accept(record)
        session.exitstatus = _status(record, session.exitstatus, strict=self._request.strict)
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            self._empty = (
                f"none of {len(record.results)} trials was applicable, so nothing was judged; "
                "see the reasons above, and `claims` and `tools` in the profile"
            )

    def _finish(self, writer: Writer, part: Path) -> Record:
        """Put record and page where they belong, both of one run even if another ends at the same time.

        Raises:
            OSError: one of them cannot be written; the record is there already if `_record` is.
        """
        before = self._begun.record.footer.get("seconds", 0) if self._begun else 0
        writer.close(
            {
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                "seconds": round(before + time.monotonic() - self._clock, 3),
            }
        )
        with _alone(self._folder):
            record = read(part)  # what cannot be read replaces nothing
            part.replace(self._folder / "record.jsonl")
            self._record = record
            if self._begun and self._begun.option == "--resume":
                old = self._begun.path
                if old.suffix == ".part" and old.parent == self._folder:
                    old.unlink(missing_ok=True)  # all that it has is in the new record
            html.write(record, self._folder)
        return record

    def _nothing(self) -> str:
        """Why there was no trial to run."""
        if self._request.shard:
            return f"no trial is in shard {self._request.shard}; select more, or make fewer shards"
        return "no trial was selected; `touchstone list` shows what there is"

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:  # noqa: ANN401 - not public
        """Show the table, what does not conform, and where the page is."""
        if self._record is None:
            return
        terminalreporter.section("touchstone")
        terminalreporter.write_line(text.summary(self._record))
        for entry in self._session.idle(list(self._entries.values()), self._record.results):
            terminalreporter.write_line(visible(text.idle(entry)))
        for line in text.environments(self._session.environments):
            terminalreporter.write_line(visible(line))
        if self._accepted:
            terminalreporter.section("accept")
            terminalreporter.write_line(visible(self._accepted))

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Say, as the last words, where the page is, or why there was nothing to judge."""
        for last in filter(None, (self._empty, self._lost)):
            tell(last)
        if self._record is not None and not self._lost:
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


def _free(folder: Path) -> Path:
    """Where the record grows: two runs into one folder, and an interrupted one, harm no whole record.

    In containers, process ids come back: what another run has left is not written over.
    """
    for number in itertools.count():
        path = folder / f"record.jsonl.{os.getpid()}{f'-{number}' if number else ''}.part"
        with contextlib.suppress(FileExistsError):
            path.touch(exist_ok=False)
            return path
    raise AssertionError


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other runs from ending in the same folder meanwhile, where the file system has locks."""
    own = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(own, fcntl.LOCK_EX)
        yield
    finally:
        os.close(own)


def _local(nodeid: str) -> str:
    file, _, rest = nodeid.partition("::")
    return f"{Path(file).name}::{rest}"


def _status(record: Record, status: int, *, strict: bool) -> int:
    """The exit status of a run: see docs/exit-codes.md."""
    code = of_record(record, strict=strict)
    usual = status in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    return code if usual or code == BUG else status
