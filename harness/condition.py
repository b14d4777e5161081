"""Conditions under which a story, a scenario or a known entry applies.

Knows the grammar `axis=value|value, torch>=2.12, torch<2.14` and `otherwise`. Must not know what the
condition decides. The source of the version rules is PEP 440, through the library `packaging`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

OTHERWISE = "otherwise"
PACKAGES = ("torch", "python")

_VERSIONED = re.compile(rf"({'|'.join(PACKAGES)})\s*(==|!=|<=|>=|<|>)\s*(\S+)\Z")
_SETTING = re.compile(r"(\w+)=([^=<>]+)\Z")


class ConditionError(ValueError):
    """A text is no condition; the message says what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold: for each axis the accepted values as text, for each package the versions."""

    settings: Mapping[str, tuple[str, ...]]
    versions: Mapping[str, SpecifierSet]

    def fits(self, settings: Mapping[str, object]) -> bool:
        """Whether the variant is one that the condition speaks of."""
        return all(str(settings.get(axis)) in accepted for axis, accepted in self.settings.items())

    def holds(self, settings: Mapping[str, object], versions: Mapping[str, str]) -> bool:
        """Whether the variant and the versions of the implementation meet the condition."""
        return self.fits(settings) and all(
            release(versions.get(package, "0")) in specifiers
            for package, specifiers in self.versions.items()
        )


def release(version: str) -> Version:
    """The release that a build belongs to: a nightly counts as the release that it leads to."""
    try:
        return Version(Version(version).base_version)
    except InvalidVersion:
        return Version("0")


@cache
def read_condition(text: str) -> Condition:
    """The condition that a text states; "" and "otherwise" always hold.

    Raises:
        ConditionError: a clause is neither `axis=value` nor a version clause.
    """
    settings: dict[str, tuple[str, ...]] = {}
    versions: dict[str, SpecifierSet] = {}
    for clause in _clauses(text):
        if found := _VERSIONED.match(clause):
            package, operator, version = found.groups()
            try:
                more = SpecifierSet(f"{operator}{version}")
            except InvalidSpecifier as error:
                raise ConditionError(f"{clause!r} names no version: {error}") from error
            versions[package] = versions.get(package, SpecifierSet()) & more
        elif (found := _SETTING.match(clause)) and found[1] in settings:
            raise ConditionError(
                f"{text!r} says twice what {found[1]} is; write {found[1]}=one|other"
            )
        elif found:
            settings[found[1]] = tuple(value.strip() for value in found[2].split("|"))
        else:
            raise ConditionError(
                f"{clause!r} is no condition; expected axis=value, axis=value|value, a version clause "
                f"such as torch<2.12, or {OTHERWISE!r}"
            )
    return Condition(settings, versions)


def _clauses(text: str) -> Sequence[str]:
    return [] if text in ("", OTHERWISE) else [clause.strip() for clause in text.split(",")]


def read_versions(text: str) -> SpecifierSet:
    """The torch versions that a scenario speaks of, such as ">=2.13,<2.15".

    Raises:
        ConditionError: the text is no list of version clauses.
    """
    try:
        return SpecifierSet(text)
    except InvalidSpecifier as error:
        raise ConditionError(f"{text!r} names no versions: {error}") from error


def speaks_of(text: str, version: str) -> bool:
    """Whether a scenario with these torch versions applies to this one."""
    return release(version) in read_versions(text)
