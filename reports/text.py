"""A record in a terminal: the table, what does not conform, and one trial in words.

Knows plain text through tabulate. Must not count or judge.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence

from tabulate import tabulate

from harness.catalog import Entry, variants
from harness.model import TODO, Known, Result
from harness.plan import rerun
from harness.provision import Environment, size
from harness.record import Record
from harness.story import TIERS, lines, parse, render
from reports import table
from reports.claims import Claim, Standing, claims
from reports.visible import line, visible

SHOWN = 40

#: How many implementations stand side by side in a table of a terminal.
SIDE_BY_SIDE = 4


def summary(record: Record) -> str:
    """The table, the trials that do not conform with reason and command, and one closing line."""
    parts = [matrix(record)]
    parts += [
        f"\nunsupported by {name}, {table.trials(number)}: {line(reason)}"
        for name, reason, number in table.unsupported(record)
    ]
    arguments = {n: i["argument"] for n, i in record.header["implementations"].items()}
    stopped, found = table.split(table.deviations(record))
    for name, results in stopped.items():
        parts.append(
            f"\ncannot run: {name}, {table.trials(len(results))}\n"
            f"    {line(results[0].judgement.reason)}\n"
            f"    look: {examine(arguments[name])}"
        )
    if record.distrust:
        parts += ["", "THIS RUN IS NOT TRUSTWORTHY:", *(f"    {each}" for each in record.distrust)]
    if found:
        shown = [
            f"{r.judgement.verdict.upper()} {r.trial.id}\n{_claim(record, r)}    {line(r.judgement.reason)}\n"
            f"    rerun: {rerun(r.trial, arguments[r.trial.implementation])}"
            for r in found[:SHOWN]
        ]
        more = [f"... and {len(found) - SHOWN} more: see the report"] if len(found) > SHOWN else []
        parts += ["", "not conforming:", *shown, *more]
    if blind := len(table.unexplained(record)):
        parts += [
            "",
            f"not yet explained: {table.trials(blind)} with a known deviation whose reason is {TODO}",
        ]
    if standings := claimed(record):
        parts += ["", standings]
    return visible("\n".join([*parts, "", closing(record)]))


def stale(entry: Known, reason: str) -> str:
    """Why an entry is refused."""
    return f"the known entry for {entry.scenario!r} on {entry.implementation!r} {reason}"


def idle(entry: Known) -> str:
    """What to do about an entry of a cause that nothing fails by any more."""
    return f"nothing fails by the cause {entry.message!r} on {entry.implementation!r} any more: delete its known entry"


def caught_up(kept: Record, left: int) -> str:
    """What stays of a record that is brought up to another catalog, and what is left to run."""
    are = "is" if left == 1 else "are"
    return f"{len(kept.results)} results hold for the catalog of today; {table.trials(left)} {are} left to run"


def environments(used: Sequence[Environment]) -> list[str]:
    """What the environments cost that Touchstone made for a run, one line each and one for all."""
    if not used:
        return []
    lines_ = [
        f"  {each.name}  {size(each.bytes):>7}  {'made in' if each.made else 'reused; made in'} "
        f"{each.seconds:.0f} s  {' '.join(each.requires)}"
        for each in used
    ]
    total = size(sum(each.bytes for each in used))
    spent = sum(each.seconds for each in used if each.made)
    head = f"environments in {used[0].folder.parent}: {total} on disk, {spent:.0f} s to make in this run"
    return ["", head, *lines_]


def matrix(record: Record) -> str:
    """Families down, implementations across; in each cell, by tier, passed / applicable / total."""
    every = table.results(record)
    names = table.implementations(record)
    if len(names) > SIDE_BY_SIDE:
        return _standings(record)
    rows = []
    for family in table.families(record):
        of_family = [result for result in every if result.trial.family == family]
        rows.append([family, *(_cell(of_family, name) for name in names)])
    rows.append(["all", *(_cell(every, name) for name in names)])
    title = "passed / applicable / total, by tier"
    return f"{title}\n{tabulate(rows, headers=['family', *names], tablefmt='simple')}"


def claimed(record: Record) -> str:
    """Needs down, implementations across: what is claimed, and how many of its trials conform; "" without needs."""
    found = claims(record)
    names = list(dict.fromkeys(claim.implementation for claim in found))
    if len(names) > SIDE_BY_SIDE:
        return _claims_that_fail(found)
    rows = [
        [need, *(standing(claim) for claim in found if claim.need == need)]
        for need in dict.fromkeys(claim.need for claim in found)
    ]
    title = "claims: trials that conform / trials that need it"
    return f"{title}\n{tabulate(rows, headers=['need', *names], tablefmt='simple')}" if rows else ""


def _standings(record: Record) -> str:
    """Implementations down, tiers across: where there are too many to stand side by side."""
    rows = [
        [
            each.name,
            *(str(each.counts.get(tier, "")) for tier in TIERS),
            each.known,
            each.unexpected,
        ]
        for each in table.totals(record)
    ]
    title = "passed / applicable / total, by tier, of all families; the report has each family"
    headers = ["implementation", *TIERS, "known", "unexpected"]
    return f"{title}\n{tabulate(rows, headers=headers, tablefmt='simple')}"


def _claims_that_fail(found: Sequence[Claim]) -> str:
    """The claims that no trial of theirs keeps."""
    rows = [
        [claim.implementation, claim.need, standing(claim)]
        for claim in found
        if claim.standing is Standing.CONTRADICTED
    ]
    title = "claims that fail in all trials that need them; the report has all claims"
    headers = ["implementation", "need", "standing"]
    return f"{title}\n{tabulate(rows, headers=headers, tablefmt='simple')}" if rows else ""


def standing(claim: Claim) -> str:
    """A claim in a few words."""
    return f"{claim.standing} {claim.kept}/{claim.trials}" if claim.trials else claim.standing


def _cell(results: Sequence[Result], name: str) -> str:
    counts = table.count(result for result in results if result.trial.implementation == name)
    return "  ".join(f"{tier} {count}" for tier, count in counts.items())


def closing(record: Record) -> str:
    """One line: how many trials came to which verdict, on what, in how long."""
    verdicts: dict[str, int] = {}
    for result in table.results(record):
        verdicts[result.judgement.verdict] = verdicts.get(result.judgement.verdict, 0) + 1
    counts = ", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items()))
    torches = {i["fingerprint"]["torch"] for i in record.header["implementations"].values()}
    stamp = "NOT TRUSTWORTHY: " if record.distrust else ""
    return (
        f"{stamp}{sum(verdicts.values())} trials: {counts}; torch {', '.join(sorted(torches))}; "
        f"{record.footer['seconds']:.1f} s"
    )


def explain(result: Result, argument: str) -> str:
    """One trial in words: verdict, reason, expected and told story with the differences marked."""
    made = result.judgement
    tier = f" ({made.tier})" if made.tier else ""
    parts = [f"{made.verdict.upper()}{tier} {result.trial.id}", made.reason, ""]
    observation = result.exit.observation
    if observation.failure and observation.failure.phase == "environment":
        return visible("\n".join([*parts[:2], f"look: {examine(argument)}"]))
    parts += compare(result)
    parts += [f"\n{bug.rstrip()}" for bug in (result.exit.bug, observation.bug) if bug]
    if observation.failure:
        parts += ["", observation.failure.traceback.rstrip()[-3000:]]
    if result.exit.output.strip():
        parts += ["", "it printed:", ends(result.exit.output.rstrip())]
    return visible("\n".join([*parts, "", f"rerun: {rerun(result.trial, argument)}"]))


def ends(output: str, most: int = 3000) -> str:
    """The first and the last lines of an output: a dying Python tells first what was running."""
    if len(output) <= most:
        return output
    head = output[: most // 2].rpartition("\n")[0] or output[: most // 2]
    tail = output[-most // 2 :].partition("\n")[2] or output[-most // 2 :]
    return f"{head}\n... {len(output) - len(head) - len(tail)} characters are left out ...\n{tail}"


def examine(argument: str) -> str:
    """The command that says why an implementation cannot run."""
    return shlex.join(["touchstone", "doctor", argument])


def scenario(entry: Entry, tiers: Sequence[str]) -> str:
    """One scenario in words: claim, facts, source and stories."""
    facts = [
        ("claim", entry.claim),
        ("tiers", ", ".join(tiers)),
        ("reference", entry.ref),
        ("needs", ", ".join(entry.needs) or "nothing"),
        ("torch", entry.torch or "all versions"),
        ("seeds", ", ".join(entry.seed) or "none"),
        ("source", f"{entry.file}:{entry.line}"),
        ("variants", str(len(variants(entry)))),
    ]
    parts = [entry.id, "", *(f"{name + ':':<11}{value}" for name, value in facts)]
    for condition, story in entry.stories:
        parts += ["", f"story{f' if {condition}' if condition else ''}:"]
        parts += [f"  {line}" for line in render(parse(story)).splitlines()]
    return "\n".join([*parts, "", entry.source])


def compare(result: Result) -> list[str]:
    """The two stories, line by line: "-" expected, "+" told."""
    expected = lines(parse(result.expected)) if result.expected else []
    told = lines(result.exit.observation.story)
    if expected == told:
        return [f"  {line}" for line in told]
    return [line for line in difflib.ndiff(expected, told) if not line.startswith("?")]


def _claim(record: Record, result: Result) -> str:
    """What the scenario promises, as a line, where the record says so."""
    claim = record.header.get("scenarios", {}).get(result.trial.scenario, {}).get("claim", "")
    return f"    claim: {line(claim)}\n" if claim else ""
