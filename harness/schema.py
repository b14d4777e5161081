"""Values held against the schema of records, because a record comes from anywhere.

Knows the words of JSON Schema that record.schema.json uses, and says in a sentence what is not as it says. Must not
know what a record means.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("record.schema.json")

_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": (list, tuple),
    "string": str,
    "boolean": bool,
    "null": type(None),
}

#: Whole numbers beyond this are none that anything was counted to.
_LARGEST = 2**63

_ARTICLES = {"object": "an object", "array": "an array", "integer": "an integer", "null": "null"}

#: The words that are obeyed, and those that only describe; a test finds others in the schema.
CHECKED = {
    *(
        "$ref",
        "oneOf",
        "const",
        "enum",
        "type",
        "pattern",
        "minLength",
        "minimum",
        "exclusiveMinimum",
    ),
    *("items", "minItems", "maxItems", "uniqueItems"),
    *("properties", "required", "additionalProperties", "propertyNames"),
}
DESCRIBING = {"description", "format"}


class SchemaError(ValueError):
    """A value is not as the schema says; the message says where, what was found and what was expected."""


def check(value: object, name: str) -> None:
    """Hold a value against a definition of the schema, by its name.

    Raises:
        SchemaError: it is not as the definition says.
    """
    problem = next(_problems(value, definitions()[name], name), None)
    if problem:
        raise SchemaError(problem)


@cache
def definitions() -> Mapping[str, Any]:
    """The definitions of the schema, by name."""
    found: Mapping[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))["$defs"]
    return found


def _problems(value: Any, schema: Mapping[str, Any], place: str) -> Iterator[str]:  # noqa: ANN401
    """What is wrong with a value, one sentence each, as they are found."""
    if "$ref" in schema:
        yield from _problems(value, definitions()[schema["$ref"].rpartition("/")[2]], place)
    if "oneOf" in schema:
        fitting = sum(not any(_problems(value, each, place)) for each in schema["oneOf"])
        if fitting != 1:
            yield f"{place} is {_shown(value)}, which is nothing that may stand there"
    kinds = _listed(schema.get("type", ()))
    if kinds and not any(_is(value, kind) for kind in kinds):
        wanted = " or ".join(_ARTICLES.get(each, f"a {each}") for each in kinds)
        yield f"{place} is {_shown(value)}, expected {wanted}"
        return
    allowed = [schema["const"]] if "const" in schema else schema.get("enum", (value,))
    if value not in allowed:
        yield f"{place} is {_shown(value)}, expected {' or '.join(map(repr, allowed))}"
    yield from _inside(value, schema, place)


def _inside(value: object, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    match value:
        case str():
            yield from _of_text(value, schema, place)
        case dict():
            yield from _of_object(value, schema, place)
        case list() | tuple():
            yield from _of_array(value, schema, place)
        case int() | float():
            yield from _of_number(value, schema, place)


def _listed(kinds: str | Sequence[str]) -> Sequence[str]:
    return [kinds] if isinstance(kinds, str) else kinds


def _is(value: object, kind: str) -> bool:
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST
    if kind == "number" and isinstance(value, float):
        return math.isfinite(value)
    return _is(value, "integer") if kind == "number" else isinstance(value, _KINDS[kind])


def _of_text(value: str, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    if "pattern" in schema and not re.search(schema["pattern"].replace("$", r"\Z"), value):
        yield f"{place} is {_shown(value)}, expected a text like {schema['pattern']}"
    if len(value) < schema.get("minLength", 0):
        yield f"{place} is empty, expected a text"


def _of_number(value: float, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    if value < schema.get("minimum", value) or value <= schema.get("exclusiveMinimum", -math.inf):
        least = schema.get("minimum", schema.get("exclusiveMinimum"))
        yield f"{place} is {_shown(value)}, expected no less than {least}"


def _of_object(value: dict[str, Any], schema: Mapping[str, Any], place: str) -> Iterator[str]:
    described = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{place} has no {name!r}"
    for name, each in value.items():
        inner = f"{place}.{ascii(name[:40])[1:-1]}"
        if "propertyNames" in schema:
            yield from _problems(name, schema["propertyNames"], f"a name in {place}")
        if name in described:
            yield from _problems(each, described[name], inner)
        elif others is False:
            yield f"{place} has {_shown(name)}, which is not known there"
        elif others is not True:
            yield from _problems(each, others, inner)


def _of_array(
    value: list[Any] | tuple[Any, ...], schema: Mapping[str, Any], place: str
) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", math.inf):
        yield f"{place} has {len(value)} entries, which is too few or too many"
    if "items" in schema:
        for number, each in enumerate(value):
            yield from _problems(each, schema["items"], f"{place}[{number}]")
    distinct = (
        {json.dumps(each, sort_keys=True) for each in value} if "uniqueItems" in schema else ()
    )
    if len(distinct) < len(value) and "uniqueItems" in schema:
        yield f"{place} has an entry twice"


def _shown(value: object) -> str:
    """A value in an error message: short, and without anything that a terminal obeys."""
    if isinstance(value, dict | list | tuple):
        return f"{'an object' if isinstance(value, dict) else 'an array'} of {len(value)}"
    if isinstance(value, int) and abs(value) >= _LARGEST:
        return "a number without end"
    text = ascii(value[:60] if isinstance(value, str) else value)
    return f"{text[:-1]}...'" if isinstance(value, str) and len(value) > 60 else text  # noqa: PLR2004
