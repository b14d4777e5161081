"""The two sides of a comparison: which implementation is compared with which.

Knows how implementations are paired: by name, or else by backend and device. Must not look at results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from harness.record import Record
from reports import table


class PairingError(ValueError):
    """Two sides cannot be compared; the message says what there is and what to name."""


@dataclass(frozen=True, slots=True)
class Side:
    """One implementation in one record."""

    record: Record
    name: str

    @property
    def described(self) -> Mapping[str, Any]:
        """What the record says of the implementation: argument, profile and fingerprint."""
        found: Mapping[str, Any] = self.record.header["implementations"][self.name]
        return found

    @property
    def torch(self) -> str:
        """The version of torch, without its build."""
        return str(self.described["fingerprint"].get("torch", "unknown")).partition("+")[0]

    @property
    def backend(self) -> tuple[str, str]:
        """Backend (or adapter) and device, by which implementations of other names are paired."""
        profile = self.described["profile"]
        backend = profile.get("backend") or profile.get("adapter", "")
        return str(backend), str(profile.get("device", ""))

    @property
    def title(self) -> str:
        """Name and version of torch."""
        return f"{self.name} on torch {self.torch}"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two implementations that are compared with each other."""

    before: Side
    after: Side

    @property
    def label(self) -> str:
        """What tables call the pair."""
        names = dict.fromkeys((self.before.name, self.after.name))
        return " → ".join(names)

    @property
    def title(self) -> str:
        """What a heading calls the pair."""
        if self.before.name == self.after.name:
            return f"{self.before.name}, torch {self.before.torch} → {self.after.torch}"
        return f"{self.before.title} → {self.after.title}"


def pair_up(
    before: Record, after: Record, old: str = "*", new: str = "*"
) -> tuple[tuple[Pair, ...], tuple[str, ...]]:
    """Implementations in pairs, by name, or else by backend and device where that leaves no choice; and the rest.

    Raises:
        PairingError: nothing can be paired.
    """
    left, right = _named(before, old), _named(after, new)
    if len(left) == len(right) == 1:
        return (Pair(left[0], right[0]),), ()
    pairs = [
        Pair(a, b) for a in left for b in right if a.name == b.name and a.record is not b.record
    ]
    taken = {side for pair in pairs for side in ((0, pair.before.name), (1, pair.after.name))}
    left = [side for side in left if (0, side.name) not in taken]
    right = [side for side in right if (1, side.name) not in taken]
    for side in left[:]:
        mine = [each for each in left if each.backend == side.backend]
        theirs = [each for each in right if each.backend == side.backend]
        if len(mine) == len(theirs) == 1 and mine[0] is not theirs[0]:
            pairs.append(Pair(side, theirs[0]))
    taken |= {each for pair in pairs for each in ((0, pair.before.name), (1, pair.after.name))}
    alone = [s.title for s in left if (0, s.name) not in taken]
    alone += [s.title for s in right if (1, s.name) not in taken]
    if not pairs:
        raise PairingError(
            f"nothing can be paired: {', '.join(alone)}; name an implementation of each side, with --from and "
            "--to or after the one record"
        )
    return tuple(pairs), tuple(alone)


def _named(record: Record, pattern: str) -> list[Side]:
    names = table.implementations(record)
    found = [Side(record, name) for name in names if fnmatchcase(name, pattern)]
    if not found:
        raise PairingError(f"there is no implementation {pattern!r}; there are {', '.join(names)}")
    return found
