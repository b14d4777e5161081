"""The judge: from what was expected and what was seen to a verdict, in one pure function.

Knows the whole table of verdicts (docs/verdicts.md). Must not run, read or write anything. It is the only
place that decides; the far side only tells, pytest and the reports only show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from harness.compilations import compiled, never_more, total
from harness.expectation import expect
from harness.model import (
    CAPTURED,
    Difference,
    Exit,
    Failure,
    Judgement,
    Known,
    Verdict,
    death,
)
from harness.signature import binding, of_end, of_failure, of_story, place, raised
from harness.story import (
    COMPILES,
    REUSES,
    TIERS,
    UNCOMPILED,
    Act,
    Call,
    Event,
    Story,
    Tier,
    Told,
    facets,
    render,
)

#: How binding each facet of a call is, unless the scenario says otherwise.
USUAL: Mapping[str, Tier] = {
    "compiles": Tier.SHOULD,
    "ops": Tier.MAY,
    "captures": Tier.SHOULD,
    "effects": Tier.MUST,
    "outcome": Tier.MUST,
}


def declared_tiers(words: Mapping[str, str]) -> dict[str, Tier]:
    """How binding the facets are that a scenario declares, from its `tiers`: facet to "tier: reason"."""
    return {facet: Tier(text.partition(":")[0]) for facet, text in words.items()}


#: What an adapter raises for what its front end does not have; the far side's `adapter.NotOffered`.
NOT_OFFERED = "harness.adapter.NotOffered"

#: Bytes in the unit in which memory is said.
GIB = 1 << 30

#: What the reason of a trial says that is unsupported because a need of it is not claimed.
NOT_CLAIMED = "which is not claimed"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a trial is judged by, beside what was seen.

    Attributes:
        story: the story that conforms.
        tiers: facet to tier, where the scenario departs from the usual.
        exact: whether fewer compilations also break the claim.
        unmet: needs of the scenario that the implementation does not claim.
        missing: programs that the implementation needs and that are not installed.
        interprets: whether running the captured graph as it is counts as compiled code.
        known: the known entry that speaks of this trial, if one does.
        others: further entries that may expect what it shows.
        device: that of the implementation, as torch names it.
        applies: why the scenario does not speak of this torch or implementation; "" if it does.
    """

    story: Story
    tiers: Mapping[str, Tier] = field(default_factory=dict)
    exact: bool = False
    unmet: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    interprets: bool = False
    known: Known | None = None
    others: tuple[Known, ...] = ()
    device: str = "cpu"
    applies: str = ""


def judge(terms: Terms, attempts: Sequence[Exit]) -> Judgement:
    """The judgement on one trial, from identical attempts at it; none at all is `not_run`."""
    promised = promises(terms)
    if terms.applies:
        return Judgement(Verdict.UNSUPPORTED, terms.applies, promised=promised)
    if not attempts:
        return Judgement(Verdict.NOT_RUN, "planned, but there is no result", promised=promised)
    judged = (_judge_one(terms, attempt) for attempt in attempts)
    judgements = [replace(made, promised=_counted(promised, made)) for made in judged]
    bug = next((each for each in judgements if each.verdict is Verdict.BUG), None)
    if bug:
        return bug
    told = {(each.verdict, each.signature) for each in judgements}
    made = _apply_needs(terms, _judge_flaky(judgements) if len(told) > 1 else judgements[0])
    return expect(made, terms.known, terms.others, attempts[0].message)


def _counted(promised: tuple[Tier, ...], made: Judgement) -> tuple[Tier, ...]:
    """The promised tiers, and the one that a story broke by telling what nobody expects."""
    if made.verdict is not Verdict.FAIL:
        return promised
    broken = {binding(each.tier) for each in made.differences if not each.better}
    return tuple(tier for tier in TIERS if tier in broken or tier in promised)


def fails(judgement: Judgement, *, strict: bool = False) -> bool:
    """Whether a judgement fails the run; `strict` counts MAY promises and improvements too."""
    match judgement.verdict:
        case Verdict.PASS | Verdict.UNSUPPORTED | Verdict.XFAIL:
            return False
        case Verdict.IMPROVED:
            return strict
        case Verdict.FAIL:
            return strict or judgement.tier is not Tier.MAY
        case _:
            return True


def _judge_flaky(judgements: Sequence[Judgement]) -> Judgement:
    counts = [f"{each.verdict} ({each.signature or 'as expected'})" for each in judgements]
    worst = max(judgements, key=lambda each: list(Verdict).index(each.verdict))
    reason = f"identical attempts differ: {', '.join(counts)}"
    return replace(worst, verdict=Verdict.FLAKY, reason=reason)


def _apply_needs(terms: Terms, judgement: Judgement) -> Judgement:
    """A need that is not claimed is probed by the trial itself: only a deviation confirms that it is unmet."""
    if judgement.verdict in (Verdict.CRASH, Verdict.TIMEOUT, Verdict.UNSUPPORTED):
        return judgement
    if terms.missing and not judgement.verdict.conforms:
        return replace(
            judgement,
            verdict=Verdict.UNSUPPORTED,
            reason=f"needs {' and '.join(terms.missing)}, which is not installed here; run all the same, it "
            f"{_past(judgement)}",
            kept=(),
        )
    if not terms.unmet:
        return judgement
    needs = " and ".join(terms.unmet)
    if judgement.verdict.conforms:
        return replace(judgement, reason=f"conforms although {needs} is not claimed: claim it")
    return replace(
        judgement,
        verdict=Verdict.UNSUPPORTED,
        reason=f"needs {needs}, {NOT_CLAIMED}; run all the same, it {_past(judgement)}",
        kept=(),
    )


def _past(judgement: Judgement) -> str:
    return f"ended in {judgement.verdict}: {judgement.reason}"


def _judge_one(terms: Terms, exit_: Exit) -> Judgement:  # noqa: PLR0911 - one for each way to end
    observation = exit_.observation
    if exit_.bug or observation.bug:
        last = ((exit_.bug or observation.bug).strip() or "it does not say how").splitlines()[-1]
        return Judgement(Verdict.BUG, last, signature="bug")
    if terms.device != "cpu" and (how := _eager_failed(exit_)):
        reason = (
            f"eager itself {how} on {terms.device!r}, so that nothing can be said of compiled code"
        )
        return Judgement(Verdict.UNSUPPORTED, reason, signature="eager fails")
    differences = tuple(_differences(terms, observation.story))
    if exit_.timed_out:
        reason = f"still running after {exit_.seconds:.0f} s"
        return _ended(terms, Verdict.TIMEOUT, reason, exit_, differences)
    if exit_.exceeded:
        reason = f"used more than {exit_.exceeded / GIB:.3g} GiB of memory"
        return _ended(
            terms, Verdict.CRASH, reason, exit_, differences, cause="used too much memory"
        )
    if exit_.status != 0:
        return _ended(terms, Verdict.CRASH, death(exit_.status), exit_, differences)
    if not observation.ended:
        reason = "the process ended with status 0 before the story did"
        return _ended(terms, Verdict.CRASH, reason, exit_, differences)
    if observation.failure and observation.failure.type == NOT_OFFERED:
        return Judgement(Verdict.UNSUPPORTED, observation.failure.message, signature="not offered")
    if observation.failure and not _expects(observation.failure, terms.story, observation.story):
        return _judge_error(terms, observation.failure, observation.story, differences)
    return _judge_story(terms, exit_, differences)


def _eager_failed(exit_: Exit) -> str:
    """How the program failed in eager, before the implementation was asked; "" if it did not."""
    seen = exit_.observation
    if seen.failure and seen.failure.phase == "eager":
        return f"raised {seen.failure.type} ({' '.join(seen.failure.message.split())[:300]})"
    if not seen.in_eager or seen.ended:
        return ""
    if exit_.timed_out:
        return f"was still running after {exit_.seconds:.0f} s"
    return "used too much memory" if exit_.exceeded else death(exit_.status)


def _ended(  # noqa: PLR0913 - what is said of it, and what that rests on
    terms: Terms,
    verdict: Verdict,
    reason: str,
    exit_: Exit,
    differences: tuple[Difference, ...],
    *,
    cause: str = "",
) -> Judgement:
    """The judgement on what did not come to its end; `cause` is the reason without the figures of one host."""
    seen = exit_.observation
    end = f"{verdict}: {cause or reason}" if verdict is Verdict.CRASH else str(verdict)
    importing = seen.failure is not None and seen.failure.phase == "import"
    told = "in eager" if seen.in_eager else f"after {len(seen.story)} of the story's events"
    return Judgement(
        verdict,
        f"{reason}, {'while it was imported' if importing else told}",
        Tier.MUST,
        differences=differences,
        signature=of_end(end, terms.story, seen.story, differences),
    )


def _expects(failure: Failure, story: Story, told: Story) -> bool:
    """Whether the story ends with an exception just where this one ended, which its last event has told."""
    if not told or len(told) != len(story):
        return False
    wanted, last, ends = story[-1], told[-1], f"raises {failure.type}"
    return (
        isinstance(wanted, Call | Act)
        and type(last) is type(wanted)
        and wanted.outcome.startswith("raises ")
        and last.outcome.startswith((f"{ends},", f"{ends} while "))
    )


def _judge_error(
    terms: Terms, failure: Failure, story: Story, differences: tuple[Difference, ...]
) -> Judgement:
    if failure.phase == "environment":
        reason = f"its environment is broken: {failure.message}"
        return Judgement(
            Verdict.ERROR, reason, Tier.MUST, failure.phase, signature="error: environment"
        )
    calls = sum(isinstance(event, Call) for event in story)
    where = f"in call {calls}" if raised(story) else f"after call {calls}"
    where = where if calls else "before the first call"
    message = " ".join(failure.message.split())[:300]
    phase = failure.phase or "run"
    end = f"error: {of_failure(failure)} ({phase}) {where}"
    return Judgement(
        Verdict.ERROR,
        f"raised {failure.type} ({phase}) {where}: {message}",
        Tier.MUST,
        phase,
        differences,
        signature=of_end(end, terms.story, story, differences),
    )


def _judge_story(terms: Terms, exit_: Exit, differences: tuple[Difference, ...]) -> Judgement:
    worse = [each for each in differences if not each.better]
    broken = {binding(each.tier) for each in worse}
    kept = tuple(tier for tier in promises(terms) if tier not in broken)
    signature = of_story(terms.story, exit_.observation.story, worse)
    if Tier.MUST not in broken and (reason := _fell_back(terms, exit_)):
        return Judgement(
            Verdict.FELL_BACK, reason, Tier.MUST, differences=differences, signature="fell_back"
        )
    if worse:
        tier = min((each.tier for each in worse), key=lambda each: TIERS.index(binding(each)))
        first = next(each for each in worse if each.tier is tier)
        return Judgement(
            Verdict.FAIL,
            _sentence(terms.story, exit_.observation.story, first, len(worse)),
            tier,
            differences=differences,
            kept=kept,
            signature=signature,
        )
    if terms.unmet and not any(map(compiled, exit_.observation.story)):
        reason = f"needs {' and '.join(terms.unmet)}; conforms, but nothing was compiled in it that could tell"
        return Judgement(Verdict.UNSUPPORTED, reason, signature="idle")
    if differences:
        fewer = total(terms.story) - total(exit_.observation.story)
        reason = (
            f"{fewer} fewer compilations than the story has" if fewer else _other_gain(differences)
        )
        return Judgement(Verdict.IMPROVED, reason, Tier.SHOULD, differences=differences, kept=kept)
    return Judgement(Verdict.PASS, kept=kept)


def _other_gain(differences: Sequence[Difference]) -> str:
    """What is better in a story with as many compilations as expected."""
    if any(each.expected == UNCOMPILED for each in differences):
        return "compiled code runs where the story has none"
    return "compiles later than the story has it"


def promises(terms: Terms) -> tuple[Tier, ...]:
    """The tiers that a story has promises of, the most binding first."""
    found = {binding(_tier(terms, e, facet)) for e in terms.story for facet, _ in facets(e)}
    return tuple(tier for tier in TIERS if tier in found)


def _tier(terms: Terms, event: Event, facet: str) -> Tier:
    if isinstance(event, Told):
        return event.tier
    return terms.tiers.get(facet, USUAL[facet])


def _differences(terms: Terms, told: Story) -> Iterator[Difference]:
    not_more = not terms.exact and never_more(terms.story, told)
    at_work = any(map(compiled, told))
    for position, (left, right) in enumerate(zip_longest(terms.story, told)):
        if left is None or right is None or not _comparable(left, right):
            event = left or right
            assert event is not None
            yield Difference(position, "outcome", Tier.MUST, _text(left), _text(right))
            continue
        before, after = _by_facet(left), _by_facet(right)
        for facet in USUAL:
            if before.get(facet) == after.get(facet) or _silent(facet, before, after, right):
                continue
            works = at_work if isinstance(right, Act) else compiled(right)
            better = facet == "compiles" and not_more and works
            tier = _tier(terms, left, facet)
            yield Difference(
                position, facet, tier, before.get(facet, ""), after.get(facet, ""), better
            )


def _silent(facet: str, before: Mapping[str, str], after: Mapping[str, str], told: Event) -> bool:
    """Whether a facet is not told at all: ops where nothing was compiled, compilations where none can be seen."""
    if facet == "ops":
        return not (before.get(facet) and after.get(facet))
    return facet == "compiles" and isinstance(told, Call) and not after.get(facet)


def _comparable(left: Event, right: Event) -> bool:
    if isinstance(left, Call) and isinstance(right, Call):
        return (left.number, left.of) == (right.number, right.of)
    if isinstance(left, Act) and isinstance(right, Act):
        return left.name == right.name
    return type(left) is type(right)


def _text(event: Event | None) -> str:
    return render((event,)).strip() if event else ""


def _by_facet(event: Event) -> dict[str, str]:
    texts: dict[str, str] = {}
    for facet, text in facets(event):
        texts[facet] = f"{texts[facet]}, {text}" if facet in texts else text
    return texts


def _fell_back(terms: Terms, exit_: Exit) -> str:
    """Why right values are no proof that the implementation compiled; "" if they are."""
    for left, right in zip(terms.story, exit_.observation.story, strict=False):
        if (
            isinstance(left, Call)
            and isinstance(right, Call)
            and left.ran in (COMPILES, REUSES)
            and right.ran not in (COMPILES, REUSES)
        ):
            channel = exit_.observation.channels.get("executed regions", "unavailable")
            how = "ran uncompiled" if right.ran else f"gave no proof of what ran ({channel})"
            return f"call {right.number} {how} where compiled code is expected"
    captured = exit_.observation.artefacts.count(CAPTURED)
    if captured and not terms.interprets:
        total = len(exit_.observation.artefacts)
        return f"{captured} of {total} compilations gave back the captured graph instead of compiled code"
    return ""


def _sentence(expected: Story, told: Story, first: Difference, count: int) -> str:
    where = place(expected, told, first.event)
    more = f" (and {count - 1} more)" if count > 1 else ""
    if first.event >= len(told):
        return f"the story ends before {first.expected!r}{more}"
    if not first.expected:
        return f"{where} tells {first.told!r}, which nobody expects{more}"
    if not first.told:
        return f"{where} does not tell {first.expected!r}{more}"
    return f"{where} tells {first.told!r} instead of {first.expected!r}{more}"
