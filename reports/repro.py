"""One trial as one Python file that needs only torch and the implementation.

Knows how a record's result and its scenario's source become such a file. Must not run it, nor trust a text of the
record: whatever comes from there stands in a comment or in a literal.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pprint
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import catalog, values
from harness.environment import DROPPED, SET
from harness.excerpt import defined, excerpt
from harness.model import Exit, Implementation, Result, Trial
from harness.reproduction import End, retell
from harness.story import lines, parse
from reports import table
from reports.visible import line, visible

if TYPE_CHECKING:
    from harness.catalog import Entry
    from harness.record import Record

_ROOT = Path(__file__).resolve().parent.parent

#: What a file starts, and what that finds by a name in a text alone.
_ENTRIES = (
    ("harness.boot", "main"),
    ("harness.guard", "main"),
    ("harness.child", "main"),
    ("harness.scenario", "Scenario"),
    ("harness.reproduction", "reproduce"),
)
#: What adapters are written with (docs/adapters.md), of which we cannot know what somebody else's uses.
_FOR_ADAPTERS = ("harness.adapter", "harness.torch_compile", "harness.trace")
_WIDTH = 100

_TAIL = """
if __name__ == "__main__":
    import sys
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory(prefix="touchstone-") as folder:
        for name, text in RUNTIME.items():
            Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, name).write_text(text, encoding="utf-8")
        sys.path.insert(0, folder)
        from harness.reproduction import reproduce

        status = reproduce(TRIAL, EXPECTED, OBSERVED, Path(__file__), Path(folder))
    sys.exit(status)

# From here on in the processes of the trial, which import this file.
from harness.scenario import Scenario

CASE = Scenario(
    body={body}, tells={tells},
    ref="", expect="", axes={{}}, needs=(), seed=(), tiers={{}}, exact="", torch="", formerly=(),
)
"""


class ReproError(Exception):
    """There can be no file for a trial; the message says why."""


@dataclass(frozen=True, slots=True)
class Repro:
    """A file in the parts that it consists of; `runtime` is shared by many.

    Attributes:
        name: what the file is called.
        head: what is to be read: what was claimed and seen, the program, the trial.
        runtime: what runs and compares.
        tail: what starts it.
    """

    name: str
    head: str
    runtime: str
    tail: str

    @property
    def text(self) -> str:
        """The whole file."""
        return f"{self.head}{self.runtime}{self.tail}"


def files(record: Record) -> dict[Trial, Repro]:
    """The files for those trials of a record that do not conform, where there can be one."""
    entries = catalog.read()
    found: dict[Trial, Repro] = {}
    for result in table.deviations(record):
        with contextlib.suppress(ReproError):
            found[result.trial] = compose(record, result, entries)
    return found


def compose(record: Record, result: Result, entries: Iterable[Entry]) -> Repro:
    """The file for one trial of a record.

    Args:
        record: where the trial was recorded.
        result: that of the trial.
        entries: the catalog, which must have the scenario just as the record has it.

    Raises:
        ReproError: there can be none.
    """
    entry = _entry(record, result, entries)
    made = record.header["implementations"].get(result.trial.implementation)
    if made is None:
        raise ReproError(
            f"{result.trial.id} took more than one implementation; a file needs one alone"
        )
    implementation = _implementation(made["profile"])
    variant = next(
        (each for each in catalog.variants(entry) if each.id == result.trial.variant), None
    )
    if variant is None or not result.expected:
        raise ReproError(f"{result.trial.id} was not run; there is nothing to reproduce")
    trial = {
        "id": result.trial.id,
        "settings": dict(variant.settings),
        "seed": 0,
        "conforms": result.judgement.verdict.conforms,
        "interprets": implementation.interprets,
        "implementation": _essential(implementation),
        "environ": {**SET, **implementation.environ},
        "dropped": DROPPED,
        "time_limit": record.header["time_limit"] * implementation.time_factor,
        "memory_limit": record.header.get("memory_limit", 0),
        "versions": {
            name: made["fingerprint"].get(name, "unknown") for name in ("torch", "python")
        },
    }
    expected = retell(lines(parse(result.expected)), End(), interprets=True)
    observed = _observed(result.exit, interprets=implementation.interprets)
    head = [
        _comments(_header(record, result, entry, implementation, observed)),
        _program(entry.module, entry.name, entry.file.read_text(encoding="utf-8")),
        f"\n\nTRIAL = {_literal(trial)}",
        f"\n#: The story that conforms.\nEXPECTED = {_literal(expected)}",
        f"\n#: What was told when this file was written.\nOBSERVED = {_literal(observed)}\n\n",
    ]
    tail = _TAIL.format(body=entry.name, tells=entry.tells)
    return Repro(_file_name(result), "\n".join(head), runtime(implementation), tail)


def _entry(record: Record, result: Result, entries: Iterable[Entry]) -> Entry:
    recorded = record.header["scenarios"].get(result.trial.scenario, {})
    entry = next((each for each in entries if each.id == result.trial.scenario), None)
    if entry is None or entry.source != recorded.get("source"):
        raise ReproError(
            f"the record has another {result.trial.scenario} than this catalog; "
            "use the version of Touchstone that wrote it, or run the trial again"
        )
    return entry


@cache
def _program(module: str, name: str, source: str) -> str:
    """The scenario's body, and what of its module that needs."""
    text = excerpt({module: source}, [(module, name)], annotations=True)[module]
    return re.sub(r"^from harness\..*\n", "", text, flags=re.MULTILINE)


def _implementation(profile: Mapping[str, Any]) -> Implementation:
    """An implementation by its recorded profile, which an older or newer version may have written."""
    usual = dataclasses.asdict(Implementation(""))
    own = {name: profile.get(name, value) for name, value in usual.items()}
    found: Implementation = values.from_json(Implementation, own)
    return found


def _essential(implementation: Implementation) -> dict[str, Any]:
    """What the trial's processes need to know of an implementation, where it is not the usual."""
    names = ("name", "backend", "options", "adapter", "modules", "device", "dtype", "tolerances")
    usual = Implementation("")
    own = {name: getattr(implementation, name) for name in names}
    return {name: value for name, value in own.items() if value != getattr(usual, name)}


def _observed(exit_: Exit, *, interprets: bool) -> list[str]:
    seen = exit_.observation
    failure = seen.failure
    end = End(
        failure={} if failure is None else dataclasses.asdict(failure),
        status=exit_.status,
        timed_out=exit_.timed_out,
        exceeded=bool(exit_.exceeded),
        ended=seen.ended,
        artefacts=seen.artefacts,
    )
    return retell(lines(seen.story), end, interprets=interprets)


def _header(
    record: Record,
    result: Result,
    entry: Entry,
    implementation: Implementation,
    observed: Sequence[str],
) -> Iterator[str]:
    """What the file says of itself, line by line."""
    made_with = record.header["implementations"][implementation.name]["fingerprint"]
    judgement = result.judgement
    tier = f" ({judgement.tier})" if judgement.tier else ""
    yield from _wrap(entry.claim)
    yield ""
    yield line(result.trial.id)
    yield from _wrap(f"{judgement.verdict}{tier}: {line(judgement.reason)}")
    yield ""
    yield "Expected:"
    yield from (f"    {row}" for row in lines(parse(result.expected)))
    yield "Observed:"
    yield from (f"    {row}" for row in observed)
    yield ""
    yield f"Environment: torch {made_with.get('torch')}, Python {made_with.get('python')}, {made_with.get('platform')}"
    packages = made_with.get("packages", {})
    if implementation.requires:
        yield f"    pip install {' '.join(implementation.requires)}"
    elif packages:
        named = {
            each.partition(".")[0] for each in (implementation.backend, *implementation.modules)
        }
        own = sorted(name for name in packages if name.lower().replace("-", "_") in named)
        yield from (f"    {name} {packages[name]}" for name in own)
    yield f"Reference: {entry.ref}"
    yield "Seed: 0"
    yield "Run: python THIS_FILE    (with an interpreter that has the implementation)"
    yield "Ends with 1 where the story is not the one that conforms, with 0 where it is, with 3 where it cannot be run."
    yield ""
    suite = record.header["suite"]
    yield from _wrap(
        f"Written by Touchstone {suite.get('version')}, edition {suite.get('edition')} of its catalog. "
        "The program comes first; what runs and compares it, below, is "
        "Touchstone's own and needs nothing but torch and the implementation."
    )


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH) or [""]


def _comments(rows: Iterable[str]) -> str:
    """Rows as comments, whatever is in them."""
    safe = (each for row in rows for each in visible(row).splitlines() or [""])
    return "".join(f"# {row}".rstrip() + "\n" for row in safe)


def _literal(value: object) -> str:
    return pprint.pformat(value, width=_WIDTH, sort_dicts=False)


def _file_name(result: Result) -> str:
    parts = (result.trial.scenario, result.trial.variant, result.trial.implementation)
    words = (re.sub(r"[^A-Za-z0-9.]+", "_", part).strip("_") for part in parts if part)
    return f"repro-{'-'.join(words)[:150]}.py"


def runtime(implementation: Implementation) -> str:
    """The modules that run a trial of an implementation, as a literal of name to text."""
    return _runtime(implementation.adapter, implementation.backend, implementation.modules)


@cache
def _runtime(adapter: str, backend: str, modules: tuple[str, ...]) -> str:
    named = {each.partition(":")[0] for each in (adapter, backend, *modules)}
    companions = {name: _source(name) for name in sorted(named) if name.startswith("conformance.")}
    harness = {f"harness.{file.stem}": file.read_text("utf-8") for file in _harness()}
    wanted = [*_ENTRIES, *_imported(companions.values())]
    if not adapter:
        wanted.append(("harness.torch_compile", "TorchCompile"))
    elif adapter.partition(":")[0] not in companions:
        wanted += [(name, each) for name in _FOR_ADAPTERS for each in defined(harness[name])]
    texts = excerpt(harness, wanted)
    packages = dict.fromkeys(("harness", "conformance"), '"""Part of Touchstone."""\n')
    files = {f"{name}/__init__.py": text for name, text in packages.items()}
    files |= {
        f"{name.replace('.', '/')}.py": text for name, text in {**texts, **companions}.items()
    }
    rows = [f'    "{name}": {_quoted(text)},\n' for name, text in files.items()]
    return f"RUNTIME = {{\n{''.join(rows)}}}\n"


def _source(name: str) -> str:
    return (_ROOT / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")


def _harness() -> list[Path]:
    return sorted(file for file in (_ROOT / "harness").glob("*.py") if file.stem != "__init__")


def _imported(sources: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What companions import from the harness, all on one line as they do."""
    for source in sources:
        for found in re.finditer(r"^from (harness\.\w+) import ([\w, ]+)$", source, re.MULTILINE):
            yield from ((found[1], name.strip()) for name in found[2].split(","))


def _quoted(text: str) -> str:
    """A text as a literal that shows it as it is, where that is possible."""
    if "'''" in text or text.endswith("\\"):
        return repr(text)
    return f"r'''{text}'''"
