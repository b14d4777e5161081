"""What two stories of one trial say differently, event by event, evidence included.

Knows which events are the same event on both sides, and which parts of the evidence describe behaviour. Must not
judge or format. What another run of the same implementation would also change, such as addresses, lines
of files and times, is no difference; guards and graphs are left out, because they are an implementation's own business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, TypeGuard

from harness.model import Observation
from harness.story import Act, Call, Event, Note, Step, Told, facets, lines

#: What the facets of a call or act are called in a sentence.
_FACETS: Mapping[str, str] = {
    "compiles": "what ran",
    "ops": "operations",
    "captures": "captured backwards",
    "effects": "effects",
    "outcome": "outcome",
}

#: Lines of a text that are shown around a difference.
_AROUND = 2

#: Where a message goes on to say from where in the program it comes, and what to ask for in a report.
_TRACE = re.compile(
    r"\n\s*(?:User stack trace:|from user code:|Set TORCHDYNAMO_VERBOSE=).*", re.DOTALL
)
_SOURCE = re.compile(r"\s+# .*?# \S+:\d+ in \S+(?= \(HINT|\s*$)", re.MULTILINE)
_VARYING = (
    (re.compile(r"^!?\d+(?:/\d+){1,2}(?:_\d+)?: "), ""),
    (re.compile(r"\b0x[0-9a-fA-F]{6,}\b|\b\d{9,}\b"), "…"),
    (re.compile(r"(?<![\w.+~/-])(?:[\w.+~-]*/)+(?=[\w+-]+\.py\b)"), ""),
    (re.compile(r"(?<![\w.+~/-])/(?:[\w.+~-]+/)+(?=[\w.+-])"), ""),
    (re.compile(r"(\.py:|\bline )\d+\b"), r"\1N"),
    (
        re.compile(r"^\s*[~^]*\^[~^]*\s*$"),
        "",
    ),  # below a line of code, other versions of Python mark more or less
)


@dataclass(frozen=True, slots=True)
class Observed:
    """One observation that changed.

    Attributes:
        where: the calls, or the name of the event.
        what: what about it, such as "what ran", "text" or "recompile reason".
        before: what was observed; "" for nothing.
        after: what is observed now; "" for nothing.
        evidence: whether it is evidence only, and no part of the story.
    """

    where: str
    what: str
    before: str
    after: str
    evidence: bool = False

    def rows(self) -> list[tuple[str, str]]:
        """The change line by line: "-" before, "+" after, " " in both, and "…" where lines are left out."""
        before, after = self.before.splitlines(), self.after.splitlines()
        rows: list[tuple[str, str]] = []
        groups = list(
            SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(_AROUND)
        )
        for place, group in enumerate(groups):
            if place or group[0][1]:
                rows.append(("…", ""))
            for kind, left, left_end, right, right_end in group:
                if kind == "equal":
                    rows += [(" ", line) for line in before[left:left_end]]
                    continue
                rows += [("-", line) for line in before[left:left_end]]
                rows += [("+", line) for line in after[right:right_end]]
        if groups and groups[-1][-1][2] < len(before):
            rows.append(("…", ""))
        return rows


#: A difference of one event: what, before, after, and whether it is evidence only.
_Found = tuple[str, str, str, bool]


def observe(before: Observation, after: Observation) -> tuple[Observed, ...]:
    """What changed, in the order of the story; calls that changed alike are one observation.

    Where one side told nothing, as a trial that was not run, there is nothing to compare.
    """
    if not (before.story and after.story):
        return ()
    alike: dict[tuple[str, _Found], list[Event]] = {}
    for left, right in _align(before.story, after.story):
        event = left or right
        assert event is not None
        for found in _compare(left, right, _evidence(before, left), _evidence(after, right)):
            alike.setdefault((_kind(event), found), []).append(event)
    return tuple(Observed(_where(events), *found) for (_, found), events in alike.items())


def _align(
    before: Sequence[Event], after: Sequence[Event]
) -> Iterator[tuple[Event | None, Event | None]]:
    """The events of two stories in pairs; None where one side has no such event."""
    keys = [_key(event) for event in before], [_key(event) for event in after]
    for kind, left, left_end, right, right_end in SequenceMatcher(
        None, *keys, autojunk=False
    ).get_opcodes():
        if kind == "equal":
            yield from zip(before[left:left_end], after[right:right_end], strict=True)
        else:
            yield from ((event, None) for event in before[left:left_end])
            yield from ((None, event) for event in after[right:right_end])


def _key(event: Event) -> tuple[str, ...]:
    match event:
        case Call():
            return ("call", str(event.number), event.of)
        case Step():
            return ("step", event.text)
        case _:
            return (type(event).__name__, event.name)


def _kind(event: Event) -> str:
    """What must be the same of events that may share an observation: calls of one program, or one event."""
    return f"call of {event.of}" if isinstance(event, Call) else " ".join(_key(event))


def _where(events: Sequence[Event]) -> str:
    first = events[0]
    if not isinstance(first, Call):
        return first.text if isinstance(first, Step) else first.name
    numbers = [event.number for event in events if isinstance(event, Call)]
    of = f" of {first.of}" if first.of else ""
    return f"call{'s' if len(numbers) > 1 else ''} {_ranges(numbers)}{of}"


def _ranges(numbers: Sequence[int]) -> str:
    """Numbers as people write them: 1, 3-5."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _evidence(seen: Observation, event: Event | None) -> Mapping[str, Any]:
    place = next((n for n, each in enumerate(seen.story) if each is event), len(seen.evidence))
    return seen.evidence[place] if place < len(seen.evidence) else {}


def _compare(
    left: Event | None,
    right: Event | None,
    shown: Mapping[str, Any],
    shows: Mapping[str, Any],
) -> Iterator[_Found]:
    before, after = _told(left), _told(right)
    if left is None or right is None:
        yield "event", _line(left), _line(right), False
        return
    for what in dict.fromkeys((*before, *after)):
        if before.get(what, "") != after.get(what, ""):
            yield what, before.get(what, ""), after.get(what, ""), False
    known, knows = _facts(shown), _facts(shows)
    for what in known:
        if known[what] != knows[what]:
            yield what, known[what], knows[what], True


def _line(event: Event | None) -> str:
    return lines((event,))[0] if event else ""


def _told(event: Event | None) -> dict[str, str]:
    """What the story says of an event, in parts."""
    match event:
        case Call() | Act():
            parts: dict[str, str] = {}
            for facet, text in facets(event):
                what = _FACETS[facet]
                parts[what] = f"{parts[what]}, {text}" if what in parts else text
            return parts
        case Note():
            return {"outcome": event.outcome}
        case Told():
            return {"text": event.text, "tier": str(event.tier)}
        case _:
            return {}


def _facts(evidence: Mapping[str, Any]) -> dict[str, str]:
    """What the evidence says of how the implementation behaved; "" for nothing."""
    made = [each for each in evidence.get("compilations") or () if _is_table(each)]
    breaks = [_first(text) for each in made for text in _texts(each.get("breaks"))]
    error = evidence.get("error")
    failures = [text for each in made for text in _texts(each.get("failure"))]
    return {
        "recompile reason": "\n".join(
            plain(text) for each in made for text in _reasons(each.get("reason"))
        ),
        "graph breaks": "\n".join([f"{len(breaks)}:", *breaks]) if breaks else "",
        "failed compilation": "" if error else "\n".join(_rows(failures)),
        "message": "\n".join(_rows(_texts(error.get("message")))) if _is_table(error) else "",
        "logged": "\n".join(_rows(_texts(evidence.get("logs")))),
    }


def _is_table(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _rows(texts: Iterable[str]) -> Iterator[str]:
    """The lines of texts, each plain; those that say nothing are left out."""
    for text in texts:
        yield from filter(None, map(plain, _TRACE.sub("", text).splitlines()))


def _texts(value: object) -> list[str]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(each) for each in value]
    return [str(value)] if value else []


def _reasons(value: object) -> list[str]:
    """Each reason why existing code could not be reused; torch writes several as a JSON list."""
    text = str(value or "")
    if text.startswith("["):
        try:
            return _texts(json.loads(text))
        except ValueError:
            pass
    return [text] if text else []


def _first(text: str) -> str:
    return plain(text.strip().partition("\n")[0])


def plain(text: str) -> str:
    """A text on one line, without what another run would change."""
    text = _SOURCE.sub("", _TRACE.sub("", text))
    for varying, placeholder in _VARYING:
        text = varying.sub(placeholder, text)
    return " ".join(text.split())
