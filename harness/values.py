"""Our values as JSON and back, by what their classes say: so that no process of ours has to trust a pickle. Near side.

Knows dataclasses, enumerations, tuples, mappings and their annotations. Must not know what a value means.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any


def to_json(value: Any) -> Any:  # noqa: ANN401 - any of our values
    """A value as JSON values; a mapping is a list of pairs where its keys are no texts."""
    if dataclasses.is_dataclass(value):
        return {each.name: to_json(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        if all(type(key) is str for key in value):
            return {key: to_json(each) for key, each in value.items()}
        return [[to_json(key), to_json(each)] for key, each in value.items()]
    return [to_json(each) for each in value] if isinstance(value, tuple | list) else value


def from_json(kind: Any, value: Any) -> Any:  # noqa: ANN401 - any of our values
    """The value of a kind that `to_json` gave.

    Args:
        kind: a class or an annotation.
        value: JSON values.

    Raises:
        KeyError, TypeError, ValueError: it is no such value.
    """
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        if value.keys() != hints.keys():
            raise ValueError(f"{sorted(value)} are not the fields of {kind}")
        return kind(**{name: from_json(hints[name], each) for name, each in value.items()})
    if origin in (types.UnionType, typing.Union):
        return _one_of(inside, value)
    if origin is tuple:
        kinds = inside[:1] * len(value) if inside[-1] is ... else inside
        return tuple(from_json(each, one) for each, one in zip(kinds, value, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        pairs = value.items() if isinstance(value, dict) else value
        return {from_json(inside[0], key): from_json(inside[1], each) for key, each in pairs}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(value)
    return _plain(kind, value)


def _one_of(kinds: tuple[Any, ...], value: object) -> object:
    if value is None and type(None) in kinds:
        return None
    for kind in kinds:
        try:
            return from_json(kind, value)
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    raise ValueError(f"{value!r} is none of {kinds}")


def _plain(kind: object, value: object) -> object:
    if kind is Any:
        return value
    wanted = (int, float) if kind is float else kind
    assert isinstance(wanted, type | tuple), f"{kind} has no form in JSON"
    if not isinstance(value, wanted):
        raise TypeError(f"{value!r} is no {kind}")
    return value


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)
