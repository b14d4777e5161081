"""The catalog's linter: what a well-formed scenario looks like, in sentences.

Knows the rules of docs/writing.md. Must not run anything.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from harness.catalog import Entry, variants
from harness.condition import OTHERWISE, ConditionError, read_condition, read_versions
from harness.needs import NEEDS
from harness.story import Call, StoryError, Tier, parse

BODY_LINES = 15
FACETS = ("compiles", "ops", "captures", "effects", "outcome")
TELLS = ("ops",)

#: Methods of the subject that only work where the implementation claims a need.
_USES = {
    "config": "dynamo_config",
    "guards": "guards_text",
    "graphs": "graph_text",
    "compile_backward": "compiled_autograd",
    "ahead": "ahead_of_time",
    "load": "ahead_of_time",
}
_BOUND_TO_ONE = re.compile(r"\b(inductor|aot_eager|openvino|cuda|xpu|mps|hpu)\b")


def lint(entries: Sequence[Entry]) -> list[str]:
    """One sentence for each problem of the catalog, naming file, line and remedy; none if it is clean."""
    return [
        f"{entry.file}:{entry.line}: {entry.name} {problem}"
        for entry in entries
        for rule in (_lint_words, _lint_lists, _lint_conditions, _lint_stories, _lint_body)
        for problem in rule(entry)
    ] + list(_lint_ids(entries))


def _lint_ids(entries: Iterable[Entry]) -> Iterator[str]:
    owners: dict[str, Entry] = {}
    for entry in entries:
        for name in (entry.id, *entry.formerly):
            if name in owners:
                other = owners[name]
                yield (
                    f"{entry.file}:{entry.line}: {name} is also the id of the scenario at "
                    f"{other.file}:{other.line}; ids are unique for ever, choose another name"
                )
            owners.setdefault(name, entry)


def _lint_words(entry: Entry) -> Iterator[str]:
    if not entry.claim:
        yield "has no docstring; its first paragraph is the claim"
    elif not re.fullmatch(r"[A-Z0-9`].*\.", entry.claim):
        yield (
            f"claims {entry.claim!r}; a claim is a sentence that starts with a capital and ends with a period"
        )
    elif re.match(r"(Tests?|Checks?|Verif\w+|Ensures?) ", entry.claim):
        yield f"claims {entry.claim!r}; a claim states a fact about compiled programs, not about a test"
    if not entry.ref:
        yield "has no `ref`; name the page or behaviour that makes the promise"
    try:
        read_versions(entry.torch)
    except ConditionError as error:
        yield f"applies to no torch: {error}"


def _lint_lists(entry: Entry) -> Iterator[str]:
    for need in entry.needs:
        if need not in NEEDS:
            yield f"needs {need!r}, which is no need; the list is {', '.join(NEEDS)}"
    for tell in entry.tells:
        if tell not in TELLS:
            yield f"tells {tell!r}; a call can tell {', '.join(TELLS)}"
    for facet, text in entry.tiers.items():
        tier, _, reason = text.partition(":")
        if facet not in FACETS or tier not in list(Tier) or not reason.strip():
            yield f"sets the tier of {facet!r} to {text!r}; expected facet to 'tier: reason'"


def _lint_conditions(entry: Entry) -> Iterator[str]:
    claimed: set[str] = set()
    for position, (text, _) in enumerate(entry.stories):
        try:
            stated = read_condition(text)
        except ConditionError as error:
            yield f"has a story under a condition that cannot be read: {error}"
            continue
        strange = set(stated.settings) - set(entry.axes)
        if strange:
            yield f"has a story under {text!r}, but no axis {', '.join(sorted(strange))}"
            continue
        fitting = {v.id for v in variants(entry) if stated.fits(v.settings)}
        if text == OTHERWISE and position != len(entry.stories) - 1:
            yield f"has {OTHERWISE!r} before other conditions, which can then never hold; put it last"
        if not fitting - claimed:
            yield f"has a story under {text!r} that no variant can ever tell; delete it or reorder"
        if not stated.versions:
            claimed |= fitting
    for variant in variants(entry):
        if variant.id not in claimed:
            yield f"has no story for {variant.id or 'all versions'}; add a condition or {OTHERWISE!r}"


def _lint_stories(entry: Entry) -> Iterator[str]:
    for text, story in entry.stories:
        where = repr(text or "its only condition")
        try:
            events = parse(story)
        except StoryError as error:
            yield f"expects no story under {where}: {error}"
            continue
        if not events:
            yield f"expects an empty story under {where}; run it and accept"
        if not story.isascii():
            yield f"expects a story with characters beyond ASCII under {where}"
        if "ops" not in entry.tells and any(
            isinstance(e, Call) and e.ops is not None for e in events
        ):
            yield "expects counts of ops but does not have 'ops' in `tells`"


def _lint_body(entry: Entry) -> Iterator[str]:
    statements = entry.body.body[1:]
    if not statements:
        yield "has no body"
        return
    lines = (entry.body.end_lineno or 0) - statements[0].lineno + 1
    if lines > BODY_LINES:
        yield f"has a body of {lines} lines; at most {BODY_LINES} keep it one claim"
    for node in _walk(statements):
        if isinstance(node, ast.Assert):
            yield f"asserts on line {node.lineno}; a body tells, the story decides"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = _BOUND_TO_ONE.search(node.value)
            if found:
                yield f"names {found[0]!r} on line {node.lineno}; scenarios are for every implementation"
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "s"
        ):
            need = _USES.get(node.func.attr)
            if need and need not in entry.needs:
                yield f"uses s.{node.func.attr}() on line {node.lineno} without needing {need!r}"


def _walk(statements: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    for statement in statements:
        yield from ast.walk(statement)
