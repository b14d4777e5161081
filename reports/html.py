"""A record as one self-contained page: index.html, readable from a file and without network.

Knows HTML, and how the record's values are packed into the page as data. Must not count or judge,
and must not trust a text of the record: the template escapes it, the data block cannot be broken
out of, and the page's policy lets no other script or style run than the two that are hashed here.
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.files import write_whole
from harness.model import MEANING, Verdict
from harness.plan import rerun
from harness.story import TIERS, StoryError, Tier, lines, parse
from reports import repro, table
from reports.claims import Standing, by_need
from reports.pool import Pool, key_of
from reports.text import SIDE_BY_SIDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.model import Result
    from harness.record import Record
    from reports.repro import Repro

_HERE = Path(__file__).parent

#: What stands beside the colour of a verdict, for readers without colour.
GLYPHS: Mapping[Verdict, str] = {
    Verdict.PASS: "✓",
    Verdict.IMPROVED: "▲",
    Verdict.FAIL: "✗",
    Verdict.FELL_BACK: "↓",
    Verdict.ERROR: "!",
    Verdict.CRASH: "†",
    Verdict.TIMEOUT: "∞",
    Verdict.UNSUPPORTED: "-",
    Verdict.XFAIL: "≈",
    Verdict.XPASS: "+",
    Verdict.FLAKY: "±",
    Verdict.NOT_RUN: "○",
    Verdict.BUG: "?",
}

#: What stands beside the colour of a claim.
CLAIM_GLYPHS: Mapping[Standing, str] = {
    Standing.CONFIRMED: "✓",
    Standing.PARTLY: "±",
    Standing.CONTRADICTED: "✗",
    Standing.UNTESTED: "○",
    Standing.OFFERED: "+",
    Standing.ABSENT: "-",
}

#: What a promise of each tier is to somebody who writes programs.
TIER_MEANING: Mapping[Tier, str] = {
    Tier.MUST: "binding: right values, effects and errors. A program may rely on it.",
    Tier.SHOULD: (
        "expected: when code is compiled and when it is reused. "
        "Breaking it costs time, not right results."
    ),
    Tier.MAY: (
        "informative: details such as the number of operations in a graph. "
        "Another answer is no defect."
    ),
}


#: How many deviations the page itself holds; its script shows the others.
LISTED = 50

#: From this many implementations on, the matrix scrolls in a frame of its own.
_MANY = 6


def build(record: Record) -> str:
    """The page of the report. The same record gives the same text."""
    every = table.results(record)
    style = f"{asset('page.css')}:root {{ --columns: {len(table.implementations(record))}; }}\n"
    script = asset("page.js")
    page = (
        environment()
        .get_template("page.html")
        .render(
            policy=policy(style, script),
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            data=Markup(_embed(_data(record, every))),  # noqa: S704 - escaped by _embed
            **_shown(record, every),
        )
    )
    return page.encode("utf-8", "replace").decode("utf-8")


def write(record: Record, folder: Path) -> Path:
    """Write the report into a folder and return its page, which is there whole or not at all."""
    text = build(record)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "index.html"
    write_whole(page, text)
    return page


@cache
def asset(name: str) -> str:
    """A file that pages are made of."""
    return (_HERE / name).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """The templates of pages: whatever is put into one is escaped."""
    made = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["word"] = _word
    made.filters["glyph"] = GLYPHS.__getitem__
    made.filters["anchor"] = _anchor
    made.filters["claim_glyph"] = CLAIM_GLYPHS.__getitem__
    return made


def policy(style: str, script: str = "") -> str:
    """What a page allows itself: this style, this script if there is one, and nothing else."""
    scripts = f"'{_digest(script)}'" if script else "'none'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src '{_digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _embed(value: object) -> str:
    """JSON, compressed, as text: a tenth of its size, and no character of it means anything to HTML."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    readable = text.encode("utf-8", "replace")  # lone surrogates end some browsers
    return base64.b64encode(gzip.compress(readable, mtime=0)).decode()


def _word(verdict: Verdict) -> str:
    return verdict.replace("_", " ")


def _anchor(result: Result) -> str:
    """The fragment that opens a trial's detail, percent-encoded as encodeURIComponent does."""
    kept = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()/")
    raw = result.trial.id.encode("utf-8", "replace")
    return "#trial=" + "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in raw)


# What the page holds without scripts.


def _shown(record: Record, every: Sequence[Result]) -> dict[str, Any]:
    header = record.header
    names = table.implementations(record)
    verdicts = Counter(result.judgement.verdict for result in every)
    found = table.deviations(record)
    totals = table.totals(record)
    torches = sorted({_version(header, name) for name in names})
    return {
        "title": f"Touchstone: {', '.join(names)} on torch {', '.join(torches)}",
        "torches": torches,
        "header": header,
        "footer": record.footer,
        "command": shlex.join(map(str, header["command"])),
        "columns": [_column(header, name) for name in names],
        "wide": len(names) >= _MANY,
        "families": _families(record, every),
        "everything": [each.counts for each in totals],
        "totals": totals if len(names) > SIDE_BY_SIDE else [],
        "tier_names": list(TIERS),
        "claims": by_need(record),
        "trials": len(every),
        "scenarios": len({result.trial.scenario for result in every}),
        "verdicts": [(verdict, MEANING[verdict], verdicts[verdict]) for verdict in MEANING],
        "tiers": TIER_MEANING,
        "found": [(result, _command(header, result)) for result in found[:LISTED]],
        "deviations": len(found),
        "bugs": verdicts[Verdict.BUG],
        "missing": verdicts[Verdict.NOT_RUN],
        "distrust": record.distrust,
        "controls": record.controls,
        "blind": len(table.unexplained(record)),
    }


def _version(header: Mapping[str, Any], name: str) -> str:
    return str(header["implementations"][name]["fingerprint"].get("torch", "unknown"))


def _column(header: Mapping[str, Any], name: str) -> dict[str, str]:
    profile = header["implementations"][name]["profile"]
    return {
        "name": name,
        "torch": _version(header, name),
        "device": str(profile.get("device", "")),
    }


def _command(header: Mapping[str, Any], result: Result) -> str:
    return rerun(
        result.trial, str(header["implementations"][result.trial.implementation]["argument"])
    )


def _families(record: Record, every: Sequence[Result]) -> list[dict[str, Any]]:
    names = table.implementations(record)
    grouped: dict[str, dict[str, list[Result]]] = {family: {} for family in table.families(record)}
    for scenario in record.header["scenarios"]:
        grouped[scenario.split("/")[0]][scenario] = []
    for result in every:
        grouped[result.trial.family][result.trial.scenario].append(result)
    return [
        {
            "name": family,
            "question": next(
                record.header["scenarios"][scenario].get("question", "") for scenario in scenarios
            ),
            "counts": _counts([each for found in scenarios.values() for each in found], names),
            "scenarios": [
                {
                    "id": scenario,
                    "claim": record.header["scenarios"][scenario]["claim"],
                    "chips": [
                        _chips(r for r in found if r.trial.implementation == n) for n in names
                    ],
                }
                for scenario, found in scenarios.items()
            ],
        }
        for family, scenarios in grouped.items()
    ]


def _counts(found: Sequence[Result], names: Sequence[str]) -> list[Mapping[Tier, table.Count]]:
    return [table.count(r for r in found if r.trial.implementation == name) for name in names]


def _chips(found: Iterable[Result]) -> list[tuple[Verdict, list[Result]]]:
    """The results by verdict, the worst first."""
    groups: dict[Verdict, list[Result]] = {}
    for result in found:
        groups.setdefault(result.judgement.verdict, []).append(result)
    return [(verdict, groups[verdict]) for verdict in reversed(Verdict) if verdict in groups]


# What the page's script shows on demand.


def _data(record: Record, every: Sequence[Result]) -> dict[str, Any]:
    pool = Pool()
    header = record.header
    names = {name: place for place, name in enumerate(table.implementations(record))}
    places = {scenario: place for place, scenario in enumerate(header["scenarios"])}
    verdicts = list(Verdict)
    files = repro.files(record)
    trials = [
        {
            "scenario": places[result.trial.scenario],
            "variant": pool.put(result.trial.variant),
            "implementation": names[result.trial.implementation],
            "verdict": verdicts.index(result.judgement.verdict),
            "command": _command(header, result),
            **_said(pool, verdicts, result),
            **_repro(pool, files.get(result.trial)),
        }
        for result in every
    ]
    order = {result.trial: place for place, result in enumerate(every)}
    return {
        "verdicts": [
            {"name": v, "word": _word(v), "glyph": GLYPHS[v], "meaning": MEANING[v]}
            for v in verdicts
        ],
        "tiers": list(TIERS),
        "implementations": [
            {"name": name, **pool.put(header["implementations"][name])} for name in names
        ],
        "scenarios": [{"id": name, **pool.put(header["scenarios"][name])} for name in places],
        "trials": trials,
        "deviations": [order[result.trial] for result in table.deviations(record)],
        "pool": pool.entries,
    }


def _repro(pool: Pool, made: Repro | None) -> dict[str, Any]:
    """The parts of the file that a trial can be had as, if there is one."""
    if made is None:
        return {}
    return {"repro": pool.put(dataclasses.asdict(made))}


def _said(pool: Pool, verdicts: Sequence[Verdict], result: Result) -> dict[str, Any]:
    """What the record says of a trial, less what says nothing."""
    made, exit_ = result.judgement, result.exit
    seen = exit_.observation
    known, failure = result.known, seen.failure
    fields = {
        "tier": made.tier,
        "phase": made.phase,
        "reason": pool.put(made.reason),
        "signature": pool.put(made.signature),
        "promised": pool.share(made.promised),
        "kept": pool.share(made.kept),
        "differences": [
            pool.put([each.event, each.facet, each.tier, each.expected, each.told, each.better])
            for each in made.differences
        ],
        "expected": pool.share(_rows(result.expected)),
        "told": pool.share(lines(seen.story)),
        "condition": pool.put(result.condition),
        "evidence": [_event(pool, each) for each in seen.evidence],
        "versions": pool.share(seen.versions),
        "failure": failure
        and pool.put([failure.phase, failure.type, failure.message, failure.traceback]),
        "bug": pool.put("\n".join(filter(None, (exit_.bug, seen.bug)))),
        "channels": pool.share(seen.channels),
        "artefacts": pool.share(seen.artefacts),
        "output": pool.put(exit_.output),
        "seconds": pool.put(exit_.seconds),
        "leftovers": exit_.leftovers,
        "attempts": [
            pool.put([each.how, verdicts.index(each.verdict), each.reason, each.seconds])
            for each in result.attempts
        ],
        "polluters": pool.share(result.polluters),
        "known": known and pool.put([known.signature, known.reason, known.link, known.expires]),
    }
    said = {name: value for name, value in fields.items() if value}
    if made.verdict is not Verdict.NOT_RUN:
        said |= {"status": exit_.status, "ended": seen.ended, "timed_out": exit_.timed_out}
    return said


def _event(pool: Pool, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Evidence of one event; all but the times is often the same on several implementations."""
    return {
        key_of(name): pool.put(value) if isinstance(value, (int, float)) else pool.share(value)
        for name, value in evidence.items()
    }


def _rows(story: str) -> list[str]:
    if not story:
        return []
    try:
        return lines(parse(story))
    except StoryError:
        return story.splitlines()
