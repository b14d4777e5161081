"""The page of the kill matrix, and what is wrong with it. Near side.

Knows how the matrix reads. Must not run anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from harness.catalog import Entry
from mutants import evidence
from mutants.declared import Declared, Mutant
from mutants.kills import Kills

#: How many examples a row shows.
_SHOWN = 4

_HEAD = """\
# The kill matrix

Each mutant is an implementation that is wrong on purpose, in one way ([mutants.md](mutants.md)). A scenario kills it
if the verdict on one of its variants is one that a run reports: a failure of any tier, an error, a crash. This page is
written by `python tests/mutants/matrix.py`.

A mutant is *blunt* if its sin shows in nearly all that is looked at: to catch it says that a scenario compares, not
that it would notice if what it promises were broken. The others are *specific*.
"""

_BLUNTLY = """\
## Where only blunt mutants are caught

Where real implementations deviate in a value or an effect (conformance/known), that has been seen to be noticed.
"""


def specific(known: Kills, content: Declared, scenario: str) -> list[str]:
    """The mutants that a scenario kills and that are not blunt."""
    sharp = {each.name for each in content.mutants if not each.blunt}
    return [each for each in known.killers(scenario) if each in sharp]


def pending(known: Kills, content: Declared) -> list[str]:
    """What has still to be run, a sentence each; a mutant that is killed need not face more."""
    rows = [("the healthy base", known.base)]
    rows += [
        (each.name, known.rows[each.name])
        for each in content.mutants
        if each.sin and not each.survives and not known.rows[each.name].kills
    ]
    found = [
        f"{name} has still to face {len(row.pending)} scenario{'s'[: len(row.pending) > 1]}"
        for name, row in rows
        if row.pending
    ]
    found += [f"{each} has killed nobody so far" for each in _undecided(known, content)]
    return [*found, *_to_be_faced(known, content)]


def _to_be_faced(known: Kills, content: Declared) -> Iterator[str]:
    """The scenarios that kill no specific mutant, and have not faced all that fit them."""
    for scenario in known.scenarios:
        if not specific(known, content, scenario) and scenario not in content.only_blunt:
            rows = {each.name: known.rows[each.name] for each in content.fitting(scenario)}
            if left := [name for name, row in rows.items() if scenario in row.pending]:
                yield f"{scenario} has still to face {', '.join(left)}"


def _undecided(known: Kills, content: Declared) -> list[str]:
    """The scenarios that kill nobody among those that have faced them, which are not all."""
    waiting = {each for row in known.rows.values() for each in row.pending}
    return [
        each
        for each in known.scenarios
        if each in waiting and each not in content.idle and not known.killers(each)
    ]


def problems(known: Kills, content: Declared) -> list[str]:
    """What must not be so, a sentence each; nothing is said of what is pending."""
    return [*_about_mutants(known, content), *_about_scenarios(known, content)]


def _about_mutants(known: Kills, content: Declared) -> Iterator[str]:
    for mutant in content.mutants:
        row = known.rows[mutant.name]
        if not mutant.sin and row.kills:
            yield f"{mutant.name} is healthy, but {', '.join(row.kills)} killed it"
        elif mutant.survives and row.kills:
            yield f"{mutant.name} is declared to survive, but {', '.join(row.kills)} killed it"
        elif mutant.sin and not (row.kills or row.pending or mutant.survives):
            yield f"{mutant.name} survives: {mutant.sin}"


def _about_scenarios(known: Kills, content: Declared) -> Iterator[str]:
    for said, scenarios in ("nobody", content.idle), ("only blunt mutants", content.only_blunt):
        for scenario in scenarios:
            if scenario not in known.scenarios:
                yield f"{scenario} is declared to kill {said}, but does not exist"
    for scenario in content.only_blunt:
        if killed := specific(known, content, scenario):
            yield f"{scenario} is declared to kill only blunt mutants, but kills {killed[0]}"
    undecided = _undecided(known, content)
    for scenario in known.scenarios:
        if scenario in undecided:
            continue
        if not known.killers(scenario) and scenario not in content.idle:
            yield f"{scenario} kills nobody: which mutant would it kill?"
        elif known.killers(scenario) and scenario in content.idle:
            yield f"{scenario} is declared to kill nobody, but kills {known.killers(scenario)[0]}"


def text(known: Kills, content: Declared, entries: Sequence[Entry]) -> str:
    """The whole page."""
    sick = [mutant for mutant in content.mutants if mutant.sin]
    caught = sum(bool(known.rows[mutant.name].kills) for mutant in sick)
    killers = sum(bool(known.killers(entry.id)) for entry in entries)
    versions = ", ".join(f"{name} {version}" for name, version in known.versions.items())
    lines = [
        _HEAD,
        f"{len(sick)} mutants, of which {caught} are killed, by {killers} of {len(entries)} scenarios ({versions}).",
        *_survivors(known, content),
        *_bluntly(known, content, entries),
        "\n## Mutants\n",
        "| mutant | what is wrong | killed by, of those faced | how | such as |",
        "|---|---|---:|---|---|",
        *(_mutant_row(mutant, known) for mutant in sick),
        *_controls(known, content),
        "\n## Scenarios\n",
        "| scenario | specific | kills | such as |",
        "|---|---:|---:|---|",
        *(_scenario_row(entry, known, content) for entry in entries),
    ]
    return "\n".join(lines) + "\n"


def _survivors(known: Kills, content: Declared) -> Iterator[str]:
    if found := problems(known, content):
        yield "\n## Errors\n"
        yield from (f"- {problem}" for problem in found)
    cells = sum(sum(map(each.faces, known.scenarios)) for each in content.mutants)
    if left := sum(len(known.rows[each.name].pending) for each in content.mutants):
        yield (
            f"\nOf {cells} pairs of a mutant and a scenario, {cells - left} were run: a mutant that is killed, and a "
            "scenario that kills, need not face all others. Of the rest nothing is said; `--all` runs them."
        )
    if waiting := pending(known, content):
        yield "\n## Not known yet\n"
        yield from (f"- {each}" for each in waiting)
    reasons = [
        f"- {mutant.name}: {mutant.survives}" for mutant in content.mutants if mutant.survives
    ]
    reasons += [f"- {scenario} kills nobody: {reason}" for scenario, reason in content.idle.items()]
    if reasons:
        yield "\n## What is not caught, and why\n"
        yield from reasons


def _mutant_row(mutant: Mutant, known: Kills) -> str:
    row = known.rows[mutant.name]
    ways = Counter(row.kills.values()).most_common(2)
    how = ", ".join(f"{way} ({count})" for way, count in ways)
    faced = sum(map(mutant.faces, known.scenarios)) - len(row.pending)
    declared = [kill.scenario.partition("[")[0] for kill in mutant.killed_by]
    shown = list(dict.fromkeys([*(each for each in declared if each in row.kills), *row.kills]))
    examples = ", ".join(shown[:2])
    sin = f"{mutant.sin} *Blunt.*" if mutant.blunt else mutant.sin
    return f"| {mutant.name} | {sin} | {len(row.kills)} of {faced} | {how} | {examples} |"


def _controls(known: Kills, content: Declared) -> Iterator[str]:
    names = [mutant.name for mutant in content.mutants if not mutant.sin]
    yield (
        f"\nHealthy, and made in the same ways, so that no kill comes from how mutants are made: {', '.join(names)}. "
        "What the healthy base itself does not pass kills nobody:"
    )
    yield ""
    yield from (f"- {trial}: {how}" for trial, how in known.base.kills.items())


def _bluntly(known: Kills, content: Declared, entries: Sequence[Entry]) -> Iterator[str]:
    lacking = [each for each in entries if not specific(known, content, each.id)]
    blunt = sum(each.blunt for each in content.mutants)
    seen = evidence.deviating(lacking)
    yield (
        f"\n{len(entries) - len(lacking)} of {len(entries)} scenarios kill a specific mutant, which is none of the "
        f"{blunt} blunt ones; real implementations deviate in {len(seen)} of the others."
    )
    if lacking:
        yield f"\n{_BLUNTLY}"
    for entry in lacking:
        reasons = [f"seen to deviate: {', '.join(seen[entry.id])}" if entry.id in seen else ""]
        reasons += [table.get(entry.id, "") for table in (content.only_blunt, content.idle)]
        said = "; ".join(filter(None, reasons)) or "no mutant breaks what it promises, so far"
        yield f"- {entry.id}: {said}"


def _scenario_row(entry: Entry, known: Kills, content: Declared) -> str:
    killers = known.killers(entry.id)
    sharp = set(specific(known, content, entry.id))
    # Those that few scenarios kill say most about what this one is good for.
    special = sorted(killers, key=lambda name: (name not in sharp, len(known.rows[name].kills)))
    return f"| {entry.id} | {len(sharp)} | {len(killers)} | {', '.join(special[:_SHOWN])} |"
