"""How much of a story was compiled, and when. Near side.

Knows which events tell of compilations. Must not judge.
"""

from __future__ import annotations

from itertools import zip_longest

from harness.story import COMPILES, REUSES, Act, Call, Event, Story


def compiled(event: Event) -> bool:
    """Whether something was compiled in an event or compiled code ran; an act tells only the former."""
    return bool(_graphs(event)) or (isinstance(event, Call) and event.ran in (COMPILES, REUSES))


def total(story: Story) -> int:
    """How many graphs were compiled in a story."""
    return sum(_graphs(event) for event in story)


def never_more(expected: Story, told: Story) -> bool:
    """Whether at no point of the story more has been compiled than was expected until then."""
    ahead = 0
    for left, right in zip_longest(expected, told):
        ahead += _graphs(right) if right else 0
        ahead -= _graphs(left) if left else 0
        if ahead > 0:
            return False
    return True


def _graphs(event: Event) -> int:
    return event.graphs or 0 if isinstance(event, Act | Call) else 0
