"""The mutants as they are declared in mutants.toml. Near side.

Knows what a declaration holds and how it becomes an implementation. Must not import torch.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from harness import implementations
from harness.model import Implementation, Judgement, Verdict

HERE = Path(__file__).resolve().parent
FILE = HERE / "mutants.toml"

#: The implementation that all but few mutants are spoilt copies of.
BASE = implementations.find("aot_eager")


@dataclasses.dataclass(frozen=True, slots=True)
class Kill:
    """Where a mutant must be caught, and how.

    Attributes:
        scenario: `family/name`, or `family/name[variant]`.
        verdict: what the judge says.
        facet: of the worst difference, where the verdict is `fail`.
        says: a part of the judgement's reason.
    """

    scenario: str
    verdict: str
    facet: str = ""
    says: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Mutant:
    """An implementation with one sin.

    Attributes:
        name: what the matrix calls it.
        sin: what is wrong about it, in one sentence; "" for a healthy control.
        base: the implementation that it is a spoilt copy of.
        only: patterns of the scenarios that it faces, where its sin cannot show in others.
        killed_by: where it must be caught.
        backend: its backend, or "" for the base's.
        adapter: its adapter, or "" for torch.compile's.
        environ: environment variables beside those that every mutant has.
        unclaimed: needs that the base claims and that it does not.
        slow: whether even one trial takes too long for a quick test.
        time_factor: how many times the usual time limit its trials may take.
        attempts: how often a trial of it may be repeated until the sin shows.
        survives: why no scenario catches it, if none does.
        blunt: whether its sin shows in nearly all that is looked at, so that to catch it says little about a promise.
        fits: patterns of the scenarios whose promise is about what its sin breaks.
    """

    name: str
    sin: str = ""
    base: str = "aot_eager"
    only: tuple[str, ...] = ("*",)
    killed_by: tuple[Kill, ...] = ()
    backend: str = ""
    adapter: str = ""
    environ: Mapping[str, str] = dataclasses.field(default_factory=dict)
    unclaimed: tuple[str, ...] = ()
    slow: bool = False
    time_factor: float = 1.0
    attempts: int = 1
    survives: str = ""
    blunt: bool = False
    fits: tuple[str, ...] = ()

    def faces(self, scenario: str) -> bool:
        """Whether it faces a scenario."""
        return any(fnmatchcase(scenario, pattern) for pattern in self.only)

    def fit(self, scenario: str) -> int:
        """How well it fits a scenario: the length of the pattern that says so, 1 for its family, 0 if it does not."""
        family = scenario.partition("/")[0]
        said = [len(pattern) for pattern in self.fits if fnmatchcase(scenario, pattern)]
        return max(said, default=int(family in families(self.killed_by)))

    @property
    def healthy(self) -> Implementation:
        """The profile of what it would be without its sin, in the same environment."""
        base = implementations.find(self.base)
        path = ":".join([str(HERE.parent), *filter(None, [self.environ.get("PYTHONPATH", "")])])
        return dataclasses.replace(base, environ={**self.environ, "PYTHONPATH": path})

    @property
    def implementation(self) -> Implementation:
        """The profile under which it runs."""
        healthy = self.healthy
        return dataclasses.replace(
            healthy,
            name=self.name,
            backend=self.backend or healthy.backend,
            adapter=self.adapter,
            time_factor=healthy.time_factor * self.time_factor,
            claims=tuple(each for each in healthy.claims if each not in self.unclaimed),
            argument=self.name,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Declared:
    """All mutants, and what is said of scenarios.

    Attributes:
        mutants: all of them.
        idle: the scenarios that need not kill any, each with the reason.
        only_blunt: the scenarios that need not kill any but blunt ones, each with the reason.
    """

    mutants: tuple[Mutant, ...]
    idle: Mapping[str, str]
    only_blunt: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def named(self, name: str) -> Mutant:
        """The mutant of a name."""
        return next(each for each in self.mutants if each.name == name)

    def fitting(self, scenario: str) -> list[Mutant]:
        """The specific mutants that fit a scenario, the best first."""
        fit = {each.name: each.fit(scenario) for each in self.mutants}
        chosen = [
            each
            for each in self.mutants
            if each.sin and not each.survives and not each.blunt
            if each.faces(scenario) and fit[each.name]
        ]
        return sorted(chosen, key=lambda each: -fit[each.name])


def read(file: Path = FILE) -> Declared:
    """What is declared."""
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    said = (table.get(name, {}) for name in ("idle", "only_blunt"))
    return Declared(tuple(map(_mutant, table["mutant"])), *said)


def _mutant(table: Mapping[str, Any]) -> Mutant:
    values = dict(table)
    values["killed_by"] = tuple(Kill(**each) for each in values.get("killed_by", ()))
    values["unclaimed"] = tuple(values.get("unclaimed", ()))
    values["only"] = tuple(values.get("only", ["*"]))
    values["fits"] = tuple(values.get("fits", ()))
    environ = values.get("environ", {})
    values["environ"] = {key: text.format(here=HERE) for key, text in environ.items()}
    return Mutant(**values)


def families(kills: Iterable[Kill]) -> set[str]:
    """The families of some declared kills."""
    return {kill.scenario.partition("/")[0] for kill in kills}


def kills(judgement: Judgement) -> bool:
    """Whether a judgement catches a mutant; what is unsupported or our own failure does not."""
    return judgement.verdict.applicable and not judgement.verdict.conforms


def how(judgement: Judgement) -> str:
    """The verdict that catches a mutant, with tier and facet of a failure or the phase of an error."""
    if judgement.verdict is Verdict.FAIL:
        return f"fail {judgement.tier} {worst_facet(judgement)}"
    return f"{judgement.verdict} {judgement.phase}".strip()


def worst_facet(judgement: Judgement) -> str:
    """The facet of the difference that gave a failure its tier."""
    worse = [each for each in judgement.differences if not each.better]
    return next((each.facet for each in worse if each.tier is judgement.tier), "")
