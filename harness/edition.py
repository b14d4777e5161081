"""Editions: which promises there are since when, and why a promise that was published says something else now.

Knows the table of changes (conformance/editions.toml, written by people) and the lock (editions.json, written by
`touchstone editions --write`). Must not run or judge anything. docs/editions.md has the rules.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import tokenize
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.catalog import CASES, Entry
from harness.excerpt import excerpt

CHANGES = CASES.parent / "editions.toml"
LOCK = CASES.parent / "editions.json"

_SILENT = (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER)


class EditionError(ValueError):
    """The table of changes or the lock cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A scenario as an edition has it.

    Attributes:
        since: the edition that it came with.
        changed: the edition from which on it says what it says.
        digest: a fingerprint of what it says; see `fingerprint`.
    """

    since: int
    changed: int
    digest: str


@dataclass(frozen=True, slots=True)
class Change:
    """Why a published scenario says something else, or is gone, from an edition on."""

    edition: int
    scenario: str
    why: str


@dataclass(frozen=True, slots=True)
class Editions:
    """The editions of a catalog.

    Attributes:
        number: the edition that the catalog is.
        released: the newest that was published; the one after it is being written.
        promises: the scenarios, by id.
        changes: all reasons, the newest first.
    """

    number: int
    released: int
    promises: Mapping[str, Promise] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()


def fingerprint(entry: Entry) -> str:
    """16 hexadecimal digits over all that a scenario promises and runs; comments and layout are not part of it."""
    return _digest({"claim": entry.claim, **_terms(entry)}, _program(entry))


def conduct(entry: Entry) -> str:
    """16 hexadecimal digits over what a scenario runs and expects: a claim in other words has the same."""
    return _digest(_terms(entry), _without_docstring(_program(entry)))


def _terms(entry: Entry) -> dict[str, Any]:
    """What is declared of a scenario, but for its claim."""
    return {
        "stories": entry.stories,
        "axes": {name: list(map(repr, values)) for name, values in entry.axes.items()},
        "needs": sorted(entry.needs),
        "tells": sorted(entry.tells),
        "tiers": {facet: text.partition(":")[0] for facet, text in entry.tiers.items()},
        "exact": bool(entry.exact),
        "torch": entry.torch,
    }


def _program(entry: Entry) -> str:
    """A scenario's function with all that it needs of its module, as `def scenario`: a new name is no new promise."""
    module = {entry.module: entry.file.read_text(encoding="utf-8")}
    program = excerpt(module, [(entry.module, entry.name)])[entry.module]
    return program.replace(f"def {entry.name}(", "def scenario(")


def _without_docstring(program: str) -> str:
    rows = program.splitlines()
    for node in ast.parse(program).body:
        if isinstance(node, ast.FunctionDef) and node.name == "scenario":
            claim = node.body[0]
            rows[claim.lineno - 1 : claim.end_lineno] = []
    return "\n".join(rows)


def _digest(declared: Mapping[str, Any], program: str) -> str:
    text = json.dumps(declared, sort_keys=True) + _words(program)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _words(source: str) -> str:
    """A source text without comments and layout, the same for every version of Python."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    words = (each.string for each in tokens if each.type not in _SILENT)
    return "".join("".join(word.split()) for word in words)


def read(changes: Path = CHANGES, lock: Path = LOCK) -> Editions:
    """The editions as they are written down.

    Raises:
        EditionError: a file is missing, or is no such file.
    """
    try:
        table = tomllib.loads(changes.read_text(encoding="utf-8"))
        locked = json.loads(lock.read_text(encoding="utf-8"))
        return Editions(
            number=int(table["edition"]),
            released=int(table["released"]),
            promises={name: Promise(**each) for name, each in locked.items()},
            changes=tuple(Change(**each) for each in table.get("change", ())),
        )
    except OSError as error:
        raise EditionError(f"{error.filename}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EditionError(f"{changes.name} or {lock.name} is damaged: {error!r}") from error


def bring_up(editions: Editions, entries: Sequence[Entry]) -> tuple[dict[str, Promise], list[str]]:
    """The promises as the catalog has them now, and what is missing for them to be an edition.

    What no edition has published may change freely. What one has may not, unless the edition that is being written
    says why.
    """
    reasons = {each.scenario for each in editions.changes if each.edition == editions.number}
    promises: dict[str, Promise] = {}
    missing: list[str] = []
    for entry in entries:
        digest = fingerprint(entry)
        names = (entry.id, *entry.formerly)
        before = next(
            (editions.promises[name] for name in names if name in editions.promises), None
        )
        if before is None:
            promises[entry.id] = Promise(editions.number, editions.number, digest)
            continue
        if before.digest == digest:
            promises[entry.id] = before
            continue
        free = before.since > editions.released
        changed = before.changed if free else editions.number
        promises[entry.id] = Promise(before.since, changed, digest)
        if not free and entry.id not in reasons:
            missing.append(_lacking(editions, entry.id, "says something else"))
    kept = {name for entry in entries for name in (entry.id, *entry.formerly)}
    for name, promise in editions.promises.items():
        if name not in kept and promise.since <= editions.released and name not in reasons:
            missing.append(_lacking(editions, name, "is gone"))
    if missing and editions.number <= editions.released:
        missing.append(
            f"edition {editions.number} is published: raise `edition` to {editions.released + 1}"
        )
    return promises, missing


def _lacking(editions: Editions, name: str, what: str) -> str:
    return (
        f"{name} was published and {what}: say why in a [[change]] of edition {editions.number}, "
        "or undo that"
    )


def to_text(promises: Mapping[str, Promise]) -> str:
    """The lock."""
    rows: dict[str, Any] = {name: asdict(promises[name]) for name in sorted(promises)}
    return (
        "{\n" + ",\n".join(f'"{name}": {json.dumps(row)}' for name, row in rows.items()) + "\n}\n"
    )


def differences(editions: Editions, promises: Mapping[str, Promise]) -> list[str]:
    """The ids whose promise is not as the lock has it."""
    every = {**editions.promises, **promises}
    return sorted(n for n in every if editions.promises.get(n) != promises.get(n))
