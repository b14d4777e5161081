"""The exchange of artefacts: what one environment saved, loaded by another. Near side.

Knows which scenarios can be split between two environments, and what the second one's story says about the pair.
Must not run anything.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.catalog import Entry
from harness.model import Exit
from harness.story import Act, Call, Event, Step, Story, lines

#: Words by which a refusal says that the artefact is not for this environment.
_CLEAR = re.compile(
    r"version|format|re-?compile|incompatib|unsupported|mismatch|different (torch|environment|system)",
    re.IGNORECASE,
)
#: Where a module was imported from, which is another place on each machine.
_FILE = re.compile(r" from '/[^']*'")
#: How many scenarios are named where many do the same.
_FEW = 3

#: By which a story says that another process goes on; in an exchange, it is one of another environment.
_GOES_ON = (Step("a fresh process goes on"), Step("a fresh interpreter goes on"))


class Outcome(StrEnum):
    """What a pair of environments does with one scenario's artefact, from the best to the worst."""

    WORKS = "works"
    REFUSES = "refuses clearly"
    FAILS = "fails badly"
    NOT_MADE = "not produced"


#: One sentence for each outcome.
MEANING: Mapping[Outcome, str] = {
    Outcome.WORKS: "the consumer told the story that conforms",
    Outcome.REFUSES: "loading raised an error that says that the artefact is not for this environment",
    Outcome.FAILS: "wrong values, a crash, or an error that does not say what is wrong",
    Outcome.NOT_MADE: "the producer did not get as far as saving, in its own environment",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """What happened when `consumer` loaded what `producer` had saved."""

    scenario: str
    variant: str
    producer: str
    consumer: str
    outcome: Outcome
    reason: str


def exchanges(entry: Entry) -> bool:
    """Whether a scenario saves something and ends with it in one other process."""
    leaves = [call for call in ast.walk(entry.body) if _leaves(call)]
    ends = any(call in leaves for call in ast.walk(entry.body.body[-1]))
    return len(leaves) == 1 and ends and "ahead_of_time" in entry.needs


def _leaves(node: ast.AST) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr == "elsewhere"


def split(story: Story) -> tuple[Story, Story]:
    """The events up to the change of processes, with it, and those after it."""
    place = next((i for i, event in enumerate(story) if event in _GOES_ON), len(story) - 1)
    return story[: place + 1], story[place + 1 :]


def judge_pair(expected: Story, exit_: Exit) -> tuple[Outcome, str]:
    """What the consumer made of the artefact, by the part of the story that was left to it."""
    told = exit_.observation.story
    if exit_.bug or exit_.observation.bug:
        return (
            Outcome.FAILS,
            f"Touchstone failed: {(exit_.bug or exit_.observation.bug).splitlines()[-1]}",
        )
    if exit_.timed_out:
        return Outcome.FAILS, f"was still running after {exit_.seconds:.0f} s"
    if exit_.status != 0 or not exit_.observation.ended:
        return Outcome.FAILS, f"the process ended with status {exit_.status}"
    if lines(told) == lines(expected):
        return Outcome.WORKS, ""
    right = dict(enumerate(expected))
    raised = next((i for i, e in enumerate(told) if _raises(e) and e != right.get(i)), None)
    if raised is None:
        return Outcome.FAILS, _first_difference(expected, told)
    message = str(dict(exit_.observation.evidence[raised]).get("error", {}).get("message", ""))
    said = _FILE.sub("", message)
    gist = " ".join(f"{lines((told[raised],))[0]}: {said}".split())[:160]
    clear = isinstance(told[raised], Act) and _CLEAR.search(message)
    return (Outcome.REFUSES if clear else Outcome.FAILS), gist


def _raises(event: Event) -> bool:
    return isinstance(event, Act | Call) and event.outcome.startswith("raises ")


def _first_difference(expected: Story, told: Story) -> str:
    for left, right in zip(lines(expected), lines(told), strict=False):
        if left != right:
            return f"tells {right!r} instead of {left!r}"
    return f"tells {len(told)} events instead of {len(expected)}"


def tabulate_pairs(pairs: Iterable[Pair]) -> dict[tuple[str, str], Counter[Outcome]]:
    """Counts of outcomes by producer and consumer."""
    found: dict[tuple[str, str], Counter[Outcome]] = {}
    for pair in pairs:
        found.setdefault((pair.producer, pair.consumer), Counter())[pair.outcome] += 1
    return found


def page(pairs: Sequence[Pair], versions: Mapping[str, str]) -> str:
    """The exchange in Markdown: the table, then every pair that does not work.

    Args:
        pairs: in any order.
        versions: torch's version by implementation, in the order of rows and columns.
    """
    counts = tabulate_pairs(pairs)
    names = list(versions)
    rows = [
        "| saved by \\ loaded by | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for producer in names:
        cells = [_cell(counts.get((producer, consumer), Counter())) for consumer in names]
        rows.append(f"| {producer} | " + " | ".join(cells) + " |")
    parts = [
        "# The exchange of artefacts",
        "",
        "What one environment compiled ahead of time and saved, loaded and called by another: scenarios by outcome.",
        "",
        *(f"- **{outcome}**: {meaning}." for outcome, meaning in MEANING.items()),
        "",
        *(f"- `{name}`: torch {version}" for name, version in versions.items()),
        "",
        *rows,
    ]
    for outcome in (Outcome.REFUSES, Outcome.FAILS, Outcome.NOT_MADE):
        of_it = [pair for pair in pairs if pair.outcome is outcome]
        if of_it:
            parts += ["", f"## {outcome.capitalize()}", ""]
            parts += _reasons(of_it)
    return "\n".join(parts) + "\n"


def _cell(counts: Counter[Outcome]) -> str:
    return (
        ", ".join(f"{outcome} {counts[outcome]}" for outcome in Outcome if counts[outcome]) or "-"
    )


def _reasons(pairs: Sequence[Pair]) -> list[str]:
    by_reason: dict[tuple[str, str, str], list[str]] = {}
    for pair in pairs:
        key = (pair.producer, pair.consumer, pair.reason)
        title = f"{pair.scenario}[{pair.variant}]" if pair.variant else pair.scenario
        by_reason.setdefault(key, []).append(f"`{title}`")
    return [
        f"- {producer} to {consumer}, {_some(titles)}: {reason}"
        for (producer, consumer, reason), titles in by_reason.items()
    ]


def _some(titles: Sequence[str]) -> str:
    """All of a few, or how many there are and some of them."""
    if len(titles) <= _FEW:
        return ", ".join(titles)
    return f"{len(titles)} scenarios, such as {', '.join(titles[:_FEW])}"
