"""Acceptance: which of the stories that a record holds become the ones that conform, and why the others do not.

Knows what can be a promise: a whole story, told alike by every implementation, that shows eager's behaviour.
Must not know how source is laid out (`literals`), nor how conditions are found (`partition`).
"""

from __future__ import annotations

import ast
import difflib
import string
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from harness import catalog, literals, plan
from harness.catalog import Entry, Variant, variants
from harness.condition import read_condition
from harness.files import write_whole
from harness.literals import canonical
from harness.model import Result, Verdict
from harness.partition import PartitionError, Telling, partition
from harness.record import Record, RecordError
from harness.story import Call, Note, Story, Tier, lines, parse, render

_DEVIATION = "record it as a known deviation (conformance/known/README.md)"

#: What to do about a trial whose story cannot be a promise, whatever it told.
_REMEDIES: Mapping[Verdict, str] = {
    Verdict.FELL_BACK: f"{_DEVIATION}, or say `interprets` in the profile if that is what it is for",
    Verdict.ERROR: f"make the call with s.attempt if the exception is the claim, else {_DEVIATION}",
    Verdict.TIMEOUT: f"raise --time-limit, or {_DEVIATION}",
    Verdict.CRASH: _DEVIATION,
    Verdict.FLAKY: "find out what differs between identical attempts",
    Verdict.BUG: "mend the scenario or Touchstone, and run again",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A story of a scenario, and what takes its place.

    Attributes:
        entry: the scenario.
        index: position of the story.
        pairs: conditions and stories; the last has the condition that is there already.
    """

    entry: Entry
    index: int
    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was told and is not accepted: the trial or story, and a sentence that says what to do."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"refused {self.what}: {self.why}"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What becomes of a record: the changes, and the refusals."""

    changes: tuple[Change, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class _Voice:
    """What one trial says about one story: the text that should be there, which may be the one that is."""

    index: int
    telling: Telling
    result: Result


def accept(record: Record, entries: Sequence[Entry], select: Sequence[str] = ()) -> Acceptance:
    """What a record changes about the catalog that it was made with, where `select` names the trials.

    Raises:
        RecordError: the catalog is another one by now, or the run was stopped before its end.
    """
    made, now = record.header["suite"]["catalog"], catalog.digest(entries)
    if made != now:
        raise RecordError(
            f"the scenarios are not those that the record was made with (catalog {made}, now {now}); run again"
        )
    chosen = {(entry.id, variant.id) for entry, variant in plan.select(entries, select)}
    results = [r for r in record.results if (r.trial.scenario, r.trial.variant) in chosen]
    planned = [each for each in record.planned if (each.scenario, each.variant) in chosen]
    missing = len(planned) - len(results)
    if missing:
        raise RecordError(
            f"the record lacks the results of {missing} planned trials; let the run come to its end"
        )
    return decide(entries, results)


def decide(entries: Iterable[Entry], results: Iterable[Result]) -> Acceptance:
    """What results change about scenarios; where nothing was told otherwise, nothing."""
    by_scenario: defaultdict[str, list[Result]] = defaultdict(list)
    stopped: dict[str, Refusal] = {}
    for result in results:
        if result.stopped:
            why = f"it cannot run; `touchstone doctor` says why ({result.judgement.reason})"
            stopped.setdefault(
                result.trial.implementation, Refusal(result.trial.implementation, why)
            )
        else:
            by_scenario[result.trial.scenario].append(result)
    found = [each for entry in entries for each in _consider(entry, by_scenario[entry.id])]
    return Acceptance(
        tuple(each for each in found if isinstance(each, Change)),
        (*stopped.values(), *(each for each in found if isinstance(each, Refusal))),
    )


def _consider(entry: Entry, results: Iterable[Result]) -> Iterator[Change | Refusal]:
    voices: defaultdict[int, list[_Voice]] = defaultdict(list)
    by_variant: defaultdict[str, list[Result]] = defaultdict(list)
    for result in sorted(results, key=lambda each: each.trial.implementation):
        by_variant[result.trial.variant].append(result)
    for variant in variants(entry):
        for result in by_variant[variant.id]:
            heard = _hear(entry, variant, result)
            if isinstance(heard, Refusal):
                yield heard
            elif heard is not None:
                voices[heard.index].append(heard)
    for index in sorted(voices):
        old = canonical(entry.stories[index][1])
        if any(voice.telling.text != old for voice in voices[index]):
            silent = [variant for variant in variants(entry) if not by_variant[variant.id]]
            yield _settle(entry, index, voices[index], silent)


def _hear(entry: Entry, variant: Variant, result: Result) -> _Voice | Refusal | None:
    """What a trial says about the story that is expected of it; None if it has no say."""
    verdict, trial = result.judgement.verdict, result.trial
    if verdict in _REMEDIES:
        reason = f"{verdict}: {result.judgement.reason}"
        return Refusal(trial.id, f"{reason}; {_REMEDIES[verdict]}")
    if verdict not in (Verdict.PASS, Verdict.XPASS, Verdict.IMPROVED, Verdict.FAIL):
        return None
    conforms = verdict in (Verdict.PASS, Verdict.XPASS)
    told = result.expected if conforms else render(result.exit.observation.story)
    versions = result.exit.observation.versions
    index = _index(entry, variant.settings, versions)
    old = None if index is None else canonical(entry.stories[index][1])
    if index is None or old not in (told, result.expected):
        why = "the story that the record expected of it is gone; run again"
        return Refusal(trial.id, why)
    if told != old and (why := _objection(entry, result)):
        return Refusal(trial.id, why)
    settings = {axis: str(value) for axis, value in variant.settings.items()}
    return _Voice(index, Telling(settings, versions, told), result)


def _index(entry: Entry, settings: Mapping[str, object], versions: Mapping[str, str]) -> int | None:
    """The position of the story that conforms."""
    holding = (
        index
        for index, (condition, _) in enumerate(entry.stories)
        if read_condition(condition).holds(settings, versions)
    )
    return next(holding, None)


def _objection(entry: Entry, result: Result) -> str:
    """Why a story that was told cannot be a promise; "" if it can."""
    told = result.exit.observation.story
    if result.known:
        return f"{result.judgement.reason}; correct or delete the entry first"
    if not told:
        return "it tells nothing; call what is compiled, or note something"
    if not _writable(told):
        return "its story cannot be written as a literal and be read again; tell plain ASCII text"
    allowed = {getattr(event, "outcome", "") for event in parse(result.expected)}
    tier = entry.tiers.get("outcome", "").partition(":")[0]
    for event, line in zip(told, lines(told), strict=True):
        if (
            isinstance(event, Call | Note)
            and event.outcome.startswith("differs from eager")
            and event.outcome not in allowed
            and tier != Tier.DIVERGE
        ):
            return f"{line!r} is no promise, because eager is the oracle; {_DEVIATION}"
        if isinstance(event, Call) and not event.ran and not event.outcome.startswith("raises "):
            return f"{line!r} does not tell what ran; accept from an implementation that shows it"
    return ""


def _writable(told: Story) -> bool:
    text = render(told)
    if not set(text) <= set(string.printable):
        return False
    try:
        return parse(ast.literal_eval(literals.write(text, "    "))) == told
    except ValueError:
        return False


def _settle(
    entry: Entry, index: int, voices: Sequence[_Voice], silent: Sequence[Variant]
) -> Change | Refusal:
    """What becomes of one story, about which something new was said."""
    condition, text = entry.stories[index]
    what = f"{entry.id} under {condition!r}" if condition else entry.id
    if why := _conflict(voices) or _unheard(entry, index, voices, silent):
        return Refusal(what, why)
    points = {(v.result.trial.variant, v.telling.release): v.telling for v in voices}
    try:
        pairs = partition(condition, list(points.values()), canonical(text))
    except PartitionError as error:
        return Refusal(what, str(error))
    return Change(entry, index, pairs)


def _conflict(voices: Sequence[_Voice]) -> str:
    """Which two implementations disagree where nothing but the implementation differs; "" if none do."""
    first: dict[tuple[str, object], _Voice] = {}
    for voice in voices:
        point = (voice.result.trial.variant, voice.telling.release)
        other = first.setdefault(point, voice)
        if other.telling.text != voice.telling.text:
            left, right = _first_difference(other.telling.text, voice.telling.text)
            variant = f" with {voice.result.trial.variant}" if voice.result.trial.variant else ""
            return (
                f"two different stories{variant}: {other.result.trial.implementation} tells {left}, "
                f"{voice.result.trial.implementation} tells {right}; find out which one deviates, and "
                f"{_DEVIATION}"
            )
    return ""


def _first_difference(left: str, right: str) -> tuple[str, str]:
    pairs = zip_longest(lines(parse(left)), lines(parse(right)))
    one, other = next((one, other) for one, other in pairs if one != other)
    return repr(one) if one else "nothing more", repr(other) if other else "nothing more"


def _unheard(entry: Entry, index: int, voices: Sequence[_Voice], silent: Sequence[Variant]) -> str:
    """Which variants would get another story although they did not run; "" if there are none."""
    named = [
        variant.id
        for variant in silent
        if any(_index(entry, variant.settings, v.telling.versions) == index for v in voices)
    ]
    if not named:
        return ""
    return (
        f"{' and '.join(named)} would get another story too, but did not run; "
        "run and accept the whole scenario"
    )


def draft(entry: Entry) -> Entry:
    """The scenario as a linter takes it before its first run: a story that is left blank is yet to be told."""
    stories = tuple((c, text if text.strip() else "reset") for c, text in entry.stories)
    return replace(entry, stories=stories)


def rewritten(acceptance: Acceptance) -> dict[Path, tuple[str, str]]:
    """The source of each module that changes: as it is, and as it is to be."""
    by_file: defaultdict[Path, dict[str, dict[int, Sequence[tuple[str, str]]]]]
    by_file = defaultdict(lambda: defaultdict(dict))
    for change in acceptance.changes:
        by_file[change.entry.file][change.entry.name][change.index] = change.pairs
    sources = {file: file.read_bytes().decode() for file in by_file}
    return {
        file: (sources[file], literals.rewrite(sources[file], by_file[file])) for file in by_file
    }


def diff(acceptance: Acceptance) -> str:
    """The changes as a unified diff."""
    return "".join(
        line
        for file, (old, new) in rewritten(acceptance).items()
        for line in difflib.unified_diff(
            old.splitlines(keepends=True),
            new.splitlines(keepends=True),
            f"a/{_shown(file)}",
            f"b/{_shown(file)}",
        )
    )


def write(acceptance: Acceptance) -> None:
    """Write the changes into the modules.

    Raises:
        OSError: a module cannot be written; it is as it was.
    """
    for file, (_, new) in rewritten(acceptance).items():
        write_whole(file, new)


def summary(acceptance: Acceptance) -> str:
    """One line for each literal that is rewritten or added, and what to do next."""
    if acceptance.changes:
        told = [line for change in acceptance.changes for line in _describe(change)]
        return "\n".join([*told, "review it with `git diff`, then run again"])
    return "nothing is accepted" if acceptance.refusals else "every story is as it was told"


def _describe(change: Change) -> Iterator[str]:
    entry = change.entry
    condition, old = entry.stories[change.index]
    where = f"{_shown(entry.file)}:{entry.spans[change.index][0]}: {entry.name}"
    *added, (_, new) = change.pairs
    yield from (f"{where} has a new story under {each!r}" for each, _ in added)
    if new != canonical(old):
        yield f"{where} has another story{f' under {condition!r}' if condition else ''}"


def _shown(file: Path) -> Path:
    here = Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file
