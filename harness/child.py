"""One trial, from the job to the last line of its answer. Far side.

Knows the order of things: import the scenario, run the oracle, run the implementation, say how it ended. The
answer is a file of JSON lines that grows while the trial runs, so that a crash loses nothing that was told:

    {"begin": {"torch": ..., "python": ...}}
    {"event": {...}, "evidence": {...}}          one for each event
    {"failure": {...}} | {"bug": "traceback"}    at most one
    {"end": {"channels": {...}, "artefacts": [...]}}
"""

from __future__ import annotations

import dataclasses
import faulthandler
import importlib
import importlib.util
import json
import logging
import os
import platform
import random
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from harness import adapter, kin, ranks
from harness.elsewhere import (
    Elsewhere,
    Going,
    HandingOver,
    Order,
    Return,
    StoryEnded,
    fulfil,
    read_order,
)
from harness.judged import Judged
from harness.model import Failure, Implementation, Job
from harness.scenario import Scenario
from harness.sight import ObserverError, UnseenError, message_of
from harness.story import Event, Step, to_json
from harness.subject import Oracle, Settings

#: What scenarios import and torch does not bring.
_OPTIONAL = frozenset({"numpy"})


def versions() -> dict[str, str]:
    """What conditions may ask about, as this process sees it."""
    return {"torch": str(torch.__version__), "python": platform.python_version()}


def _check(implementation: Implementation) -> Mapping[str, Any]:
    """Whether the implementation can be imported: what a job without a scenario asks."""
    try:
        made = adapter.make(implementation)
        torch.empty(1, device=implementation.device, dtype=_dtype(implementation))
    except Exception as error:  # noqa: BLE001 - the implementation's own import
        return {"failure": dataclasses.asdict(_failure(error, "import"))}
    return {"end": {"channels": made.channels, "artefacts": []}}


def _dtype(implementation: Implementation) -> torch.dtype:
    found = getattr(torch, implementation.dtype, None)
    if not isinstance(found, torch.dtype):
        raise TypeError(f"`dtype` is {implementation.dtype!r}, which is no dtype of torch")
    return found


def prepare() -> None:
    """What every far-side process does before its first compilation.

    On each compilation Dynamo flushes the CPU's caches to log how long its guards take, about 65 ms
    (`profile_guard_manager` in torch/_dynamo/guards.py). The figure is a log line and nothing else.
    """
    guards = importlib.import_module("torch._dynamo.guards")
    if hasattr(guards, "profile_guard_manager"):
        setattr(guards, "profile_guard_manager", lambda *_: 0.0)  # noqa: B010 - mypy knows no such name


def forget() -> None:
    """Leave nothing of an earlier trial in this process; as far as that is possible without a new one."""
    torch.compiler.reset()
    importlib.import_module("torch._dynamo.utils").counters.clear()


class Answer:
    """The answer at a path; each line is on disk when the call that appends it returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def __call__(self, line: Mapping[str, Any]) -> None:
        """Append one line."""
        os.write(self._file, json.dumps(line).encode() + b"\n")


class Said(logging.Handler):
    """Collects what torch logs at WARNING and above, as evidence of the event that follows."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line; called by logging."""
        if record.name != "torch.__trace":
            self._lines.append(f"{record.levelname} {record.name}: {record.getMessage()}"[:2000])

    def take(self) -> list[str]:
        """The lines since the last call."""
        lines, self._lines = self._lines, []
        return lines


def run(job: Job, write: Answer) -> None:
    """Run a trial; whatever happens is in the answer."""
    write({"begin": versions()})
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = job.cache
    if not job.name:
        write(_check(Implementation(**job.implementation)))
        return
    try:
        adapter.introduce(Implementation(**job.implementation))  # the oracle is on its device
    except Exception as error:  # noqa: BLE001 - the implementation's own import
        write({"failure": dataclasses.asdict(_failure(error, "import"))})
        write({"end": {"channels": {}, "artefacts": []}})
        return
    if job.order:
        write({"end": _take_over(job, write)})
        return
    write({"eager": True})
    try:
        scenario = find(job)
        # Before the oracle: whoever goes on elsewhere must not have run any of this trial's programs.
        elsewhere = _elsewhere(job, write) if _leaves(scenario) else None
        oracle = consult(scenario, _settings(job, scenario), elsewhere)
    except adapter.NotOffered as error:
        write({"failure": dataclasses.asdict(_failure(error, "run"))})
        write({"end": {"channels": {}, "artefacts": []}})
        return
    except BaseException as error:  # noqa: BLE001 - nothing of the implementation has run yet
        if lacks := _lacking(error) or _of_device(error, job):
            write({"failure": dataclasses.asdict(lacks)})
            write({"end": {"channels": {}, "artefacts": []}})
        else:
            write({"bug": traceback.format_exc()})
        return
    write({"eager": False})
    start = Order("", (), tuple(oracle.sights), job.cache)
    back, _ = _play(job, start, scenario.body, write, elsewhere)
    if elsewhere:
        elsewhere.close()
    write({"end": {"channels": back.channels, "artefacts": back.artefacts}})


def _take_over(job: Job, write: Answer) -> Mapping[str, Any]:
    """Run what a process of another environment has left to do."""
    find(job)  # what was handed over may hold instances of the module's classes
    order = dataclasses.replace(read_order(Path(job.order)), cache=job.cache)
    back = run_step(job, order, write)
    return {"channels": back.channels if back else {}, "artefacts": back.artefacts if back else []}


def _leaves(scenario: Scenario) -> bool:
    return bool({"elsewhere", "ranks"} & set(scenario.body.__code__.co_names))


def _elsewhere(job: Job, write: Answer) -> Going:
    """Where the steps of this trial run."""
    if job.hands_over:
        return HandingOver(Path(job.hands_over))
    folder = Path(job.cache) / "elsewhere"
    folder.mkdir(parents=True, exist_ok=True)
    paper = folder / "job"
    paper.write_text(json.dumps(dataclasses.asdict(job)), encoding="utf-8")
    deadline = str(time.monotonic() + job.time_limit)
    command = ("child", str(paper), str(write.path), deadline)
    return Elsewhere(lambda order: run_step(job, order, write), command, folder, write)


def run_step(job: Job, order: Order, write: Answer) -> Return | None:
    """Run one step of a trial in this process, which has seen nothing of it; None if the story ended in it."""
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = order.cache
    step = getattr(sys.modules[job.module], order.step)
    if order.rank is not None:
        ranks.join(order.rank)
    if order.oracle:
        return _show(job, order, step)
    if order.rank is not None:
        write = Answer(Path(order.answer))
        goes_on = Step(f"rank {order.rank.number} of {order.rank.world} goes on")
        write({"event": to_json(goes_on), "evidence": {}})
    back, ended = _play(job, order, step, write, None)
    return None if ended else back


def _show(job: Job, order: Order, step: Callable[..., None]) -> Return:
    """Run a step in eager: what it showed."""
    _seed(job.seed)
    oracle = Oracle(_settings(job, find(job)))
    oracle.resume(order)
    step(oracle, *order.arguments)
    return oracle.hand_back()


def _play(
    job: Job, order: Order, step: Callable[..., None], write: Answer, elsewhere: Going | None
) -> tuple[Return, bool]:
    """Run a body, or a step of one, with the implementation: what it leaves, and whether the story ended early."""
    implementation = Implementation(**job.implementation)
    settings = _settings(job, find(job))
    _seed(job.seed)
    said = Said()

    def tell(event: Event, evidence: Mapping[str, Any]) -> None:
        logs = {"logs": lines} if (lines := said.take()) else {}
        write({"event": to_json(event), "evidence": {**evidence, **logs}})

    try:
        made = adapter.make(implementation)
    except Exception as error:  # noqa: BLE001 - the implementation's own import
        write({"failure": dataclasses.asdict(_failure(error, "import"))})
        return Return((), 0, None), True
    subject = Judged(settings, made, order, tell, elsewhere)
    ended = True
    logging.getLogger("torch").addHandler(said)
    try:
        step(subject, *order.arguments)
        ended = False
    except StoryEnded:
        pass
    except UnseenError as error:
        write({"failure": dataclasses.asdict(_failure(error.__cause__ or error, "run"))})
    except ObserverError:
        write({"bug": traceback.format_exc()})
    except BaseException as error:  # noqa: BLE001 - whatever the implementation raises ends the story
        write({"failure": dataclasses.asdict(_failure(error, made.phase(error)))})
    finally:
        logging.getLogger("torch").removeHandler(said)
        made.close()
    return subject.hand_back(), ended


def _settings(job: Job, scenario: Scenario) -> Settings:
    implementation = Implementation(**job.implementation)
    return Settings(
        axes=job.settings,
        device=implementation.device,
        dtype=_dtype(implementation),
        seed=job.seed,
        folder=job.cache,
        tells=scenario.tells,
        tolerances=implementation.tolerances,
        modules=adapter.modules(implementation),
    )


def main(arguments: list[str]) -> None:
    """Run one job in this fresh interpreter: `child JOB ANSWER DEADLINE [ORDER]`, files and a monotonic time."""
    job = Job(**json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    faulthandler.enable()
    kin.stand_first()
    left = float(arguments[2]) - time.monotonic() - 0.1 * job.time_limit
    faulthandler.dump_traceback_later(max(0.1, left), exit=False)
    prepare()
    answer = Answer(Path(arguments[1]))
    if len(arguments) > 3:  # noqa: PLR2004 - the fourth makes it a step of a trial
        adapter.introduce(Implementation(**job.implementation))
        find(job)
        fulfil(lambda order: run_step(job, order, answer), Path(arguments[3]))
    else:
        run(job, answer)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def find(job: Job) -> Scenario:
    """Import the scenario that the job names.

    Raises:
        TypeError: the name is no scenario.
    """
    module = sys.modules.get(job.module)
    if module is None:
        spec = importlib.util.spec_from_file_location(job.module, job.file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[job.module] = module
        spec.loader.exec_module(module)
    scenario = getattr(module, job.name)
    if not isinstance(scenario, Scenario):
        raise TypeError(
            f"{job.file}: {job.name} is {scenario!r}, expected a function under @scenario"
        )
    return scenario


def _lacking(error: BaseException) -> Failure | None:
    """What the environment has not, of what scenarios import beside torch; None if that is not what failed."""
    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if package not in _OPTIONAL:
        return None
    why = f"the scenario needs {package}, which is not installed for {sys.executable}; install it there"
    return dataclasses.replace(_failure(error, "run"), message=why)


def _of_device(error: BaseException, job: Job) -> Failure | None:
    """What a device other than the CPU cannot do in eager; None on the CPU, where every body runs."""
    return None if job.implementation["device"] == "cpu" else _failure(error, "eager")


def consult(scenario: Scenario, settings: Settings, elsewhere: Going | None = None) -> Oracle:
    """Run the body in eager.

    On the CPU, where every body runs, an exception is fine if a call raised it; on another device what nobody attempted
    is what the device cannot do.
    """
    _seed(settings.seed)
    oracle = Oracle(settings, elsewhere)
    try:
        scenario.body(oracle)
    except Exception as error:
        if error is not oracle.raised or settings.device != "cpu":
            raise
    return oracle


def _seed(seed: int) -> None:
    random.seed(seed)
    torch.manual_seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)


def _failure(error: BaseException, where: str) -> Failure:
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    try:
        trace = "".join(traceback.format_exception(error))
    except Exception as unreadable:  # noqa: BLE001 - likewise
        trace = f"<its traceback cannot be read: {type(unreadable).__name__}>"
    return Failure(where, kind, message_of(error)[:4000], trace[-12000:])
