"""Merging: the records of shards, and of different implementations, become one, with a proof that it is whole.

Knows what makes records parts of one plan, and what is missing, foreign or contradictory. Must not judge: of
two results that contradict each other the worse stands, and the proof has failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness import plan
from harness.environment import profile
from harness.model import Implementation, Result, Trial, Verdict
from harness.record import Record, RecordError
from harness.shard import Shard

#: What of a fingerprint makes the results of two environments those of one implementation.
_FINGERPRINT = ("torch", "torch_git", "torch_build", "python")

#: What of a profile may differ from host to host.
_LOCAL = ("python", "argument")

#: What a profile in a record says by leaving a key out, as those of older records do.
_DEFAULTS = profile(Implementation(""))

#: What makes records of different catalogs ones of the same.
_SAME_CATALOG = (
    "bring the older up with `touchstone run --update`, or run both with the same Touchstone"
)

_ORDER = list(Verdict)


@dataclass(frozen=True, slots=True)
class Finding:
    """Why merged records are not the whole of their plan.

    Attributes:
        kind: missing, foreign or contradictory.
        trial: which trial it is about.
        why: what was found, naming the records.
    """

    kind: str
    trial: Trial
    why: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.trial.id}: {self.why}"


@dataclass(frozen=True, slots=True)
class Merged:
    """What several records come to.

    Attributes:
        record: all of them as one, valid whether or not the proof holds.
        findings: why the proof does not hold; none where it does.
    """

    record: Record
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Given:
    """A record under the name that people know it by."""

    name: str
    record: Record

    @property
    def header(self) -> Mapping[str, Any]:
        return self.record.header

    @property
    def digest(self) -> str:
        """Of the whole plan."""
        return str((self.header.get("shard", self.header))["plan_digest"])

    @property
    def whole(self) -> tuple[Trial, ...]:
        """The whole plan, of which the record's own may be a part."""
        return tuple(Trial(**each) for each in (self.header.get("shard", self.header))["plan"])


def merge(records: Mapping[str, Record]) -> Merged:
    """One record of several, by name, and what is wrong with it as the record of the whole plan.

    Raises:
        RecordError: they are of different catalogs or environments, or damaged.
    """
    given = [_Given(name, record) for name, record in records.items()]
    for each in given:
        _check(given[0], each)
    accepted, foreign = _sort(given)
    wholes = [_merge_plan(group) for group in accepted]
    record = combine([whole.record for whole in wholes])
    used = [each for group in accepted for each in group]
    own = {str(known): known for each in used for known in each.header.get("known", ())}
    header = {
        **record.header,
        "known": list(own.values()),
        "strict": any(each.header.get("strict", False) for each in used),
        "parts": [part for each in used for part in parts(each.header)],
    }
    finished = max(str(each.record.footer["finished"]) for each in used)
    footer = {**record.footer, "finished": finished}
    found = [finding for whole in wholes for finding in whole.findings]
    return Merged(Record(header, record.results, footer), (*found, *foreign))


def combine(records: Sequence[Record]) -> Record:
    """One record with the trials of several, as if they had been one run.

    Raises:
        RecordError: they are of different catalogs, or have a trial or an implementation's name in common.
    """
    first, *others = records
    header, footer = dict(first.header), dict(first.footer)
    header["scenarios"] = dict(header["scenarios"])
    header["implementations"] = dict(header["implementations"])
    header["plan"] = list(header["plan"])
    header["controls"] = [each for one in records for each in one.header["controls"]]
    if others:
        header["distrust"] = list(dict.fromkeys(each for one in records for each in one.distrust))
    for other in others:
        if other.header["suite"] != header["suite"]:
            raise RecordError(
                f"the records are of different catalogs ({header['suite']} and {other.header['suite']}); "
                + _SAME_CATALOG
            )
        common = sorted(set(header["implementations"]) & set(other.header["implementations"]))
        if common:
            raise RecordError(
                f"two records have results of {', '.join(common)}; give each implementation one name "
                "and one record, or make one of the records of shards: `touchstone merge`"
            )
        header["scenarios"].update(other.header["scenarios"])
        header["implementations"].update(other.header["implementations"])
        header["plan"] += other.header["plan"]
        footer["results"] += other.footer["results"]
        footer["seconds"] += other.footer["seconds"]
        footer["verdicts"] = dict(Counter(footer["verdicts"]) + Counter(other.footer["verdicts"]))
    header["plan_digest"] = plan.digest(Trial(**each) for each in header["plan"])
    return Record(header, tuple(result for record in records for result in record.results), footer)


def parts(header: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The runs that the results of a record come from."""
    if header.get("parts"):
        return list(header["parts"])
    shard = header.get("shard")
    return [
        {
            **{key: header[key] for key in ("started", "command", "host")},
            "shard": str(Shard(shard["number"], shard["of"])) if shard else "",
        }
    ]


def unlike(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """In what two descriptions of one implementation differ, so that their results do not belong together; or ""."""
    prints = [{key: each["fingerprint"].get(key) for key in _FINGERPRINT} for each in (one, other)]
    return _difference(*prints) or unlike_profiles(one["profile"], other["profile"])


def unlike_profiles(
    one: Mapping[str, Any], other: Mapping[str, Any], but: Sequence[str] = ()
) -> str:
    """In what two profiles differ, beside the keys `but` and what may differ from host to host; or ""."""
    left_out = {*_LOCAL, *but}
    one, other = (
        {key: value for key, value in {**_DEFAULTS, **each}.items() if key not in left_out}
        for each in (one, other)
    )
    return _difference(one, other)


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The first key that has two values, with both; or ""."""
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    return f"{keys[0]} {one.get(keys[0])} and {other.get(keys[0])}" if keys else ""


def suite_in_words(suite: Mapping[str, Any]) -> str:
    """A suite in words."""
    return f"{suite.get('catalog')} of Touchstone {suite.get('version')}"


def _check(first: _Given, each: _Given) -> None:
    """Refuse what cannot be part of one record with the first, or is not what it says.

    Raises:
        RecordError: it cannot.
    """
    try:
        described = {
            **each.header["scenarios"],
            **each.header.get("shard", each.header)["scenarios"],
        }
        sound = (
            plan.digest(each.whole) == each.digest
            and set(each.record.planned) <= set(each.whole)
            and {trial.scenario for trial in each.whole} <= set(described)
        )
    except (KeyError, TypeError):
        sound = False
    if not sound:
        raise RecordError(
            f"{each.name} is damaged: its plan is not the one of its digest; run again"
        )
    if each.header["suite"] != first.header["suite"]:
        raise RecordError(
            f"{each.name} is of another catalog than {first.name} ({suite_in_words(each.header['suite'])} and "
            f"{suite_in_words(first.header['suite'])}); {_SAME_CATALOG}"
        )


def _sort(given: Sequence[_Given]) -> tuple[list[list[_Given]], list[Finding]]:
    """The records by plan, and the results of those that speak of the same implementations under another plan.

    Of two such plans, the one that more of the records are of stands.
    """
    groups: dict[str, list[_Given]] = {}
    for each in given:
        groups.setdefault(each.digest, []).append(each)
    accepted: list[list[_Given]] = []
    foreign: list[Finding] = []
    owner: dict[str, str] = {}
    for digest, group in sorted(groups.items(), key=lambda item: -len(item[1])):
        names = {name for each in group for name in each.header["implementations"]}
        others = sorted({owner[name] for name in names if name in owner})
        if not others:
            accepted.append(group)
            owner.update(dict.fromkeys(names, digest))
            continue
        foreign += [
            Finding(
                "foreign",
                trial,
                f"{each.name} is of plan {digest}, not of {' or '.join(others)}",
            )
            for each in group
            for trial in each.record.planned
        ]
    return sorted(accepted, key=lambda group: given.index(group[0])), foreign


def _merge_plan(group: Sequence[_Given]) -> Merged:
    """The records of one plan as one."""
    first = group[0]
    header = {key: value for key, value in first.header.items() if key != "shard"}
    header["plan"] = list((first.header.get("shard", first.header))["plan"])
    header["scenarios"] = {
        trial.scenario: _described(first.header, trial.scenario) for trial in first.whole
    }
    header["implementations"] = _implementations(group)
    header["controls"] = [done for each in group for done in each.header["controls"]]
    header["distrust"] = [
        why if "distrust" in each.header else f"{each.name}: {why}"
        for each in group
        for why in each.record.distrust
    ]
    found: dict[Trial, list[tuple[str, Result]]] = {}
    for each in group:
        for result in each.record.results:
            found.setdefault(result.trial, []).append((each.name, result))
    results = tuple(max((r for _, r in told), key=_badness) for told in found.values())
    findings = [
        Finding("missing", trial, _why_missing(trial, group))
        for trial in first.whole
        if trial not in found
    ]
    for trial, told in found.items():
        if len({(r.judgement.verdict, r.exit.observation.story) for _, r in told}) > 1:
            findings.append(Finding("contradictory", trial, _contradiction(told)))
    footer = {
        "results": len(results),
        "seconds": sum(each.record.footer["seconds"] for each in group),
        "verdicts": _count(results),
    }
    return Merged(Record(header, results, footer), tuple(findings))


def _described(header: Mapping[str, Any], scenario: str) -> Any:  # noqa: ANN401 - any JSON value
    own: Mapping[str, Any] = header["scenarios"]
    return own[scenario] if scenario in own else header["shard"]["scenarios"][scenario]


def _implementations(group: Sequence[_Given]) -> dict[str, Any]:
    """The implementations of one plan, each of which is the same wherever it could run.

    Raises:
        RecordError: one is not.
    """
    found: dict[str, tuple[_Given, Mapping[str, Any]]] = {}
    for each in group:
        for name, described in each.header["implementations"].items():
            where, before = found.setdefault(name, (each, described))
            if _is_unknown(before):
                found[name] = each, described
            elif not _is_unknown(described) and (problem := unlike(before, described)):
                raise RecordError(
                    f"implementation {name!r} is not the same in {where.name} and {each.name}, which have "
                    f"{problem}; run both in the same environment, or give one another `name`"
                )
    return {name: described for name, (_, described) in found.items()}


def _is_unknown(described: Mapping[str, Any]) -> bool:
    """Whether the implementation had no environment that it could run in."""
    return bool(described["fingerprint"]["torch"] == "unknown")


def _why_missing(trial: Trial, group: Sequence[_Given]) -> str:
    planned = [each.name for each in group if trial in each.record.planned]
    return (
        f"{' and '.join(planned)} ended before it; `touchstone run --resume` completes a record"
        if planned
        else "it is in the shard of no record"
    )


def _badness(result: Result) -> tuple[int, str]:
    """What the worst of several results has most of, in whatever order they come."""
    return _ORDER.index(result.judgement.verdict), repr(result.exit.observation.story)


def _contradiction(told: Sequence[tuple[str, Result]]) -> str:
    verdicts = [f"{result.judgement.verdict} in {name}" for name, result in told]
    same = len({result.judgement.verdict for _, result in told}) == 1
    return " and ".join(verdicts) + (", with different stories" if same else "")


def _count(results: Sequence[Result]) -> dict[str, int]:
    found = [str(result.judgement.verdict) for result in results]
    return {verdict: found.count(verdict) for verdict in sorted(set(found))}
