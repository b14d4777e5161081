"""The story: what was observed, event by event, as values and as canonical text.

Knows the events, their tiers and the grammar of the text. Must not know who observed them or what was
expected of them. Shared by both sides, so it needs the standard library only.

The text, one line an event (docs/story.md is the reference):

    call 1: compiles, 2 ops, mutates argument 0, equals eager
    call 2: compiles 2 graphs, captures a backward, equals eager
    calls 3-40: reuses, equals eager
    change: the captured tensor is rebound
    weight: equals eager
    save: succeeds
    graph inputs (may) = f32[2, 2]
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias


class Tier(StrEnum):
    """How binding a promise is."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"
    DIVERGE = "diverge"


#: The tiers that a report counts, from the most to the least binding; DIVERGE binds like MUST.
TIERS = (Tier.MUST, Tier.SHOULD, Tier.MAY)

#: Whether a call ran compiled code, as far as the implementation lets it be seen.
COMPILES, REUSES, UNCOMPILED = "compiles", "reuses", "runs uncompiled"

#: The outcome of a call or note that shows the behaviour of the oracle.
EQUALS = "equals eager"

#: The outcome of an act that raised nothing.
SUCCEEDS = "succeeds"


class StoryError(ValueError):
    """A text is not a story; the message says which line, what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a compiled program.

    Attributes:
        number: 1 for the first call of the scenario.
        of: the program's name, where the scenario compiles more than one.
        ran: "compiles", "reuses", "runs uncompiled", or "" where it cannot or need not be said.
        graphs: how many graphs the call had compiled; None unless it compiles.
        ops: call nodes in those graphs; None unless the scenario tells them.
        captures: how many backward passes compiled autograd captured in the call; None where it captured none.
        effects: mutations and aliases that the call showed, such as "mutates argument 0".
        outcome: "equals eager", "differs from eager in ...", "returns ...", or "raises ...".
    """

    number: int
    ran: str
    outcome: str
    of: str = ""
    graphs: int | None = None
    ops: int | None = None
    captures: int | None = None
    effects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """Something that only a compiler does, such as to compile ahead of time, to save or to load.

    Attributes:
        name: what was done.
        outcome: "succeeds", or "raises ...".
        graphs: how many graphs were compiled for it; None where none was.
    """

    name: str
    outcome: str
    graphs: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A value that must equal the oracle's."""

    name: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Told:
    """A value that the story itself holds."""

    name: str
    text: str
    tier: Tier = Tier.MUST


@dataclass(frozen=True, slots=True)
class Step:
    """Something that the body did between calls: a change, or a reset."""

    text: str


Event: TypeAlias = Call | Act | Note | Told | Step
Story: TypeAlias = tuple[Event, ...]

_KINDS: dict[str, type[Call | Act | Note | Told | Step]] = {
    "call": Call,
    "act": Act,
    "note": Note,
    "told": Told,
    "step": Step,
}

RESET = Step("reset")

#: How many calls one line may stand for: a text from elsewhere must not make millions of events.
_MOST = 10_000

_CALL = re.compile(
    r"calls? (?P<first>\d+)(?:-(?P<last>\d+))?(?: of (?P<of>[^:]+))?: (?P<clauses>.+)\Z"
)
_RAN = re.compile(r"(?P<ran>compiles|reuses|runs uncompiled)(?: (?P<graphs>\d+|no) graphs?)?, ")
_CAPTURES = re.compile(r"captures (?P<captures>a backward|\d+ backwards), ")
_OPS = re.compile(r"(?P<ops>\d+) ops?, ")
_STEP = r"""(?:\[(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\]'"]*)\]|\.\w+)"""
_PLACE = rf"(?:result(?:_\d+)?|argument \w+){_STEP}*"
_EFFECT = re.compile(
    rf"(?P<effect>mutates {_PLACE}|changes \w+|{_PLACE} (?:is|shares storage with) {_PLACE}), "
)
_OUTCOME = re.compile(
    r"(?:equals eager|resembles eager|differs from eager in .+|returns .*|raises \S+( while \w+)?(, equals eager)?)\Z"
)
_ACT = re.compile(
    r"(?P<name>[^:=]+): (?P<compiles>compiles(?: (?P<graphs>\d+|no) graphs)?, )?"
    r"(?P<outcome>succeeds|raises \S+( while \w+)?)\Z"
)
_TOLD = re.compile(r"(?P<name>[^:=]+?)(?: \((?P<tier>should|may|diverge)\))? = (?P<text>.*)\Z")
_BLOCK = re.compile(r"(?P<name>[^:=]+?)(?: \((?P<tier>should|may|diverge)\))? =\Z")
_NOTE = re.compile(
    r"(?P<name>[^:=]+): (?P<outcome>equals eager|resembles eager|differs from eager in .+)\Z"
)


def render(story: Story) -> str:
    """The canonical text of a story; runs of three or more like calls become one line."""
    lines: list[str] = []
    position = 0
    while position < len(story):
        event = story[position]
        run = position + 1
        if isinstance(event, Call):
            while run < len(story) and _continues(event, story[run], run - position):
                run += 1
        if isinstance(event, Call) and run - position >= 3:  # noqa: PLR2004 - two lines read better
            lines.append(_line(event, last=event.number + run - position - 1))
            position = run
        else:
            lines.append(_line(event))
            position += 1
    return "".join(f"{line}\n" for line in lines)


def lines(story: Story) -> list[str]:
    """One line an event, nothing collapsed: what a side-by-side comparison shows."""
    return [_line(event) for event in story]


def _continues(first: Call, event: Event, distance: int) -> bool:
    return isinstance(event, Call) and event == replace(first, number=first.number + distance)


def _line(event: Event, last: int | None = None) -> str:
    match event:
        case Call():
            number = f"call {event.number}" if last is None else f"calls {event.number}-{last}"
            of = f" of {event.of}" if event.of else ""
            return f"{number}{of}: {', '.join(text for _, text in facets(event))}"
        case Act():
            return f"{event.name}: {', '.join(text for _, text in facets(event))}"
        case Note():
            return f"{event.name}: {event.outcome}"
        case Told():
            tier = "" if event.tier is Tier.MUST else f" ({event.tier})"
            if "\n" in event.text:
                return f"{event.name}{tier} =\n" + "\n".join(
                    f"    {line}".rstrip() for line in event.text.split("\n")
                )
            return f"{event.name}{tier} = {event.text}"
        case Step():
            return event.text if event == RESET else f"change: {event.text}"


def facets(event: Event) -> list[tuple[str, str]]:
    """What can be right or wrong about an event: pairs of facet and its text.

    The facets of a call are "compiles", "ops", "captures", "effects" and "outcome"; an act has "compiles" and
    "outcome"; other events have one, "outcome".
    """
    if isinstance(event, Act):
        done = [] if event.graphs is None else [("compiles", _compiling(event.graphs))]
        return [*done, ("outcome", event.outcome)]
    if not isinstance(event, Call):
        return [("outcome", _line(event))]
    found: list[tuple[str, str]] = []
    if event.ran:
        found.append(("compiles", event.ran if event.graphs is None else _compiling(event.graphs)))
    if event.ops is not None:
        found.append(("ops", f"{event.ops} op" if event.ops == 1 else f"{event.ops} ops"))
    if event.captures is not None:
        one = event.captures == 1
        found.append(
            ("captures", f"captures {'a backward' if one else f'{event.captures} backwards'}")
        )
    found += [("effects", effect) for effect in event.effects]
    found.append(("outcome", event.outcome))
    return found


def _compiling(graphs: int) -> str:
    return COMPILES if graphs == 1 else f"{COMPILES} {graphs or 'no'} graphs"


def parse(text: str) -> Story:
    """Read a story from its text; indentation common to all lines is not part of it.

    Raises:
        StoryError: a line is not an event, or the calls are not numbered 1, 2, 3 and so on.
    """
    story: list[Event] = []
    pending: list[str] | None = None
    rows = _dedent(text)
    for row, line in enumerate(rows, start=1):
        if pending is not None and (line.startswith("    ") or not line.strip()):
            pending.append(line[4:])
            continue
        if pending is not None:
            story[-1] = _filled(story[-1], pending)
            pending = None
        if not line.strip():
            raise StoryError(f"line {row} is empty: a story has one event a line")
        events, opens = _read(line, row)
        story += events
        pending = [] if opens else None
    if pending is not None:
        story[-1] = _filled(story[-1], pending)
    numbers = [event.number for event in story if isinstance(event, Call)]
    if numbers != list(range(1, len(numbers) + 1)):
        raise StoryError(f"calls are numbered {numbers}, expected 1, 2, 3 and so on in order")
    return tuple(story)


def _filled(event: Event, block: list[str]) -> Event:
    assert isinstance(event, Told)
    return replace(event, text="\n".join(block))


def _dedent(text: str) -> list[str]:
    if not text.strip():
        return []
    rows = text.strip("\n").rstrip().split("\n")
    margin = min((len(row) - len(row.lstrip()) for row in rows if row.strip()), default=0)
    return [row[margin:] for row in rows]


def _graphs(count: str | None) -> int:
    return 0 if count == "no" else int(count or 1)


def _read(line: str, row: int) -> tuple[list[Event], bool]:  # noqa: PLR0911 - one for each kind of event
    if line == RESET.text:
        return [RESET], False
    if line.startswith("change: "):
        return [Step(line.removeprefix("change: "))], False
    if found := _CALL.match(line):
        return _read_calls(found, line, row), False
    if found := _ACT.match(line):
        graphs = _graphs(found["graphs"]) if found["compiles"] else None
        return [Act(found["name"], found["outcome"], graphs)], False
    if found := _NOTE.match(line):
        return [Note(found["name"], found["outcome"])], False
    if found := _BLOCK.match(line):
        return [Told(found["name"], "", Tier(found["tier"] or "must"))], True
    if found := _TOLD.match(line):
        return [Told(found["name"], found["text"], Tier(found["tier"] or "must"))], False
    raise StoryError(
        f"line {row} is no event: {line!r}; expected 'call N: ...', 'calls N-M: ...', 'change: ...', "
        "'reset', 'NAME: equals eager', 'NAME: succeeds' or 'NAME = VALUE'"
    )


def _read_calls(found: re.Match[str], line: str, row: int) -> list[Event]:
    rest = found["clauses"]
    ran = ""
    graphs: int | None = None
    ops: int | None = None
    captures: int | None = None
    effects: list[str] = []
    if clause := _RAN.match(rest):
        ran, rest = clause["ran"], rest[clause.end() :]
        if ran == COMPILES:
            graphs = _graphs(clause["graphs"])
        elif clause["graphs"]:
            raise StoryError(f"line {row}: only a call that compiles has graphs, not {line!r}")
    if clause := _OPS.match(rest):
        ops, rest = int(clause["ops"]), rest[clause.end() :]
    if clause := _CAPTURES.match(rest):
        count = clause["captures"].split()[0]
        captures, rest = 1 if count == "a" else int(count), rest[clause.end() :]
    while clause := _EFFECT.match(rest):
        effects.append(clause["effect"])
        rest = rest[clause.end() :]
    if not _OUTCOME.match(rest):
        raise StoryError(
            f"line {row}: {rest!r} in {line!r} is no outcome; expected 'equals eager', 'resembles eager', "
            "'differs from eager in ...', 'returns ...' or 'raises ...'"
        )
    first = int(found["first"])
    last = int(found["last"] or first)
    if last < first:
        raise StoryError(f"line {row}: calls {first}-{last} run backwards")
    if last - first >= _MOST:
        raise StoryError(f"line {row}: calls {first}-{last} are more than {_MOST}")
    return [
        Call(number, ran, rest, found["of"] or "", graphs, ops, captures, tuple(effects))
        for number in range(first, last + 1)
    ]


def to_json(event: Event) -> dict[str, Any]:
    """The event as plain JSON values, with its kind."""
    kind = next(name for name, cls in _KINDS.items() if isinstance(event, cls))
    return {"kind": kind, **asdict(event)}


def from_json(value: dict[str, Any]) -> Event:
    """The event that `to_json` gave.

    Raises:
        StoryError: the value is no event.
    """
    fields = dict(value)
    kind = _KINDS.get(fields.pop("kind", ""))
    if kind is None:
        raise StoryError(f"{value!r} is no event")
    try:
        if "effects" in fields:
            fields["effects"] = tuple(fields["effects"])
        if "tier" in fields:
            fields["tier"] = Tier(fields["tier"])
        return kind(**fields)
    except (TypeError, ValueError) as error:
        raise StoryError(f"{value!r} is no event: {error}") from error
