from __future__ import annotations

import ast
import random
import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import catalog, plan
from harness.catalog import Entry, Variant, variants
from harness.model import Implementation, Trial

BOUNDED = settings(max_examples=30, deadline=None, derandomize=True)

MINE, OTHER = Implementation("mine", backend="eager"), Implementation("other", backend="eager")


def entry(name: str, formerly: tuple[str, ...] = (), **axes: tuple[object, ...]) -> Entry:
    """A scenario with these axes; the rest of it is of no concern to a plan."""
    body = ast.parse(f"def {name}(s): ...").body[0]
    assert isinstance(body, ast.FunctionDef)
    file = Path("family.py")
    nothing: tuple[str, ...] = ()
    return Entry(
        *("family", name, file, 1, "", "A fact.", "a page", (("", "reset"),), ((1, 1),)),
        axes=axes,  # type: ignore[arg-type]
        needs=nothing,
        seed=nothing,
        tells=nothing,
        tiers={},
        exact="",
        torch="",
        formerly=formerly,
        body=body,
    )


def selected(pattern: str, *entries: Entry) -> list[str]:
    return [
        plan.trial(each, variant, MINE).id.removesuffix(" @ mine")
        for each in entries
        for variant in variants(each)
        if plan.selects(pattern, each, variant)
    ]


SIZED = entry("sized", size=(1, 2), mode=(None, True))
PLAIN = entry("plain")
RENAMED = entry("renamed", ("family/old", "ancient/name"), size=(1, 2))


def test_a_plan_has_every_variant_of_every_scenario_on_every_implementation() -> None:
    found = [each.id for each in plan.trials([PLAIN, RENAMED], [MINE, OTHER])]
    assert found == [
        "family/plain @ mine",
        "family/plain @ other",
        "family/renamed[size=1] @ mine",
        "family/renamed[size=2] @ mine",
        "family/renamed[size=1] @ other",
        "family/renamed[size=2] @ other",
    ]


def test_a_trial_knows_its_family() -> None:
    assert Trial("family/plain", "", "mine").family == "family"


def test_the_digest_of_a_plan_does_not_depend_on_its_order() -> None:
    trials = plan.trials([SIZED, PLAIN, RENAMED], [MINE, OTHER])
    shuffled = random.Random(1).sample(trials, len(trials))  # noqa: S311 - an order, not a secret
    assert shuffled != trials
    assert plan.digest(shuffled) == plan.digest(trials)


def test_the_digest_of_a_plan_changes_with_every_trial() -> None:
    trials = plan.trials([SIZED, PLAIN], [MINE, OTHER])
    digests = {plan.digest(trials[:count]) for count in range(len(trials) + 1)}
    assert len(digests) == len(trials) + 1
    assert plan.digest(plan.trials([PLAIN], [MINE])) != plan.digest(plan.trials([PLAIN], [OTHER]))


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("family/plain", ["family/plain"]),
        ("family/sized[size=1,mode=None]", ["family/sized[size=1,mode=None]"]),
        (
            "family/sized[*mode=True]",
            ["family/sized[size=1,mode=True]", "family/sized[size=2,mode=True]"],
        ),
        (
            "family/sized[size=?,mode=None]",
            ["family/sized[size=1,mode=None]", "family/sized[size=2,mode=None]"],
        ),
        ("family/renamed", ["family/renamed[size=1]", "family/renamed[size=2]"]),
        ("*/renamed", ["family/renamed[size=1]", "family/renamed[size=2]"]),
        ("family/old[size=2]", ["family/renamed[size=2]"]),
        ("ancient/*", ["family/renamed[size=1]", "family/renamed[size=2]"]),
        ("family/old", ["family/renamed[size=1]", "family/renamed[size=2]"]),
        ("family/plai", []),
        ("amily/plain", []),
        ("family/plain ", []),
        ("family/siz[ed]d", []),
        ("family/plai[n]", []),
        ("family/sized[size=3,mode=None]", []),
        ("family/plain[size=1]", []),
        ("", []),
    ],
)
def test_a_glob_selects_by_id_with_brackets_literal(pattern: str, found: list[str]) -> None:
    assert selected(pattern, SIZED, PLAIN, RENAMED) == found


def test_a_family_is_selected_by_its_name() -> None:
    assert selected("family", SIZED, PLAIN) == selected("family/*", SIZED, PLAIN) != []
    assert selected("fam", SIZED, PLAIN) == []


def test_a_star_selects_everything() -> None:
    assert len(selected("*", SIZED, PLAIN, RENAMED)) == 7


def test_a_pattern_that_selects_nothing_is_told_what_looks_like_it() -> None:
    assert plan.near("family/sizes", [SIZED, PLAIN]).startswith("; did you mean family/sized")
    assert plan.near("family/sizes[size=1]", [SIZED]).startswith("; did you mean family/sized")
    assert plan.near("zzz", [SIZED, PLAIN]) == ""


def test_a_family_is_told_too() -> None:
    assert "family" in plan.near("famly", [SIZED, PLAIN])


ARGUMENTS = st.sampled_from(
    ["mine", "a folder/mine's.toml", "pkg.module:compile", "$HOME/x;y.toml"]
)


def all_variants() -> list[tuple[Entry, Variant]]:
    return [(each, variant) for each in catalog.read() for variant in variants(each)]


@BOUNDED
@given(st.sampled_from(all_variants()), ARGUMENTS)
def test_the_command_of_a_trial_selects_it_alone(
    cell: tuple[Entry, Variant], argument: str
) -> None:
    trial = plan.trial(*cell, MINE)
    words = shlex.split(plan.rerun(trial, argument))
    assert words[:2] == ["touchstone", "run"]
    assert words[3:] == ["--implementation", argument]
    found = [each for each in all_variants() if plan.selects(words[2], *each)]
    assert [plan.trial(*each, MINE) for each in found] == [trial]
