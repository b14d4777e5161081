"""Known deviations: entries that say which implementation deviates where, how exactly, and why.

Knows the files `known/*.toml`, how they are read and written. Must not judge; it finds the entry that speaks
of a trial, and the entries that speak of none.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from fnmatch import translate
from functools import cache
from pathlib import Path

from harness.condition import ConditionError, read_condition
from harness.model import Implementation, Known, Result, Trial

FOLDER = Path(__file__).resolve().parent.parent / "conformance" / "known"

_FIELDS = {each.name: each for each in dataclasses.fields(Known)}
_REQUIRED = ("scenario", "implementation", "signature", "reason")
_PLACE = ("scenario", "signature")


class KnownError(Exception):
    """A file of known deviations cannot be used; the message names file, entry and remedy."""


def read(folder: Path = FOLDER) -> tuple[Known, ...]:
    """All known entries of a folder, in the order of files and entries.

    Raises:
        KnownError: a file is no TOML, or an entry lacks a field, has a strange one, or cannot be read.
    """
    return tuple(entry for file in sorted(folder.glob("*.toml")) for entry in read_file(file))


def read_file(file: Path) -> tuple[Known, ...]:
    """The known entries of one file, in its order.

    Raises:
        KnownError: the file is missing or no TOML, or an entry is as `read` refuses it.
    """
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise KnownError(
            f"{file} cannot be read: {error.strerror}; give a file that `touchstone known` wrote"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KnownError(f"{file} is no TOML: {error}") from error
    tables = document.pop("known", [])
    if document or not isinstance(tables, list):
        strange = ", ".join(document) or "[known]"
        raise KnownError(f"{file} has {strange}; write each entry as a table [[known]]")
    return tuple(
        _read_entry(file, number, single)
        for number, table in enumerate(tables, start=1)
        for single in _spread(file, number, table)
    )


def _spread(file: Path, number: int, table: Mapping[str, object]) -> list[Mapping[str, object]]:
    """One table for each implementation and deviation of a table that gives one reason to several."""
    named = table.get("implementation")
    if isinstance(named, list):
        if not named:
            raise KnownError(f"{file}: entry {number}: `implementation` is an empty list")
        return [
            single
            for each in named
            for single in _spread(file, number, {**table, "implementation": each})
        ]
    if "deviations" not in table:
        return [table]
    shared = {name: value for name, value in table.items() if name != "deviations"}
    found = table["deviations"]
    if (
        not isinstance(found, list)
        or not found
        or set(shared) & set(_PLACE)
        or any(not isinstance(each, dict) or set(each) != set(_PLACE) for each in found)
    ):
        raise KnownError(
            f"{file}: entry {number}: `deviations` is a list of tables with {' and '.join(_PLACE)}, which then stand "
            "nowhere else in the entry"
        )
    return [{**shared, **each} for each in found]


def _read_entry(file: Path, number: int, table: Mapping[str, object]) -> Known:
    missing = [name for name in _REQUIRED if not table.get(name)]
    strange = sorted(set(table) - set(_FIELDS))
    if missing or strange:
        raise KnownError(
            f"{file}: entry {number} lacks {missing or 'nothing'} and has unknown {strange or 'nothing'}; "
            f"an entry has {', '.join(_FIELDS)}"
        )
    for name, value in table.items():
        if not isinstance(value, bool if name == "flaky" else str):
            raise KnownError(
                f"{file}: entry {number}: `{name}` is {value!r}, expected "
                f"{'true or false' if name == 'flaky' else 'a string'}"
            )
    entry = Known(**table)  # type: ignore[arg-type]
    try:
        settings = read_condition(entry.when).settings
        date.fromisoformat(entry.expires or "2000-01-01")
    except (ConditionError, ValueError) as error:
        raise KnownError(f"{file}: entry {number} cannot be read: {error}") from error
    if settings:
        raise KnownError(
            f"{file}: entry {number}: `when` is {entry.when!r}, but speaks of versions only; put the "
            "variant into `scenario`"
        )
    return entry


def speaking(
    entries: Iterable[Known], implementation: Implementation, versions: Mapping[str, str]
) -> tuple[Known, ...]:
    """The entries that speak of an implementation under these versions, as they hold for it.

    What speaks only of the part of torch that it is built on may come and go: it need not be reached.
    """
    found = (
        _applied(each, implementation)
        for each in entries
        if read_condition(each.when).holds({}, versions)
    )
    return tuple(each for each in found if each)


def find(entries: Iterable[Known], trial: Trial) -> tuple[Known | None, tuple[Known, ...]]:
    """The entry that speaks of a trial, and the others that do: of causes, of other machines.

    Of several, one that spells the implementation's name counts before those with a pattern, then the first.

    Args:
        entries: those that speak of the trial's implementation.
        trial: what they are asked about.
    """
    found = [each for each in entries if covers(each, trial)]
    own = [each for each in found if not each.message]
    named = (each for each in own if each.implementation == trial.implementation)
    first = next(named, next(iter(own), None))
    return first, tuple(each for each in found if each != first)


def _applied(entry: Known, implementation: Implementation) -> Known | None:
    """An entry as it holds for an implementation, if it does: its own, or of what that is built on."""
    if _means(entry, implementation):
        return entry
    base = implementation.built_on
    if not base or not _means(entry, replace(implementation, name=base, backend=base)):
        return None
    return replace(entry, flaky=True, reason=f"{entry.reason} (as {base}, which it is built on)")


def explains(entry: Known, signature: str, message: str = "") -> bool:
    """Whether an entry expects a deviation: its signature, and its error's message if the entry has one.

    A star stands for what varies from run to run. With a message it stands for what varies from trial to trial, within
    one deviation: the cause of an error does not explain what was wrong before it.
    """
    varying = "[^;]*" if entry.message else ".*"
    return (
        re.fullmatch(_with_stars(entry.signature, varying), signature, re.DOTALL) is not None
        and re.search(_with_stars(entry.message, ".*"), message, re.DOTALL) is not None
    )


def _with_stars(text: str, varying: str) -> str:
    return varying.join(map(re.escape, text.split("*")))


def covers(entry: Known, trial: Trial) -> bool:
    """Whether an entry's pattern names the scenario and variant of a trial."""
    return _matches(entry.scenario, trial.id.partition(" @ ")[0])


def _means(entry: Known, implementation: Implementation) -> bool:
    return (
        _matches(entry.implementation, implementation.name)
        and _matches(entry.backend or "*", implementation.backend)
        and _matches(entry.device or "*", implementation.device)
    )


def _matches(glob: str, text: str) -> bool:
    return _pattern(glob).match(text) is not None


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob.replace("[", "[[]")))


def idle(
    entries: Iterable[Known],
    results: Collection[Result],
    trials: Iterable[Trial],
    implementations: Iterable[Implementation],
) -> list[Known]:
    """Entries of causes that no trial failed by, though each of the trials that they could speak of has a result.

    Args:
        entries: the known deviations.
        results: what ran.
        trials: of a whole catalog, on these implementations.
        implementations: those that ran.
    """
    used, ran = {each.known for each in results}, {each.trial for each in results}
    trials, implementations = list(trials), list(implementations)
    found: list[Known] = []
    for entry in (each for each in entries if each.message):
        named = {each.name for each in implementations if _means(entry, each)}
        meant = {each for each in trials if each.implementation in named and covers(entry, each)}
        if meant and meant <= ran and entry not in used:
            found.append(entry)
    return found


def stale(
    entries: Sequence[Known],
    trials: Iterable[Trial],
    implementations: Iterable[Implementation],
    today: date,
) -> list[tuple[Known, str]]:
    """Entries that match no trial of a whole catalog, or that have expired, with the reason."""
    trials, implementations = list(trials), list(implementations)
    found: list[tuple[Known, str]] = []
    for entry in entries:
        named = {each.name for each in implementations if _means(entry, each)}
        if named and not any(covers(entry, t) for t in trials if t.implementation in named):
            found.append((entry, "matches no trial; correct its pattern or delete it"))
        if entry.expires and date.fromisoformat(entry.expires) <= today:
            found.append((entry, f"expired on {entry.expires}; look at it again"))
    return found
