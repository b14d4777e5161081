"""What changed between two sides: which trials newly fail or pass, and which observations are others.

Knows how a change is sorted, and which changes are alike. Must not format anything: the documents are the
renderers' (changes_text, changes_markdown, changes_html).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from harness.judge import fails
from harness.model import Result, Trial
from harness.plan import rerun
from harness.record import Record
from reports import table
from reports.observed import Observed, observe
from reports.sides import Pair, Side, pair_up


class Kind(StrEnum):
    """How a trial changed, the most important first: the sections of a document of changes."""

    FAILS = "newly fails"
    PASSES = "newly passes"
    JUDGED = "judged otherwise"
    TOLD = "told otherwise"
    EXPLAINED = "explained otherwise"
    NEW = "new"
    REMOVED = "removed"


#: One sentence for each kind: what its section is about.
MEANING: Mapping[Kind, str] = {
    Kind.FAILS: "kept its promises before, or was not asked to, and fails the run now: a regression, or a known "
    "deviation that is gone",
    Kind.PASSES: "failed the run before, and does not now",
    Kind.JUDGED: "ended in another verdict or another deviation, on the same side of failing",
    Kind.TOLD: "the verdict is the same, and another story is told: the contract differs between the sides",
    Kind.EXPLAINED: "the same story, with other reasons: recompilations, graph breaks, messages, logs",
    Kind.NEW: "only on the later side",
    Kind.REMOVED: "only on the earlier side",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One trial that is not what it was.

    Attributes:
        kind: how it changed.
        pair: the implementations.
        before: the result on the earlier side; None where it has none.
        after: the result on the later side; None where it has none.
        observed: the observations that changed.
    """

    kind: Kind
    pair: Pair
    before: Result | None
    after: Result | None
    observed: tuple[Observed, ...] = ()

    @property
    def result(self) -> Result:
        """The later of the results."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def promised(self) -> bool:
        """Whether the story that conforms is another one."""
        return bool(self.before and self.after and self.before.expected != self.after.expected)

    @property
    def command(self) -> str:
        """What runs the later trial again; "" where there is none."""
        if self.after is None:
            return ""
        return rerun(self.after.trial, str(self.pair.after.described["argument"]))


@dataclass(frozen=True, slots=True)
class Group:
    """Changes of one scenario that are alike: on several implementations, in several variants.

    Attributes:
        claim: what the scenario promises.
        edited: whether the scenario's source differs between the records.
        changes: all of them; the first stands for the others.
        places: for each set of implementations the variants; () stands for all variants.
    """

    claim: str
    edited: bool
    changes: tuple[Change, ...]
    places: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

    @property
    def first(self) -> Change:
        """The change that stands for the others."""
        return self.changes[0]

    @property
    def scenario(self) -> str:
        """The scenario's id."""
        return self.first.result.trial.scenario

    @property
    def where(self) -> str:
        """The implementations and variants in words; "" where a scenario has but one variant."""
        return "; ".join(
            f"{', '.join(labels)}{f': {_named_variants(variants)}' if variants else ''}"
            for labels, variants in self.places
        )

    @property
    def verdict(self) -> str:
        """How the judgement changed, in words: "pass → fail (must)"."""
        return " → ".join(map(_verdict, self.verdicts))

    @property
    def verdicts(self) -> tuple[Result, ...]:
        """The results to show the verdicts of: one where both sides were judged alike."""
        found = [each for each in (self.first.before, self.first.after) if each]
        return tuple(found[-1:] if len({_verdict(each) for each in found}) == 1 else found)

    @property
    def reasons(self) -> tuple[tuple[str, str], ...]:
        """What the judge said, with the sign of its side: nothing where both sides were judged alike."""
        sides = (("-", self.first.before), ("+", self.first.after))
        said = [(sign, each.judgement.reason if each else "") for sign, each in sides]
        kept = self.first.before and self.first.after and said[0][1] == said[1][1]
        return () if kept else tuple((sign, reason) for sign, reason in said if reason)

    @property
    def notes(self) -> tuple[str, ...]:
        """What else a reader must know about the two sides."""
        return tuple(
            note
            for note, holds in (
                ("the story that conforms is another one", self.first.promised),
                ("the scenario itself was edited between the records", self.edited),
            )
            if holds
        )


def _named_variants(variants: Sequence[str]) -> str:
    return " ".join(f"[{variant}]" for variant in variants)


def _verdict(result: Result) -> str:
    made = result.judgement
    return f"{made.verdict} ({made.tier})" if made.tier else str(made.verdict)


@dataclass(frozen=True)
class Comparison:
    """Everything that changed between two sides.

    Attributes:
        pairs: what was compared with what.
        changes: trial by trial, in the order of the plans.
        compared: how many trials both sides have.
        unpaired: implementations without a counterpart.
        strict: whether broken MAY promises and improvements count as failing.
    """

    pairs: tuple[Pair, ...]
    changes: tuple[Change, ...]
    compared: int
    unpaired: tuple[str, ...] = ()
    strict: bool = False

    @cached_property
    def counts(self) -> Mapping[Kind, int]:
        """How many trials changed in which way."""
        found = Counter(change.kind for change in self.changes)
        return {kind: found[kind] for kind in Kind if found[kind]}

    @property
    def regressions(self) -> int:
        """How many trials newly fail."""
        return self.counts.get(Kind.FAILS, 0)

    @property
    def alike(self) -> int:
        """How many trials of both sides show no change."""
        only = self.counts.get(Kind.NEW, 0) + self.counts.get(Kind.REMOVED, 0)
        return self.compared - (len(self.changes) - only)

    @property
    def title(self) -> str:
        """The two sides in a few words."""
        torches = {(pair.before.torch, pair.after.torch) for pair in self.pairs}
        before, after = next(iter(torches))
        if len(torches) == 1 and before != after:
            return f"torch {before} → {after}"
        return "; ".join(pair.title for pair in self.pairs)

    @property
    def counted(self) -> str:
        """The counts in one sentence."""
        counts = [f"{number} {kind}" for kind, number in self.counts.items()]
        return f"{table.trials(self.compared)} on both sides: {', '.join([*counts, f'{self.alike} alike'])}"

    @property
    def catalogs(self) -> tuple[str, ...]:
        """The catalogs of the records: one if all are of the same."""
        sides = [side for pair in self.pairs for side in (pair.before, pair.after)]
        return tuple(dict.fromkeys(str(s.record.header["suite"]["catalog"]) for s in sides))

    @property
    def distrust(self) -> tuple[str, ...]:
        """Why what is compared cannot be trusted, in sentences."""
        sides = [side for pair in self.pairs for side in (pair.before, pair.after)]
        return tuple(dict.fromkeys(why for side in sides for why in side.record.distrust))

    @cached_property
    def sections(self) -> Mapping[Kind, list[Group]]:
        """The changes by kind, and within a kind by what is alike."""
        return {
            kind: _groups(change for change in self.changes if change.kind is kind)
            for kind in self.counts
        }


def compare(
    before: Record, after: Record, old: str = "*", new: str = "*", *, strict: bool = False
) -> Comparison:
    """What changed from one record to another, or inside one record.

    Args:
        before: the record of the earlier side.
        after: the record of the later side; may be the same.
        old: pattern over names of implementations on the earlier side.
        new: the same on the later side.
        strict: whether broken MAY promises and improvements count as failing.

    Raises:
        PairingError: nothing can be paired.
    """
    pairs, unpaired = pair_up(before, after, old, new)
    changes: list[Change] = []
    compared = 0
    for pair in pairs:
        for left, right in _meet(pair):
            compared += bool(left and right)
            change = _change(pair, left, right, strict=strict)
            changes += [change] if change else []
    return Comparison(pairs, tuple(changes), compared, unpaired, strict)


def _meet(pair: Pair) -> Iterator[tuple[Result | None, Result | None]]:
    """The results of both sides, trial by trial; a scenario is followed over its renamings."""
    earlier, later = _results(pair.before), _results(pair.after)
    scenarios = pair.after.record.header["scenarios"]
    for (scenario, variant), result in later.items():
        names = (scenario, *scenarios.get(scenario, {}).get("formerly", ()))
        found = next((name for name in names if (name, variant) in earlier), None)
        yield earlier.pop((found, variant)) if found else None, result
    yield from ((result, None) for result in earlier.values())


def _results(side: Side) -> dict[tuple[str, str], Result]:
    """By scenario and variant, in their order: the one in which trials ran may be any."""
    found = {
        (each.trial.scenario, each.trial.variant): each
        for each in table.results(side.record)
        if each.trial.implementation == side.name
    }
    return dict(sorted(found.items()))


def _change(
    pair: Pair, before: Result | None, after: Result | None, *, strict: bool
) -> Change | None:
    if before is None or after is None:
        return Change(Kind.REMOVED if before else Kind.NEW, pair, before, after)
    observed = observe(before.exit.observation, after.exit.observation)
    kind = _sort(before, after, observed, strict=strict)
    return Change(kind, pair, before, after, observed) if kind else None


def _sort(
    before: Result, after: Result, observed: Sequence[Observed], *, strict: bool
) -> Kind | None:
    failed, failing = fails(before.judgement, strict=strict), fails(after.judgement, strict=strict)
    if failing != failed:
        return Kind.FAILS if failing else Kind.PASSES
    was, made = before.judgement, after.judgement
    if (was.verdict, was.tier, was.signature) != (made.verdict, made.tier, made.signature):
        return Kind.JUDGED
    if before.expected != after.expected or any(not each.evidence for each in observed):
        return Kind.TOLD
    return Kind.EXPLAINED if observed else None


def _groups(changes: Iterable[Change]) -> list[Group]:
    scenarios: dict[str, dict[object, list[Change]]] = {}
    for change in changes:
        alike = scenarios.setdefault(change.result.trial.scenario, {})
        alike.setdefault(_likeness(change), []).append(change)
    return [_group(found) for alike in scenarios.values() for found in alike.values()]


def _likeness(change: Change) -> object:
    """What changes must share to be shown as one."""
    judged = [
        each and (each.judgement.verdict, each.judgement.tier, each.judgement.reason)
        for each in (change.before, change.after)
    ]
    return *judged, change.promised, change.observed


def _group(changes: Sequence[Change]) -> Group:
    first = changes[0]
    records = [pair.record for pair in (first.pair.before, first.pair.after)]
    described = [
        record.header["scenarios"].get(each.trial.scenario, {})
        for record, each in zip(records, (first.before, first.after), strict=True)
        if each is not None
    ]
    return Group(
        claim=str(described[-1].get("claim", "")),
        edited=len({str(each.get("source", "")) for each in described}) > 1,
        changes=tuple(changes),
        places=_places(changes),
    )


def _places(changes: Sequence[Change]) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """Implementations with the same variants, together; () for all variants of a scenario."""
    variants: dict[str, list[str]] = {}
    whole: dict[str, set[str]] = {}
    for change in changes:
        trial, label = change.result.trial, change.pair.label
        variants.setdefault(label, []).append(trial.variant)
        if label not in whole:
            side = change.pair.after if change.after else change.pair.before
            whole[label] = _variants(side.record, trial)
    together: dict[tuple[str, ...], list[str]] = {}
    for label, found in variants.items():
        key = () if set(found) == whole[label] else tuple(found)
        together.setdefault(key, []).append(label)
    return tuple((tuple(labels), key) for key, labels in together.items())


def _variants(record: Record, trial: Trial) -> set[str]:
    """The variants in which a record has a trial's scenario on its implementation."""
    return {
        each["variant"]
        for each in record.header["plan"]
        if (each["scenario"], each["implementation"]) == (trial.scenario, trial.implementation)
    }
