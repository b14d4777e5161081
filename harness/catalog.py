"""The catalog: scenarios read from source, without importing them.

Knows how a scenario is found in a module's syntax tree. Must not import a scenario, torch or pytest: every
argument of the decorator is a literal, so all of the catalog but the bodies can be read as data.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness import condition
from harness.scenario import Axis
from harness.story import Story, parse

CASES = Path(__file__).resolve().parent.parent / "conformance" / "cases"
PACKAGE = "conformance.cases"


class CatalogError(Exception):
    """The catalog cannot be read; each of `problems` says where, what was found and what was expected."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Entry:
    """A scenario as its source declares it.

    Attributes:
        family: name of the module.
        name: name of the function.
        file: the module's source file.
        line: of the function's `def`, from 1.
        source: the text of decorator and function.
        claim: first paragraph of the docstring, on one line.
        stories: pairs of condition and text, in the order in which they are tried.
        spans: for each story, first and last line of its literal in the file.
        body: the function's syntax tree.
        question: what the family asks, in the words of its module.
    """

    family: str
    name: str
    file: Path
    line: int
    source: str
    claim: str
    ref: str
    stories: tuple[tuple[str, str], ...]
    spans: tuple[tuple[int, int], ...]
    axes: Mapping[str, Axis]
    needs: tuple[str, ...]
    seed: tuple[str, ...]
    tells: tuple[str, ...]
    tiers: Mapping[str, str]
    exact: str
    torch: str
    formerly: tuple[str, ...]
    body: ast.FunctionDef = field(repr=False, compare=False)
    question: str = ""

    @property
    def id(self) -> str:
        """`family/name`."""
        return f"{self.family}/{self.name}"

    @property
    def module(self) -> str:
        """Dotted name under which the far side imports the module."""
        return f"{PACKAGE}.{self.family}"


@dataclass(frozen=True, slots=True)
class Variant:
    """One setting of a scenario's axes: its id, and the value of each axis."""

    id: str
    settings: Mapping[str, Any]


def variants(entry: Entry) -> list[Variant]:
    """The product of the scenario's axes, in their order; one nameless variant without axes."""
    found: list[Variant] = []
    for values in itertools.product(*entry.axes.values()):
        settings = dict(zip(entry.axes, values, strict=True))
        found.append(
            Variant(",".join(f"{axis}={value}" for axis, value in settings.items()), settings)
        )
    return found


def expected(
    entry: Entry, settings: Mapping[str, Any], versions: Mapping[str, str]
) -> tuple[str, Story]:
    """The condition and the story that conform for this variant and these versions.

    Raises:
        CatalogError: no condition holds.
    """
    for text, story in entry.stories:
        if condition.read_condition(text).holds(settings, versions):
            return text, parse(story)
    raise CatalogError(
        [f"{entry.id} has no story for {dict(settings)} with {dict(versions)}; add one to `expect`"]
    )


def read(folder: Path = CASES) -> list[Entry]:
    """All scenarios of a folder of modules, in the order of module and line.

    Raises:
        CatalogError: a scenario is not declared with literals, or a module is no Python.
    """
    entries: list[Entry] = []
    problems: list[str] = []
    for file in sorted(folder.glob("*.py")):
        if file.name == "__init__.py":
            continue
        try:
            entries += read_module(file)
        except CatalogError as error:
            problems += error.problems
    if problems:
        raise CatalogError(problems)
    return entries


def read_module(file: Path) -> list[Entry]:
    """The scenarios of one module, in the order of their lines.

    Raises:
        CatalogError: a scenario is not declared with literals, or the file is no Python.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CatalogError([f"{file}: is no UTF-8 text: {error}"]) from error
    return list(_entries(file, text))


@functools.cache
def _entries(file: Path, text: str) -> tuple[Entry, ...]:
    """The scenarios of a module's text: a run asks for them several times."""
    try:
        tree = ast.parse(text, filename=str(file))
    except SyntaxError as error:
        raise CatalogError([f"{file}:{error.lineno}: is not Python: {error.msg}"]) from error
    rows = text.splitlines()
    question = (ast.get_docstring(tree) or "").partition("\n\n")[0]
    entries: list[Entry] = []
    problems: list[str] = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if (
                isinstance(decorator, ast.Call)
                and isinstance(decorator.func, ast.Name)
                and decorator.func.id == "scenario"
            ):
                try:
                    entry = _entry(file, rows, node, decorator)
                    entries.append(replace(entry, question=" ".join(question.split())))
                except CatalogError as error:
                    problems += error.problems
    if problems:
        raise CatalogError(problems)
    return tuple(entries)


def _entry(file: Path, rows: Sequence[str], node: ast.FunctionDef, call: ast.Call) -> Entry:
    where = f"{file}:{call.lineno}: {node.name}"
    values: dict[str, Any] = {}
    nodes: dict[str, ast.expr] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise CatalogError([f"{where}: `**` hides the declaration; write each keyword out"])
        try:
            values[keyword.arg] = ast.literal_eval(keyword.value)
        except ValueError as error:
            raise CatalogError(
                [f"{where}: `{keyword.arg}` is no literal ({error}); the catalog is read, not run"]
            ) from error
        nodes[keyword.arg] = keyword.value
    for name, value in values.items():
        if name in _KEYWORDS and not _KEYWORDS[name](value):
            raise CatalogError([f"{where}: `{name}` must be {_WANTED[name]}; found {value!r}"])
    unknown = sorted(set(values) - set(_KEYWORDS))
    if unknown or call.args:
        raise CatalogError(
            [
                f"{where}: scenario() takes only {', '.join(sorted(_KEYWORDS))}; found {unknown or 'others'}"
            ]
        )
    stories, spans = _stories(values.get("expect"), nodes.get("expect"), where)
    docstring = ast.get_docstring(node) or ""
    return Entry(
        family=file.stem,
        name=node.name,
        file=file,
        line=node.lineno,
        source="\n".join(rows[call.lineno - 1 : node.end_lineno]),
        claim=" ".join(docstring.split("\n\n")[0].split()),
        ref=values.get("ref", ""),
        stories=stories,
        spans=spans,
        axes=values.get("axes") or {},
        needs=tuple(values.get("needs", ())),
        seed=tuple(values.get("seed", ())),
        tells=tuple(values.get("tells", ())),
        tiers=values.get("tiers") or {},
        exact=values.get("exact", ""),
        torch=values.get("torch", ""),
        formerly=tuple(values.get("formerly", ())),
        body=node,
    )


def _is_strings(value: object) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(each, str) for each in value)


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(key, str) and isinstance(each, str) for key, each in value.items()
    )


def _is_axes(value: object) -> bool:
    """Whether every axis has a tuple of plain values that differ as text, because ids are text."""
    return isinstance(value, dict) and all(
        isinstance(axis, str)
        and isinstance(values, tuple)
        and len({str(each) for each in values}) == len(values) > 0
        for axis, values in value.items()
    )


def _is_string(value: object) -> bool:
    return isinstance(value, str)


_STRINGS = "a tuple of strings"
_KEYWORDS: Mapping[str, Callable[[object], bool]] = {
    "ref": _is_string,
    "expect": lambda value: _is_string(value) or (_is_table(value) and bool(value)),
    "axes": _is_axes,
    "needs": _is_strings,
    "seed": _is_strings,
    "tells": _is_strings,
    "tiers": _is_table,
    "exact": _is_string,
    "torch": _is_string,
    "formerly": _is_strings,
}
_WANTED: Mapping[str, str] = {
    "ref": "a string",
    "expect": "a story or a dictionary of condition to story",
    "axes": "a dictionary of axis to a tuple of values that differ as text",
    "needs": _STRINGS,
    "seed": _STRINGS,
    "tells": _STRINGS,
    "tiers": "a dictionary of facet to 'tier: reason'",
    "exact": "a string",
    "torch": "a string of version clauses",
    "formerly": _STRINGS,
}


def _stories(
    value: object, node: ast.expr | None, where: str
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[int, int], ...]]:
    if isinstance(value, str) and node is not None:
        return (("", value),), (_span(node),)
    if isinstance(value, dict) and isinstance(node, ast.Dict):
        return tuple(value.items()), tuple(_span(story) for story in node.values)
    raise CatalogError(
        [
            f"{where}: `expect` must be a story or a dictionary of condition to story; found {value!r}"
        ]
    )


def _span(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.end_lineno or node.lineno


def digest(entries: Iterable[Entry]) -> str:
    """A fingerprint of the scenarios: 16 hexadecimal digits over the text of their modules."""
    total = hashlib.sha256()
    for file in sorted({entry.file for entry in entries}):
        total.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()[:16]
