"""Profiles of implementations: TOML files, or names that torch.compile knows.

Knows the files, the keys (profile.schema.json says the same to editors) and how profiles inherit. Must not start
anything or import what a profile names.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.model import Implementation
from harness.needs import NEEDS

FOLDER = Path(__file__).resolve().parent.parent / "conformance" / "implementations"
MATRIX = FOLDER.with_name("matrix.toml")
SCHEMA = Path(__file__).with_name("profile.schema.json")
DEFAULTS = ("eager", "aot_eager", "inductor")

#: The dtypes whose values are compared within tolerances; the far side's `picture.TOLERANCES`.
TOLERANT = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")

_TYPES: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "python": str,
    "backend": str,
    "options": dict,
    "adapter": str,
    "extends": str,
    "requires": list,
    "indexes": list,
    "modules": list,
    "device": str,
    "dtype": str,
    "environ": dict,
    "claims": list,
    "cpu": list,
    "tools": list,
    "interprets": bool,
    "built_on": str,
    "time_factor": (int, float),
    "tolerances": dict,
    "homepage": str,
    "tracker": str,
}

_OF_STRINGS = ("requires", "indexes", "modules", "claims", "cpu", "tools")

#: The compilers of torch that others are built on, by the names of their profiles and backends.
_BASES = ("aot_eager", "inductor")

#: How many times slower than usual an implementation may be.
_SLOWEST = 1000


class ProfileError(Exception):
    """An implementation is unknown or its profile cannot be used; the message says what to do."""


class UnknownError(ProfileError):
    """There is no implementation of this name, or no such file."""


def shipped(folder: Path = FOLDER) -> list[str]:
    """Names of the profiles that come with Touchstone."""
    return sorted(file.stem for file in folder.glob("*.toml"))


def matrix(name: str, file: Path = MATRIX) -> list[str]:
    """The implementations of a matrix, by its name in matrix.toml.

    Raises:
        ProfileError: there is no such matrix.
    """
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    if name not in found:
        raise ProfileError(f"there is no matrix {name!r}; {file} has {', '.join(found)}")
    return list(found[name])


def find(named: str) -> Implementation:
    """The implementation of a name, of a profile's path, or of a backend written `module:attribute`.

    Raises:
        UnknownError: there is none.
        ProfileError: its profile cannot be used.
    """
    if named.endswith(".toml"):
        file = Path(named)
        if not file.is_file():
            raise UnknownError(
                f"the profile {named!r} does not exist; give the path of a TOML file"
            )
        return dataclasses.replace(read(file), argument=named)
    if (FOLDER / f"{named}.toml").is_file():
        return dataclasses.replace(read(FOLDER / f"{named}.toml"), argument=named)
    if re.fullmatch(r"[\w.]+:\w+", named):
        name = named.replace(":", ".")
        return Implementation(name, backend=named, claims=tuple(NEEDS), argument=named)
    near = difflib.get_close_matches(named, shipped(), n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UnknownError(
        f"there is no implementation {named!r}; {hint}give one of {', '.join(shipped())}, the path of a "
        "profile (*.toml), or a backend as module:attribute"
    )


def chosen(names: Sequence[str], listed: str = "") -> Sequence[Implementation]:
    """The implementations of a request, each once: those of the matrix `listed` and those named, or the defaults.

    Raises:
        ProfileError: one cannot be found, or two have the same name.
    """
    asked = dict.fromkeys([*(matrix(listed) if listed else ()), *names])
    return distinct([find(each) for each in asked or DEFAULTS])


def distinct(asked: Sequence[Implementation]) -> Sequence[Implementation]:
    """The same implementations, if each has a name of its own.

    Raises:
        ProfileError: two have the same name.
    """
    seen: dict[str, str] = {}
    for each in asked:
        if each.name in seen:
            raise ProfileError(
                f"{seen[each.name]} and {each.argument} are both called {each.name!r}; give one another `name`"
            )
        seen[each.name] = each.argument
    return asked


def read(file: Path) -> Implementation:
    """The implementation that a profile describes, with what it inherits.

    Raises:
        ProfileError: the file is no TOML, a key is unknown, missing or of the wrong type, or a profile that it
            extends cannot be found.
    """
    table = _inherit(file, ())
    table.setdefault("name", file.stem)
    _check(file, "name", table["name"])
    if not table.get("backend") and not table.get("adapter"):
        raise ProfileError(
            f"{file}: `backend` is missing; give a name that torch.compile knows or module:attribute, or name "
            "the `adapter` of another front end"
        )
    claims = table.get("claims", ["*"])
    table["claims"] = list(NEEDS) if claims == ["*"] else claims
    for key in _OF_STRINGS:
        table[key] = tuple(table.get(key, ()))
    table["tolerances"] = {each: tuple(v) for each, v in table.get("tolerances", {}).items()}
    return Implementation(**table)


def _inherit(file: Path, heirs: tuple[Path, ...]) -> dict[str, Any]:
    """The keys of a profile over those of the one that it extends; tables are merged."""
    if file in heirs:
        raise ProfileError(
            f"{file}: `extends` leads back to this profile; take it out of one of them"
        )
    own = _load(file)
    base = own.pop("extends", "")
    if not base:
        return own
    inherited = _inherit(_base(file, base), (*heirs, file))
    inherited.pop("name", None)
    merged = {
        key: {**inherited[key], **value}
        for key, value in own.items()
        if isinstance(value, dict) and key in inherited
    }
    return {**inherited, **own, **merged}


def _base(file: Path, named: str) -> Path:
    found = file.parent / named if named.endswith(".toml") else FOLDER / f"{named}.toml"
    if found.is_file():
        return found.resolve()
    near = difflib.get_close_matches(named, shipped(), n=1)
    hint = f"did you mean {near[0]!r}?" if near else "give a shipped profile's name or a path"
    raise ProfileError(f"{file}: `extends` is {named!r}, which does not exist; {hint}")


def _load(file: Path) -> dict[str, Any]:
    """The keys that a file has itself, checked one by one, with paths that no longer depend on it."""
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{file} is no TOML: {error}; correct the file") from error
    for key, value in table.items():
        _check(file, key, value)
    named = table.get("python", "")
    if named and ("/" in named or (file.parent / named).exists()):
        table["python"] = _absolute(file, named)
    if "requires" in table:
        table["requires"] = [
            _absolute(file, each) if each.startswith((".", "~")) else each
            for each in table["requires"]
        ]
    return table


def _absolute(file: Path, path: str) -> str:
    return str((file.parent / Path(path).expanduser()).absolute())


def _check(file: Path, key: str, value: Any) -> None:  # noqa: ANN401 - whatever the file has
    _check_kind(file, key, value)
    inside = list(value.values()) if key == "environ" else value if key in _OF_STRINGS else []
    if not all(isinstance(each, str) for each in inside):
        raise ProfileError(f"{file}: `{key}` is {value!r}, expected strings inside")
    problem = _problem(key, value)
    if problem:
        raise ProfileError(f"{file}: {problem}")


def _problem(key: str, value: Any) -> str:  # noqa: ANN401 - of the right kind
    """What is wrong with a value of the right kind, and what to do; "" if nothing is."""
    match key:
        case "time_factor" if not 0 < value <= _SLOWEST:
            return f"`time_factor` is {value!r}; give a number above 0, at most {_SLOWEST}"
        case "name" if not re.fullmatch(r"\w[\w.+-]{0,99}", value, re.ASCII):
            return f"`name` is {value!r}; use letters, digits, and . _ + -, at most 100, a letter or digit first"
        case "backend" | "adapter" if not value:
            return f"`{key}` is empty; give what it names, or leave it out"
        case "built_on" if value not in _BASES:
            return f"`built_on` is {value!r}; give {' or '.join(_BASES)}, or leave it out"
        case "extends" if not value:
            return "`extends` is empty; give a shipped profile's name or a path, or leave it out"
    return _STRANGE[key](value) if key in _STRANGE else ""


def _strange_claim(claims: Sequence[str]) -> str:
    strange = [each for each in claims if each not in NEEDS] if claims != ["*"] else []
    return (
        f"`claims` claims {strange[0]!r}, which is no need; the list is {', '.join(NEEDS)}"
        if strange
        else ""
    )


def _strange_requirement(requires: Sequence[str]) -> str:
    strange = [each for each in requires if not re.match(r"[A-Za-z0-9./~]", each)]
    return (
        f"`requires` has {strange[0]!r}, which is no requirement; write them as pip takes them, such as "
        "'torch==2.13.0' or '../dist/mine-1.0-py3-none-any.whl', and package indexes into `indexes`"
        if strange
        else ""
    )


def _strange_tolerance(tolerances: Mapping[str, Any]) -> str:
    for dtype, pair in tolerances.items():
        if dtype not in TOLERANT:
            return f"`tolerances` has {dtype!r}; the dtypes are {', '.join(TOLERANT)}"
        if not (
            isinstance(pair, list)
            and len(pair) == 2  # noqa: PLR2004 - a pair
            and all(isinstance(each, int | float) and not isinstance(each, bool) for each in pair)
            and all(0 <= each < math.inf for each in pair)
        ):
            return f"`tolerances.{dtype}` is {pair!r}; give [relative, absolute], two numbers from 0 on"
    return ""


_STRANGE: Mapping[str, Callable[[Any], str]] = {
    "claims": _strange_claim,
    "requires": _strange_requirement,
    "tolerances": _strange_tolerance,
}


def _check_kind(file: Path, key: str, value: object) -> None:
    if key not in _TYPES:
        near = difflib.get_close_matches(key, _TYPES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(_TYPES)}"
        raise ProfileError(f"{file}: `{key}` is no key of a profile; {hint}")
    if not isinstance(value, _TYPES[key]) or (isinstance(value, bool) and key != "interprets"):
        raise ProfileError(f"{file}: `{key}` is {value!r}, expected {_wanted(_TYPES[key])}")


def _wanted(kinds: type | tuple[type, ...]) -> str:
    names = {str: "a string", dict: "a table", list: "an array", bool: "true or false"}
    return "a number" if isinstance(kinds, tuple) else names[kinds]


assert {*_TYPES, "argument"} == {"extends", *(e.name for e in dataclasses.fields(Implementation))}
