"""The plan: which trials a run has, decided before anything runs.

Knows how scenarios, variants and implementations multiply, and how a trial is selected by its id. Must not
run anything. Aggregates iterate over the plan, never over results.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import shlex
from collections.abc import Iterable, Sequence
from fnmatch import translate
from typing import Any

from harness.catalog import Entry, Variant, variants
from harness.model import Implementation, Trial


def trial(entry: Entry, variant: Variant, implementation: Implementation) -> Trial:
    """The trial of one scenario in one variant on one implementation."""
    return Trial(entry.id, variant.id, implementation.name)


def trials(entries: Iterable[Entry], implementations: Sequence[Implementation]) -> list[Trial]:
    """Every trial, in the order of scenarios, implementations and variants."""
    return [
        trial(entry, variant, implementation)
        for entry in entries
        for implementation in implementations
        for variant in variants(entry)
    ]


def digest(planned: Iterable[Trial]) -> str:
    """A fingerprint of a plan: 16 hexadecimal digits over the sorted ids of its trials."""
    ids = "\n".join(sorted(each.id for each in planned))
    return hashlib.sha256(ids.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def to_json(planned: Sequence[Trial]) -> dict[str, Any]:
    """A plan as the header of a record has it."""
    return {
        "plan_digest": digest(planned),
        "plan": [
            {"scenario": t.scenario, "variant": t.variant, "implementation": t.implementation}
            for t in planned
        ],
    }


def selects(pattern: str, entry: Entry, variant: Variant) -> bool:
    """Whether a glob names a variant; without [...] it names all variants of a scenario, and a family's name all of it.

    `[` and `]` stand for themselves, since they are part of ids; former ids of a scenario match too.
    """
    if not set(pattern) & set("/*?["):
        pattern += "/*"
    glob = re.compile(translate(pattern.replace("[", "[[]")))
    return any(
        glob.match(name) or glob.match(f"{name}[{variant.id}]")
        for name in (entry.id, *entry.formerly)
    )


def select(entries: Iterable[Entry], patterns: Sequence[str]) -> list[tuple[Entry, Variant]]:
    """Every variant of every scenario that a glob names; all where there are no globs."""
    return [
        (entry, variant)
        for entry in entries
        for variant in variants(entry)
        if not patterns or any(selects(pattern, entry, variant) for pattern in patterns)
    ]


def near(pattern: str, entries: Iterable[Entry]) -> str:
    """A hint at ids that look like a pattern that selects nothing; "" if none does."""
    names = [entry.id for entry in entries]
    scenario = pattern.partition("[")[0]
    found = difflib.get_close_matches(
        scenario, [*names, *{n.partition("/")[0] for n in names}], n=3
    )
    return f"; did you mean {' or '.join(found)}?" if found else ""


def rerun(each: Trial, argument: str) -> str:
    """The command that runs one trial again; `argument` is how the implementation was asked for."""
    variant = f"[{each.variant}]" if each.variant else ""
    return shlex.join(
        ["touchstone", "run", f"{each.scenario}{variant}", "--implementation", argument]
    )
