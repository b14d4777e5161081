"""The record of a run: JSON lines that everything afterwards is a function of.

Knows the format (record.schema.json) and how to write, read and refuse it. Must not judge or render. One
writer appends; a reader refuses what is foreign, newer, damaged or without its footer, each by name. Only
`read_interrupted` takes what has no footer, for those who complete it.

    {"record": "header", "format": 1, "plan": [...], "scenarios": {...}, "implementations": {...}, ...}
    {"record": "text", "digest": ..., "text": ...}      long texts, once each, before their first use
    {"record": "result", "trial": {...}, "judgement": {...}, "exit": {...}, ...}
    {"record": "again", "trial": {...}, "judgement": {...}, ...}      a second look at a result before it
    {"record": "footer", "verdicts": {...}, "results": n, ...}
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import control, files, schema
from harness.control import Control
from harness.model import (
    Attempt,
    Difference,
    Exit,
    Failure,
    Judgement,
    Known,
    Observation,
    Result,
    Trial,
    Verdict,
)
from harness.story import Tier, from_json, parse, to_json

FORMAT = 2
SCHEMA = Path(__file__).with_name("record.schema.json")

#: What each of our files begins with.
_BEGINS = '{"record":"header"'

_KINDS = ("header", "text", "result", "again", "footer")

#: The kinds of JSON values that have others in them, and so may refer to a text.
_HOLDERS = (dict, list)

#: Texts longer than this are written once and referred to.
_LONG = 200


class RecordError(Exception):
    """A file is not a record that can be used; the message says what was found and what to do."""


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """A whole record.

    Attributes:
        header: plan, scenarios, implementations and their fingerprints, as JSON values.
        results: one for each trial that ran, in the order in which they ended.
        footer: counts and end of the run, as JSON values.
    """

    header: Mapping[str, Any]
    results: tuple[Result, ...]
    footer: Mapping[str, Any]

    @property
    def planned(self) -> tuple[Trial, ...]:
        """The trials of the plan, in its order."""
        return tuple(Trial(**each) for each in self.header["plan"])

    @property
    def is_whole(self) -> bool:
        """Whether the plan has every scenario of the catalog that it was made with."""
        return len(self.header["scenarios"]) == int(self.header["suite"]["scenarios"])

    @property
    def controls(self) -> tuple[Control, ...]:
        """What became of the controls."""
        return tuple(control.from_json(each) for each in self.header["controls"])

    @property
    def distrust(self) -> tuple[str, ...]:
        """Why the record cannot be trusted, in sentences; of several records as one, what each says."""
        if "distrust" in self.header:
            return tuple(self.header["distrust"])
        ran = dict.fromkeys(each.trial.implementation for each in self.results if _ran(each))
        return control.distrust(list(ran), self.controls)


def result_to_json(result: Result) -> dict[str, Any]:
    """A result as JSON values."""
    value = dataclasses.asdict(result)
    value["exit"]["observation"]["story"] = [to_json(e) for e in result.exit.observation.story]
    return {"record": "result", **value}


def result_from_json(value: Mapping[str, Any]) -> Result:
    """The result that `result_to_json` gave.

    Raises:
        KeyError, TypeError, ValueError: the value is no result.
    """
    exit_ = dict(value["exit"])
    seen = dict(exit_.pop("observation"))
    seen["story"] = tuple(from_json(event) for event in seen["story"])
    seen["evidence"] = tuple(seen["evidence"])
    seen["artefacts"] = tuple(seen["artefacts"])
    seen["failure"] = Failure(**seen["failure"]) if seen["failure"] else None
    return Result(
        trial=Trial(**value["trial"]),
        judgement=_judgement(value["judgement"]),
        expected=value["expected"],
        condition=value["condition"],
        exit=Exit(observation=Observation(**seen), **exit_),
        known=Known(**value["known"]) if value["known"] else None,
        attempts=_attempts(value["attempts"]),
        polluters=tuple(value["polluters"]),
    )


def _judgement(value: Mapping[str, Any]) -> Judgement:
    made = dict(value)
    made["verdict"] = Verdict(made["verdict"])
    made["tier"] = Tier(made["tier"]) if made["tier"] else None
    made["promised"] = tuple(Tier(each) for each in made["promised"])
    made["kept"] = tuple(Tier(each) for each in made["kept"])
    made["differences"] = tuple(
        Difference(**{**each, "tier": Tier(each["tier"])}) for each in made["differences"]
    )
    return Judgement(**made)


def _attempts(values: Sequence[Mapping[str, Any]]) -> tuple[Attempt, ...]:
    return tuple(Attempt(**{**each, "verdict": Verdict(each["verdict"])}) for each in values)


def _looked_at(result: Result, again: Mapping[str, Any] | None) -> Result:
    """A result with what a second look came to."""
    if again is None:
        return result
    return dataclasses.replace(
        result,
        judgement=_judgement(again["judgement"]),
        attempts=_attempts(again["attempts"]),
        polluters=tuple(again["polluters"]),
    )


class Writer:
    """Appends to a record; nothing is in the file before there is something to say.

    Every line is written whole or not at all.

    Raises:
        OSError: it cannot be written; what was written before is a record that can be completed.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb", buffering=0)
        with contextlib.suppress(OSError):  # some file systems have no locks
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._texts: set[str] = set()
        self._verdicts: Counter[str] = Counter()
        self._line({"record": "header", "format": FORMAT, **header})

    def add(self, result: Result) -> None:
        """Write one result, with the long texts that were not written before."""
        value = result_to_json(result)
        observation = value["exit"]["observation"]
        observation["evidence"] = self._pool(observation["evidence"])
        self._line(value)
        self._verdicts[result.judgement.verdict] += 1

    def look(self, before: Result, after: Result) -> None:
        """Write what a second look at a result that was added came to."""
        value = dataclasses.asdict(after)
        kept = ("trial", "judgement", "attempts", "polluters")
        self._line({"record": "again", **{key: value[key] for key in kept}})
        self._verdicts[before.judgement.verdict] -= 1
        self._verdicts[after.judgement.verdict] += 1

    @property
    def results(self) -> int:
        """How many results were written."""
        return sum(self._verdicts.values())

    def close(self, more: Mapping[str, Any]) -> None:
        """Write the footer: only now is the record whole."""
        verdicts = dict(sorted((+self._verdicts).items()))
        self._line({"record": "footer", "verdicts": verdicts, "results": self.results, **more})
        self._file.close()

    def _pool(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        if isinstance(value, str) and len(value) > _LONG:
            digest = hashlib.sha256(value.encode("utf-8", "backslashreplace")).hexdigest()[:16]
            if digest not in self._texts:
                self._line({"record": "text", "digest": digest, "text": value})
                self._texts.add(digest)
            return {"$text": digest}
        if isinstance(value, Mapping):
            return {key: self._pool(each) for key, each in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [self._pool(each) for each in value]
        return value

    def _line(self, value: Mapping[str, Any]) -> None:
        line = memoryview(json.dumps(value, separators=(",", ":")).encode() + b"\n")
        begin = self._file.tell()
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError:
            self._file.seek(begin)
            self._file.truncate()
            raise


def read(path: Path) -> Record:
    """A whole record.

    Raises:
        RecordError: the file is missing, foreign, newer, damaged, or ends before its footer.
    """
    rows = _rows(path)
    values = [_parse(path, number, row, len(rows)) for number, row in enumerate(rows, start=1)]
    _check_begin(path, values)
    _check_end(path, values)
    return _made(path, values)


def read_interrupted(path: Path) -> Record:
    """What there is of a record whose run may have ended within a line; its footer may be empty.

    Raises:
        RecordError: the file is missing, foreign, newer or damaged, holds no result, or still grows.
    """
    rows = _rows(path)
    if _grows(path):
        raise RecordError(f"{path} is still being written by a run; wait for its end, or end it")
    cut = rows.pop() if rows and not _is_json(rows[-1]) else ""
    if not rows and not _BEGINS.startswith(cut[: len(_BEGINS)]):
        raise RecordError(
            f"{path} is no record: it begins with {cut[:40]!r}; give a file that `touchstone run` wrote"
        )
    if not rows:
        raise RecordError(f"{path} is empty: its run ended before its first result; run again")
    values = [_parse(path, number, row, len(rows)) for number, row in enumerate(rows, start=1)]
    _check_begin(path, values)
    return _made(path, values)


def _rows(path: Path) -> list[str]:
    try:
        text = files.read_text(path).removesuffix("\n")
        return text.split("\n") if text else []
    except OSError as error:
        raise RecordError(
            f"{path} cannot be read: {error.strerror}; give the path of a record"
        ) from error
    except files.PackedError as error:
        raise RecordError(f"{path} {error}; give the path of a record, whole") from error
    except UnicodeDecodeError as error:
        raise RecordError(
            f"{path} is no record: it is not text; give a file that `touchstone run` wrote"
        ) from error


def _grows(path: Path) -> bool:
    """Whether a writer has the file open."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False


def _is_json(row: str) -> bool:
    try:
        json.loads(row)
    except (ValueError, RecursionError):
        return False
    return True


def _made(path: Path, values: Sequence[Mapping[str, Any]]) -> Record:
    """The record that lines are; one without a footer counts nothing."""
    footer = values[-1] if values[-1].get("record") == "footer" else {}
    try:
        texts = {v["digest"]: v["text"] for v in values if v.get("record") == "text"}
        lines = [_unpool(v, texts) if v.get("record") == "result" else v for v in values]
        for number, value in enumerate(lines, start=1):
            _check_line(path, number, value)
        again = {Trial(**v["trial"]): v for v in lines if v["record"] == "again"}
        told = (result_from_json(v) for v in lines if v["record"] == "result")
        results = tuple(_looked_at(each, again.pop(each.trial, None)) for each in told)
        record = Record(values[0], results, footer)
        planned = set(record.planned)
        for expected in dict.fromkeys(each.expected for each in results):
            parse(expected)
        counted = footer["results"] if footer else len(results)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        found = ascii(error)[:200]
        raise RecordError(f"{path} is damaged: {found} in a line; run again") from error
    _check_names(path, record)
    done = Counter(result.trial for result in results)
    strange = [
        *again,
        *(trial for trial, number in done.items() if trial not in planned or number > 1),
    ]
    if strange or counted != len(results):
        raise RecordError(
            f"{path} is damaged: it has {len(results)} results, its footer counts {counted}, "
            f"and {len(strange)} are not in its plan or there twice; run again"
        )
    return record


def _check_line(path: Path, number: int, value: Mapping[str, Any]) -> None:
    kind = value.get("record")
    if kind not in _KINDS:
        raise RecordError(
            f"{path} is damaged: line {number} is of kind {ascii(kind)[:60]}, expected one of {', '.join(_KINDS)}; "
            "run again"
        )
    try:
        schema.check(value, kind)
    except schema.SchemaError as error:
        raise RecordError(f"{path} is damaged in line {number}: {error}; run again") from error


def _check_names(path: Path, record: Record) -> None:
    """Make sure that the header describes what its plan names."""
    for trial in record.planned:
        for name, described in (
            (trial.scenario, "scenarios"),
            (trial.implementation, "implementations"),
        ):
            if name not in record.header[described]:
                raise RecordError(
                    f"{path} is damaged: its plan names {ascii(name)[:60]}, which is not among its {described}; "
                    "run again"
                )


def _ran(result: Result) -> bool:
    """Whether a trial was run at all, on an implementation that can run."""
    failure = result.exit.observation.failure
    return not failure or failure.phase not in ("environment", "import")


def _parse(path: Path, number: int, row: str, rows: int) -> dict[str, Any]:
    try:
        value = json.loads(row)
    except RecursionError as error:
        raise RecordError(
            f"{path} is no record: line {number} is nested too deep; give a file that `touchstone run` wrote"
        ) from error
    except ValueError as error:
        if number == rows and rows > 1:
            raise RecordError(
                f"{path} is truncated in line {number}; the run was interrupted, run it again{_or_complete(path)}"
            ) from error
        raise RecordError(
            f"{path} is no record: line {number} is no JSON; give a file that `touchstone run` wrote"
        ) from error
    if not isinstance(value, dict):
        raise RecordError(
            f"{path} is no record: line {number} is {type(value).__name__}, expected an object"
        )
    return value


def _check_begin(path: Path, values: Sequence[Mapping[str, Any]]) -> None:
    first = values[0] if values else {}
    if first.get("record") != "header" or not isinstance(first.get("plan"), list):
        raise RecordError(
            f"{path} is no record: its first line is no header; give a file that `touchstone run` wrote"
        )
    if first.get("format") != FORMAT:
        raise RecordError(
            f"{path} has format {first.get('format')}, this Touchstone reads format {FORMAT}; "
            "use the version that wrote it"
        )


def _check_end(path: Path, values: Sequence[Mapping[str, Any]]) -> None:
    if values[-1].get("record") != "footer":
        done = sum(value.get("record") == "result" for value in values)
        raise RecordError(
            f"{path} is truncated: it has no footer and {done} of {len(values[0]['plan'])} planned results; "
            f"the run was interrupted, run it again{_or_complete(path)}"
        )


def _or_complete(path: Path) -> str:
    return f", or only what is missing: touchstone run --resume {shlex.quote(str(path))}"


def _unpool(value: Any, texts: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, list):
        return [_unpool(v, texts) if isinstance(v, _HOLDERS) else v for v in value]
    if len(value) == 1 and "$text" in value:
        return texts[value["$text"]]
    return {k: _unpool(v, texts) if isinstance(v, _HOLDERS) else v for k, v in value.items()}
