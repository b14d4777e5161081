"""Values held against the schema of records, because a record comes from anywhere.

Knows the words of JSON Schema that record.schema.json uses, and says in a sentence what is not as it says. Must not
know what a record means. Each definition becomes functions once, which make no text until something is wrong.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, reduce
from pathlib import Path
from typing import Any, TypeAlias

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

#: What is wrong with a value, in a sentence about its place: made for those who ask.
_Wrong: TypeAlias = Callable[[str], str]

#: Finds the first thing that is wrong with a value.
_Check: TypeAlias = Callable[[Any], _Wrong | None]


class SchemaError(ValueError):
    """A value is not as the schema says; the message says where, what was found and what was expected."""


def check(value: object, name: str) -> None:
    """Hold a value against a definition of the schema, by its name.

    Raises:
        SchemaError: it is not as the definition says.
    """
    if wrong := _named(name)(value):
        raise SchemaError(wrong(name))


@cache
def definitions() -> Mapping[str, Any]:
    """The definitions of the schema, by name."""
    found: Mapping[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))["$defs"]
    return found


@cache
def _named(name: str) -> _Check:
    return _compiled(definitions()[name])


def _compiled(schema: Mapping[str, Any]) -> _Check:
    """The check for all that a schema says: made once, because it is asked of a million values."""
    checks = list(_checks(schema))
    return reduce(_both, checks) if checks else lambda _: None


def _both(first: _Check, then: _Check) -> _Check:
    return lambda value: first(value) or then(value)


def _checks(schema: Mapping[str, Any]) -> Iterator[_Check]:
    """A check for each thing that a schema says, in the order in which they are asked."""
    if "$ref" in schema:
        yield _named(schema["$ref"].rpartition("/")[2])
    if "oneOf" in schema:
        yield _one_of([_compiled(each) for each in schema["oneOf"]])
    if "type" in schema:
        kinds = schema["type"]
        yield _of_kinds([kinds] if isinstance(kinds, str) else kinds)
    if "const" in schema or "enum" in schema:
        yield _among([schema["const"]] if "const" in schema else schema["enum"])
    for words, made in _INSIDE.items():
        if schema.keys() & words:
            yield made(schema)


def _is(value: object, expected: str) -> _Wrong:
    return lambda place: f"{place} is {_shown(value)}, {expected}"


def _says(said: str) -> _Wrong:
    return lambda place: f"{place} {said}"


def _at(step: str, wrong: _Wrong) -> _Wrong:
    return lambda place: wrong(f"{place}{step}")


def _one_of(alternatives: Sequence[_Check]) -> _Check:
    def check(value: object) -> _Wrong | None:
        fitting = 0
        for each in alternatives:
            fitting += not each(value)
        return None if fitting == 1 else _is(value, "which is nothing that may stand there")

    return check


def _of_kinds(kinds: Sequence[str]) -> _Check:
    expected = f"expected {' or '.join(_ARTICLES.get(each, f'a {each}') for each in kinds)}"
    classes = tuple(_KINDS[each] for each in kinds if each in _KINDS)
    numbers = tuple(_NUMBERS[each] for each in kinds if each in _NUMBERS)

    def check(value: object) -> _Wrong | None:
        if isinstance(value, classes):
            return None
        for fits in numbers:
            if fits(value):
                return None
        return _is(value, expected)

    return check


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST


def _is_number(value: object) -> bool:
    return math.isfinite(value) if isinstance(value, float) else _is_integer(value)


_NUMBERS: Mapping[str, Callable[[object], bool]] = {"integer": _is_integer, "number": _is_number}


def _among(allowed: Sequence[object]) -> _Check:
    expected = f"expected {' or '.join(map(repr, allowed))}"
    return lambda value: None if value in allowed else _is(value, expected)


def _of_text(schema: Mapping[str, Any]) -> _Check:
    like = re.compile(schema.get("pattern", "").replace("$", r"\Z"))
    least = schema.get("minLength", 0)

    def check(value: object) -> _Wrong | None:
        if not isinstance(value, str):
            return None
        if not like.search(value):
            return _is(value, f"expected a text like {schema['pattern']}")
        return _says("is empty, expected a text") if len(value) < least else None

    return check


def _of_number(schema: Mapping[str, Any]) -> _Check:
    least = schema.get("minimum", -math.inf)
    beyond = schema.get("exclusiveMinimum", -math.inf)
    expected = f"expected no less than {schema.get('minimum', beyond)}"

    def check(value: object) -> _Wrong | None:
        if isinstance(value, int | float) and (value < least or value <= beyond):
            return _is(value, expected)
        return None

    return check


def _of_object(schema: Mapping[str, Any]) -> _Check:
    described = {name: _compiled(each) for name, each in schema.get("properties", {}).items()}
    others = schema.get("additionalProperties", True)
    unnamed = others if isinstance(others, bool) else _compiled(others)
    names = _compiled(schema["propertyNames"]) if "propertyNames" in schema else None
    required = dict.fromkeys(schema.get("required", ())).keys()

    def check(value: object) -> _Wrong | None:
        if not isinstance(value, dict):
            return None
        if not required <= value.keys():
            lacks = next(name for name in required if name not in value)
            return _says(f"has no {lacks!r}")
        for name, each in value.items():
            if names and (wrong := names(name)):
                return _of_name(wrong)
            inner = described.get(name, unnamed)
            if inner is False:
                return _says(f"has {_shown(name)}, which is not known there")
            if inner is not True and (wrong := inner(each)):
                return _at(f".{ascii(name[:40])[1:-1]}", wrong)
        return None

    return check


def _of_name(wrong: _Wrong) -> _Wrong:
    return lambda place: wrong(f"a name in {place}")


def _of_array(schema: Mapping[str, Any]) -> _Check:
    least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
    items = _compiled(schema.get("items", {}))
    text = json.JSONEncoder(sort_keys=True).encode if "uniqueItems" in schema else None

    def check(value: object) -> _Wrong | None:
        if not isinstance(value, list | tuple):
            return None
        if not least <= len(value) <= most:
            return _says(f"has {len(value)} entries, which is too few or too many")
        for number, each in enumerate(value):
            if wrong := items(each):
                return _at(f"[{number}]", wrong)
        if text and len(set(map(text, value))) < len(value):
            return _says("has an entry twice")
        return None

    return check


#: What is said of a value of one kind alone, by its words.
_INSIDE: Mapping[frozenset[str], Callable[[Mapping[str, Any]], _Check]] = {
    frozenset({"pattern", "minLength"}): _of_text,
    frozenset({"properties", "required", "additionalProperties", "propertyNames"}): _of_object,
    frozenset({"items", "minItems", "maxItems", "uniqueItems"}): _of_array,
    frozenset({"minimum", "exclusiveMinimum"}): _of_number,
}

#: The words that are obeyed, and those that only describe; a test finds others in the schema.
CHECKED = {"$ref", "oneOf", "type", "const", "enum"}.union(*_INSIDE)
DESCRIBING = {"description", "format"}


def _shown(value: object) -> str:
    """A value in an error message: short, and without anything that a terminal obeys."""
    if isinstance(value, dict | list | tuple):
        return f"{'an object' if isinstance(value, dict) else 'an array'} of {len(value)}"
    if isinstance(value, int) and abs(value) >= _LARGEST:
        return "a number without end"
    text = ascii(value[:60] if isinstance(value, str) else value)
    return f"{text[:-1]}...'" if isinstance(value, str) and len(value) > 60 else text  # noqa: PLR2004
