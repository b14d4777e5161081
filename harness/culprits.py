"""Which of many things it takes for something to happen: delta debugging. Near side.

Knows lists and a question about them. Must not know what the things are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

Thing = TypeVar("Thing")

_HALVES = 2


def smallest(
    things: Sequence[Thing], happens: Callable[[Sequence[Thing]], bool]
) -> tuple[Thing, ...]:
    """A smallest part of the things, in their order, with which it still happens; it must with all of them.

    "Smallest" in the sense of Zeller's ddmin: it does not happen without any single one of what is left. If one thing
    is enough, about twice the logarithm of their number of questions finds it.
    """
    left, parts = list(things), _HALVES
    while len(left) > 1:
        pieces = _cut(left, parts)
        one = next((piece for piece in pieces if happens(piece)), None)
        if one is not None:
            left, parts = one, _HALVES
            continue
        rests = [_without(pieces, index) for index in range(len(pieces))] if parts > _HALVES else []
        rest = next((each for each in rests if happens(each)), None)
        if rest is not None:
            left, parts = rest, max(_HALVES, parts - 1)
        elif parts == len(left):
            break
        else:
            parts = min(len(left), 2 * parts)
    return tuple(left)


def _cut(things: list[Thing], parts: int) -> list[list[Thing]]:
    """The things in as many pieces as equal as can be."""
    bounds = [len(things) * index // parts for index in range(parts + 1)]
    return [things[start:end] for start, end in pairwise(bounds)]


def _without(pieces: list[list[Thing]], left_out: int) -> list[Thing]:
    return [each for index, piece in enumerate(pieces) if index != left_out for each in piece]
