"""Profiles of implementations: TOML files, or names that torch.compile knows.

Knows the files and the fields. Must not start anything or import what a profile names.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import tomllib
from pathlib import Path
from typing import Any

from harness.model import Implementation
from harness.needs import NEEDS

FOLDER = Path(__file__).resolve().parent.parent / "conformance" / "implementations"
DEFAULTS = ("eager", "aot_eager", "inductor")

_TYPES: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "python": str,
    "backend": str,
    "options": dict,
    "adapter": str,
    "modules": list,
    "device": str,
    "dtype": str,
    "environ": dict,
    "claims": list,
    "tools": list,
    "interprets": bool,
    "time_factor": (int, float),
    "homepage": str,
}

_OF_STRINGS = ("modules", "claims", "tools")


class ProfileError(Exception):
    """An implementation is unknown or its profile cannot be used; the message says what to do."""


def shipped(folder: Path = FOLDER) -> list[str]:
    """Names of the profiles that come with Touchstone."""
    return sorted(file.stem for file in folder.glob("*.toml"))


def find(named: str) -> Implementation:
    """The implementation of a name, of a profile's path, or of a backend written `module:attribute`.

    Raises:
        ProfileError: there is none, or its profile cannot be used.
    """
    if named.endswith(".toml"):
        file = Path(named)
        if not file.is_file():
            raise ProfileError(
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
    raise ProfileError(
        f"there is no implementation {named!r}; {hint}give one of {', '.join(shipped())}, the path of a "
        "profile (*.toml), or a backend as module:attribute"
    )


def read(file: Path) -> Implementation:
    """The implementation that a profile describes.

    Raises:
        ProfileError: the file is no TOML, or a key is unknown, missing or of the wrong type.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{file} is no TOML: {error}; correct the file") from error
    table.setdefault("name", file.stem)
    for key, value in table.items():
        _check(file, key, value)
    if not table.get("backend") and not table.get("adapter"):
        raise ProfileError(
            f"{file}: `backend` is missing; give a name that torch.compile knows or module:attribute, or name "
            "the `adapter` of another front end"
        )
    claims = table.get("claims", ["*"])
    table["claims"] = tuple(NEEDS) if claims == ["*"] else tuple(claims)
    table["modules"] = tuple(table.get("modules", ()))
    table["tools"] = tuple(table.get("tools", ()))
    if table.get("python"):
        table["python"] = str((file.parent / Path(table["python"]).expanduser()).absolute())
    return Implementation(**table)


def _check(file: Path, key: str, value: Any) -> None:  # noqa: ANN401 - whatever the file has
    _check_kind(file, key, value)
    if key == "time_factor" and not 0 < value < math.inf:
        raise ProfileError(f"{file}: `time_factor` is {value!r}; give a number above 0")
    if key == "name" and not re.fullmatch(r"[\w.+-]+", value):
        raise ProfileError(f"{file}: `name` is {value!r}; use letters, digits, and . _ + -")
    inside = list(value.values()) if key == "environ" else value if key in _OF_STRINGS else []
    if not all(isinstance(each, str) for each in inside):
        raise ProfileError(f"{file}: `{key}` is {value!r}, expected strings inside")
    strange = [n for n in value if n not in NEEDS] if key == "claims" and value != ["*"] else []
    if strange:
        raise ProfileError(
            f"{file}: claims {strange[0]!r}, which is no need; the list is {', '.join(NEEDS)}"
        )


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


assert {*_TYPES, "argument"} == {each.name for each in dataclasses.fields(Implementation)}
