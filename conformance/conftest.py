"""The pytest glue: scenarios become items, and verdicts become outcomes.

With `recorder`, the only module that knows pytest. Nothing here decides: `harness.judge` does.
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from conformance import __file__ as _package
from conformance import header, update
from conformance.ending import Ending
from conformance.recorder import PROPERTY, Recorder
from conformance.request import (
    OPTIONS,
    SECOND_LOOK,
    Begun,
    Request,
    RequestError,
    are_few,
    begin,
    check_folder,
    find_request,
    go_on,
    leave,
    sign_off,
    sign_on,
)
from conformance.session import MODES, Session, Settings, open_folder
from conformance.speech import tell
from harness import accept, catalog, known, plan
from harness.catalog import Entry, Variant
from harness.implementations import DEFAULTS, ProfileError
from harness.judge import fails
from harness.known import KnownError
from harness.lint import lint
from harness.model import Known, Result, Trial, Verdict
from harness.record import RecordError, result_to_json
from harness.shard import ShardError
from reports.text import caught_up, explain
from reports.visible import visible

CASES = Path(_package).resolve().parent / "cases"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Our options; `touchstone run --help` explains them with examples."""
    group = parser.getgroup("touchstone", "conformance of torch.compile implementations")
    group.addoption(
        "--implementation",
        action="append",
        metavar="NAME",
        help="what to judge: a shipped profile, the path of a profile, or a backend as module:attribute; "
        f"repeat for several (default: {', '.join(DEFAULTS)})",
    )
    group.addoption(
        "--matrix",
        default="",
        metavar="NAME",
        help="judge the implementations that conformance/matrix.toml lists under this name",
    )
    group.addoption(
        "--isolation",
        choices=MODES,
        help="fork: a child of a warm process for each trial; spawn: a fresh interpreter; none: this process "
        "(default: fork)",
    )
    group.addoption(
        "--time-limit",
        type=float,
        metavar="SECONDS",
        help="for one trial, times the implementation's factor (default: 60)",
    )
    group.addoption(
        "--memory-limit",
        type=float,
        metavar="GIB",
        help="for one trial and all of its processes (default: half of what the host has)",
    )
    group.addoption(
        "--select", action="append", metavar="GLOB", help="only these ids, such as 'aliasing/*'"
    )
    group.addoption(
        "--known",
        action="append",
        metavar="FILE",
        help="known deviations of your own, as `touchstone known` writes them; repeat for several",
    )
    group.addoption(
        "--repeat",
        type=int,
        metavar="N",
        help="make N attempts at each trial; one whose attempts differ is flaky (default: 1)",
    )
    group.addoption(
        "--second-look",
        type=float,
        metavar="SECONDS",
        help="how long unexpected results may be looked at again, each alone and in a fresh interpreter, when all "
        f"trials have run; 0 for no second look (default: {SECOND_LOOK:g})",
    )
    group.addoption("--shuffle", type=int, metavar="SEED", help="run in a random order")
    group.addoption(
        "--shard",
        metavar="I/N",
        help="run one of N parts of the plan, such as 1/3; `touchstone merge` makes one record of all",
    )
    group.addoption(
        "--shard-durations",
        metavar="RECORD",
        help="an earlier record, so that the parts take equally long",
    )
    group.addoption(
        "--resume",
        metavar="RECORD",
        help="complete the record of an interrupted run: run only what has no result, as the run was begun",
    )
    group.addoption(
        "--update",
        metavar="RECORD",
        help="bring a record up to the catalog of today: run only what is new, or runs or expects something else",
    )
    group.addoption(
        "--strict-verdicts",
        action="store_true",
        help="also fail on broken MAY promises and on improvements",
    )
    group.addoption(
        "--accept",
        action="store_true",
        help="afterwards, rewrite the stories to what was told, as `touchstone accept` does",
    )
    group.addoption(
        "--report",
        metavar="DIR",
        help="where record.jsonl and index.html go (default: touchstone-report, or the folder of the record "
        "that is resumed)",
    )


_session = pytest.StashKey[Session]()
_request = pytest.StashKey[Request]()
_ending = pytest.StashKey[Ending]()

#: What makes no sense, and says so in its message.
_REFUSALS = RequestError, ProfileError, KnownError, RecordError, ShardError, catalog.CatalogError


def pytest_configure(config: pytest.Config) -> None:
    """Open the session; in the process that was started by hand, also let the zygotes come up."""
    given = getattr(config, "workerinput", {}).get(PROPERTY)
    if given:
        request = find_request(Path(given[0]))
        _open(config, request, (*request.known, *known.read()), *given)
        sign_on(Path(given[0]))
        return
    try:
        request, begun = _requested(config)
        few = are_few(request, config.getoption("--select") or (), config.args)
        request = dataclasses.replace(request, few=few)
        entries = (*request.known, *known.read())
        own = begun.path.parent if begun and begun.option == "--resume" else "touchstone-report"
        report = Path(config.getoption("--report") or own)
        check_folder(report)
    except _REFUSALS as error:
        raise pytest.UsageError(visible(str(error))) from None
    ending = config.stash[_ending] = Ending()
    ending.watch()
    with ending.hold():
        folder = open_folder()
        session = _open(config, request, entries, folder, os.getpid())
    leave(folder, "request", request)
    if config.option.collectonly:
        return
    recorder = Recorder(
        session,
        request,
        report.absolute(),
        ending,
        begun=begun,
        accepting=config.getoption("--accept"),
    )
    config.pluginmanager.register(recorder, "touchstone-recorder")
    session.furnish(tell)
    session.start()


def _requested(config: pytest.Config) -> tuple[Request, Begun | None]:
    """What is asked for, and what there is of it already."""
    options = _options(config)
    resumed, updated = config.getoption("--resume"), config.getoption("--update")
    if resumed and updated:
        raise RequestError(
            "--resume completes an interrupted run, --update brings a record up to the catalog of today; give one"
        )
    if resumed:
        return go_on(Path(resumed).absolute(), options, header.suite(catalog.read()))
    if updated:
        request, begun = update.catch_up(Path(updated).absolute(), options)
        tell(caught_up(begun.record, len(request.remaining or ())))
        return request, begun
    return begin(options), None


def _options(config: pytest.Config) -> dict[str, Any]:
    """Our options under the names that `touchstone run` has for them."""
    ours = {"durations": "shard_durations", "strict": "strict_verdicts"}
    return {name: config.getoption(ours.get(name, name)) for name in OPTIONS}


def _open(
    config: pytest.Config,
    request: Request,
    entries: Sequence[Known],
    folder: str | Path,
    guardian: int,
) -> Session:
    settings = Settings(
        folder=Path(folder),
        guardian=guardian,
        mode=request.mode,
        time_limit=request.time_limit,
        memory_limit=request.memory_limit,
        repeat=request.repeat,
        warmth="mild" if request.few else "warm",
    )
    session = config.stash[_session] = Session(settings, request.implementations, entries)
    config.stash[_request] = request
    config.pluginmanager.register(Portion(settings.folder, request), "touchstone-portion")
    return session


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the zygotes."""
    if _session in config.stash:
        sign_off(config.stash[_session].settings.folder)
        config.stash[_session].close()
    if _ending in config.stash:
        config.stash[_ending].forget()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 - xdist has no public type for it
    """Tell an xdist worker where the run lives."""
    settings = node.config.stash[_session].settings
    node.workerinput[PROPERTY] = (str(settings.folder), settings.guardian)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Read a module of scenarios as data; pytest's own collector would import it, and torch with it."""
    found = yield
    if file_path.parent == CASES and file_path.suffix == ".py":
        if file_path.name == "__init__.py":
            return []
        return [Module.from_parent(parent, path=file_path)]
    return found


class Module(pytest.File):
    """A module of scenarios."""

    def collect(self) -> Iterator[Item]:
        """One item for each trial."""
        try:
            entries = catalog.read_module(self.path)
        except catalog.CatalogError as error:
            raise self.CollectError(str(error)) from None
        problems = lint([accept.draft(entry) for entry in entries])
        if problems:
            raise self.CollectError("\n".join(problems))
        for entry in entries:
            for name in self.config.stash[_session].implementations:
                for variant in catalog.variants(entry):
                    cell = f"{name}-{variant.id}" if variant.id else name
                    title = f"{entry.name}[{cell}]"
                    # Given as text, so that pytest reads the cell as parameters: --lf compares these.
                    yield Item.from_parent(
                        self,
                        name=title,
                        nodeid=f"{self.nodeid}::{title}",
                        cell=(entry, variant, name),
                    )


class Nonconforming(Exception):  # noqa: N818 - a judgement, not an error of ours
    """Carries a result to pytest's report."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.judgement.reason)
        self.result = result


class Item(pytest.Item):
    """A trial."""

    def __init__(self, *, cell: tuple[Entry, Variant, str], **rest: Any) -> None:  # noqa: ANN401
        super().__init__(**rest)
        self.cell = cell
        entry, variant, name = cell
        self.trial = Trial(entry.id, variant.id, name)

    def runtest(self) -> None:
        """Run the trial; the result travels to the process that records, as one string."""
        session = self.config.stash[_session]
        result = session.run(*self.cell)
        self.user_properties.append((PROPERTY, json.dumps(result_to_json(result))))
        verdict = result.judgement.verdict
        if verdict is Verdict.UNSUPPORTED:
            pytest.skip(visible(result.judgement.reason))
        if verdict is Verdict.XFAIL:
            pytest.xfail(visible(result.judgement.reason))
        if fails(result.judgement, strict=self.config.stash[_request].strict):
            raise Nonconforming(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401
        """What the terminal shows of a trial that does not conform."""
        if isinstance(excinfo.value, Nonconforming):
            result = excinfo.value.result
            asked = self.config.stash[_session].implementations[result.trial.implementation]
            return explain(result, asked.argument)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the scenario is, so that editors jump to its function."""
        return self.path, self.cell[0].line - 1, self.name


def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Apply --select and --shuffle."""
    if session.testsfailed:  # a module could not be read: that is what has to be said
        return
    patterns: Sequence[str] = config.getoption("--select") or ()
    trials = [item for item in items if isinstance(item, Item)]
    for pattern in patterns:
        if not any(plan.selects(pattern, *item.cell[:2]) for item in trials):
            hint = plan.near(pattern, catalog.read())
            raise pytest.UsageError(
                f"no scenario matches {pattern!r}{hint}; `touchstone list` shows all"
            )
    if patterns:
        chosen = [i for i in trials if any(plan.selects(p, *i.cell[:2]) for p in patterns)]
        _leave_out(config, items, chosen)
    if (seed := config.getoption("--shuffle")) is not None:
        random.Random(seed).shuffle(items)  # noqa: S311 - an order, not a secret


def _leave_out(
    config: pytest.Config, items: list[pytest.Item], chosen: Sequence[pytest.Item]
) -> None:
    kept = set(chosen)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = chosen


class Portion:
    """Leaves to this run the part of the plan that it was asked for.

    Args:
        folder: where the whole plan is left for the process that records.
        request: what the run was asked for.
    """

    def __init__(self, folder: Path, request: Request) -> None:
        self._folder = folder
        self._request = request

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Choose among what everything else, such as -k, has selected."""
        if session.testsfailed or (not self._request.shard and self._request.remaining is None):
            return
        trials = {item.trial: item for item in items if isinstance(item, Item)}
        leave(self._folder, "plan", tuple(trials))
        chosen = [trials[trial] for trial in self._request.portion(tuple(trials))]
        _leave_out(config, items, chosen)
