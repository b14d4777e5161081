from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from harness import catalog, known, plan
from harness.implementations import find, shipped
from harness.known import KnownError
from harness.model import Implementation, Known, Trial

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS = {"torch": "2.13.0+cpu", "python": "3.12.1"}
TODAY = date(2026, 11, 21)
MINE = Implementation("mine", backend="inductor", device="cpu")
TRIAL = Trial("family/claim", "size=1,mode=None", "mine")
ENTRY = """
[[known]]
scenario = "family/claim"
implementation = "mine"
signature = "call 2 compiles"
reason = "guards are too narrow"
"""


def entry(scenario: str = "family/claim", **more: Any) -> Known:  # noqa: ANN401 - a field of any type
    return Known(
        **{"implementation": "mine", "signature": "x", "reason": "y", **more}, scenario=scenario
    )


def found(entries: list[Known], implementation: Implementation = MINE) -> Known | None:
    """The entry that speaks of the trial on an implementation."""
    trial = replace(TRIAL, implementation=implementation.name)
    return known.find(known.speaking(entries, implementation, VERSIONS), trial)[0]


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def refused(folder: Path, text: str) -> str:
    with pytest.raises(KnownError) as caught:
        known.read(written(folder, text))
    assert str(folder / "mine.toml") in str(caught.value)
    return str(caught.value)


def test_an_entry_that_spells_the_name_counts_before_a_pattern() -> None:
    wide = entry("family/*", implementation="*", reason="of torch")
    own = entry("family/*", reason="of mine")
    assert found([wide, own]) == own
    assert found([wide, wide]) == wide


# signatures


@pytest.mark.parametrize(
    ("expected", "signature", "explained"),
    [
        ("call 2 compiles", "call 2 compiles", True),
        ("call 2 compiles", "call 2 compiles; call 3 compiles", False),
        ("call * differs", "call 4 differs", True),
        ("call * differs*", "call 3 differs in value of result[0]; call 4 mutates", True),
        ("call * differs", "call 4 compiles", False),
        ("value of result[0]", "value of result0", False),
        ("a.c", "abc", False),
    ],
)
def test_a_star_in_a_signature_stands_for_what_varies(
    expected: str, signature: str, *, explained: bool
) -> None:
    assert known.explains(entry(signature=expected), signature) is explained


# reading


def test_an_entry_is_read_with_its_fields(tmp_path: Path) -> None:
    more = 'link = "a page"\nwhen = "torch<2.14"\nexpires = "2027-01-31"\nflaky = true\n'
    (found,) = known.read(written(tmp_path, ENTRY + more))
    assert found == Known(
        "family/claim",
        "mine",
        "call 2 compiles",
        "guards are too narrow",
        "a page",
        "torch<2.14",
        "2027-01-31",
        flaky=True,
    )


def test_what_an_entry_leaves_out_is_empty(tmp_path: Path) -> None:
    (found,) = known.read(written(tmp_path, ENTRY))
    assert (found.link, found.when, found.expires, found.flaky) == ("", "", "", False)


def test_entries_come_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    written(tmp_path, ENTRY.replace("claim", "c"), "b.toml")
    written(tmp_path, ENTRY.replace("claim", "a") + ENTRY.replace("claim", "b"), "a.toml")
    written(tmp_path, "no TOML", "a.txt")
    found = [each.scenario for each in known.read(tmp_path)]
    assert found == ["family/a", "family/b", "family/c"]


def test_one_reason_explains_several_deviations(tmp_path: Path) -> None:
    text = """
[[known]]
implementation = "mine"
reason = "what is mutated is a copy"
deviations = [
    { scenario = "a/*", signature = "call 1 is missing" },
    { scenario = "b/c", signature = "call 2 compiles" },
]
"""
    found = known.read(written(tmp_path, text))
    assert [(each.scenario, each.signature) for each in found] == [
        ("a/*", "call 1 is missing"),
        ("b/c", "call 2 compiles"),
    ]
    assert {each.reason for each in found} == {"what is mutated is a copy"}


def test_one_entry_speaks_of_several_implementations(tmp_path: Path) -> None:
    text = """
[[known]]
implementation = ["aot_eager*", "inductor*"]
reason = "what is mutated is a copy"
deviations = [
    { scenario = "a/*", signature = "call 1 is missing" },
    { scenario = "b/c", signature = "call 2 compiles" },
]
"""
    found = known.read(written(tmp_path, text))
    assert [(each.implementation, each.scenario) for each in found] == [
        ("aot_eager*", "a/*"),
        ("aot_eager*", "b/c"),
        ("inductor*", "a/*"),
        ("inductor*", "b/c"),
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("[]", "`implementation` is an empty list"),
        ("[3]", "`implementation` is 3, expected a string"),
    ],
)
def test_implementations_are_a_list_of_names(tmp_path: Path, names: str, said: str) -> None:
    assert f"entry 1: {said}" in refused(tmp_path, ENTRY.replace('"mine"', names))


@pytest.mark.parametrize(
    "deviations",
    [
        "[]",
        '"a/*"',
        '[{ scenario = "a/*" }]',
        '[{ scenario = "a", signature = "x", reason = "y" }]',
    ],
)
def test_deviations_must_be_places_and_signatures(tmp_path: Path, deviations: str) -> None:
    text = f'[[known]]\nimplementation = "mine"\nreason = "y"\ndeviations = {deviations}\n'
    assert "list of tables with scenario and signature" in refused(tmp_path, text)


def test_a_place_stands_in_the_entry_or_in_its_deviations(tmp_path: Path) -> None:
    text = ENTRY + 'deviations = [{ scenario = "a/*", signature = "x" }]\n'
    assert "stand nowhere else in the entry" in refused(tmp_path, text)


def test_a_folder_without_files_has_no_entries(tmp_path: Path) -> None:
    assert known.read(tmp_path) == ()
    assert known.read(tmp_path / "nowhere") == ()


def test_the_shipped_entries_can_be_read_and_speak_of_the_catalog() -> None:
    judged = [find(name) for name in shipped()]
    trials = plan.trials(catalog.read(), judged)
    reasons = [reason for _, reason in known.stale(known.read(), trials, judged, TODAY)]
    assert not any("matches no trial" in reason for reason in reasons)


def test_what_speaks_of_every_scenario_speaks_of_a_cause() -> None:
    assert [each for each in known.read() if each.scenario == "*" and not each.message] == []


def test_the_shipped_entries_are_explained() -> None:
    assert [each for each in known.read() if not each.explained] == []


@pytest.mark.parametrize(
    ("reason", "explained"), [("TODO: why", False), ("TODO", False), ("no TODO is left", True)]
)
def test_a_reason_that_is_still_to_be_found_is_read_and_seen(
    tmp_path: Path, reason: str, *, explained: bool
) -> None:
    (found,) = known.read(written(tmp_path, ENTRY.replace("guards are too narrow", reason)))
    assert found.explained is explained


def test_a_file_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match=r"nowhere\.toml cannot be read: No such file"):
        known.read_file(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("field", ["scenario", "implementation", "signature", "reason"])
def test_an_entry_without_a_required_field_is_refused_by_number(tmp_path: Path, field: str) -> None:
    broken = "\n".join(row for row in ENTRY.splitlines() if not row.startswith(field))
    said = refused(tmp_path, ENTRY + broken)
    assert f"entry 2 lacks ['{field}'] and has unknown nothing" in said
    assert "an entry has scenario, implementation, signature, reason" in said


def test_an_empty_required_field_is_missing(tmp_path: Path) -> None:
    said = refused(tmp_path, ENTRY.replace("guards are too narrow", ""))
    assert "entry 1 lacks ['reason']" in said


def test_an_entry_with_a_strange_field_is_refused_by_number(tmp_path: Path) -> None:
    said = refused(tmp_path, ENTRY + 'because = "x"\n')
    assert "entry 1 lacks nothing and has unknown ['because']" in said


def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path: Path) -> None:
    assert "is no TOML" in refused(tmp_path, "[[known")


def test_a_condition_that_cannot_be_read_is_refused_by_entry(tmp_path: Path) -> None:
    said = refused(tmp_path, ENTRY + ENTRY + 'when = "torch is old"\n')
    assert "entry 2 cannot be read: 'torch is old' is no condition" in said


def test_a_date_that_is_none_is_refused_by_entry(tmp_path: Path) -> None:
    assert "entry 1 cannot be read" in refused(tmp_path, ENTRY + 'expires = "next year"\n')


@pytest.mark.parametrize("line", ["expires = 2027-01-31", "when = 2", 'flaky = "no"', "link = 5"])
def test_a_field_of_the_wrong_type_is_refused_by_entry(tmp_path: Path, line: str) -> None:
    assert "entry 1" in refused(tmp_path, f"{ENTRY}{line}\n")


def test_a_single_table_in_place_of_a_list_is_refused(tmp_path: Path) -> None:
    assert "[[known]]" in refused(tmp_path, ENTRY.replace("[[known]]", "[known]"))


def test_another_table_than_known_is_refused(tmp_path: Path) -> None:
    assert "knwon" in refused(tmp_path, ENTRY.replace("[[known]]", "[[knwon]]"))


# finding


@pytest.mark.parametrize(
    ("pattern", "speaks"),
    [
        ("family/claim[size=1,mode=None]", True),
        ("family/claim[size=1,*]", True),
        ("family/claim*", True),
        ("family/*", True),
        ("*", True),
        ("family/claim[size=?,mode=None]", True),
        ("family/claim", False),
        ("family/claim[size=2,*]", False),
        ("family/claim[!x]*", False),
        ("family/clai[m]*", False),
        ("FAMILY/*", False),
        ("amily/*", False),
    ],
)
def test_a_pattern_is_a_glob_with_brackets_literal(pattern: str, *, speaks: bool) -> None:
    assert (found([entry(pattern)]) is not None) is speaks


@pytest.mark.parametrize(("pattern", "speaks"), [("mine", True), ("m*", True), ("other", False)])
def test_an_entry_speaks_of_its_implementations(pattern: str, *, speaks: bool) -> None:
    assert (found([entry("*", implementation=pattern)]) is not None) is speaks


@pytest.mark.parametrize(
    ("when", "speaks"),
    [("", True), ("torch<2.14", True), ("torch<2.13", False), ("python>=3.12, torch>=2.13", True)],
)
def test_an_entry_speaks_of_its_versions(when: str, *, speaks: bool) -> None:
    assert (found([entry("*", when=when)]) is not None) is speaks


@pytest.mark.parametrize(
    ("where", "speaks"),
    [
        ({"backend": "inductor"}, True),
        ({"backend": "*:compile"}, False),
        ({"device": "cpu"}, True),
        ({"device": "cuda*"}, False),
        ({"device": "c*", "backend": "aot*"}, False),
    ],
)
def test_an_entry_speaks_of_its_backends_and_devices(
    where: dict[str, str], *, speaks: bool
) -> None:
    everywhere = entry("*", implementation="*", **where)
    assert (found([everywhere]) is not None) is speaks


def test_the_first_entry_that_speaks_is_found() -> None:
    entries = [entry("other/*"), entry("*", when="torch<2"), entry("*", reason="a"), entry("*")]
    assert found(entries) is entries[2]


def test_no_entry_is_found_where_none_speaks() -> None:
    assert found([]) is None


def test_what_is_known_of_a_base_is_known_of_what_is_built_on_it() -> None:
    mine = replace(MINE, backend="mine", built_on="aot_eager")
    of_name = entry("*", implementation="aot_eager*")
    of_backend = entry("*", implementation="*", backend="aot_eager")
    for each in (of_name, of_backend):
        assert found([each], replace(mine, built_on="")) is None
        assert found([each], replace(mine, built_on="inductor")) is None
        held = found([each], mine)
        assert held is not None
        assert held.reason == "y (as aot_eager, which it is built on)"
        assert held.flaky, "a backend that does better than its base must not be an xpass"


def test_an_entry_of_its_own_counts_before_that_of_the_base() -> None:
    mine = replace(MINE, backend="mine", built_on="aot_eager")
    entries = [entry("*", implementation="aot_eager*"), entry("*", signature="own")]
    assert found(entries, mine) == entries[1]
    (general,) = [entry("*", implementation="*")]
    assert found([general], mine) == general


def test_what_speaks_of_a_trial_beside_the_entry_that_is_found_may_explain_it() -> None:
    entries = [
        entry("*", signature="crash"),
        entry("family/*", signature="call 1 compiles"),
        entry("*", signature="error: *", message="no kernel"),
        entry("*", signature="crash", implementation="other"),
    ]
    assert found(entries) == entries[0]
    assert known.find(known.speaking(entries, MINE, VERSIONS), TRIAL)[1] == (entries[1], entries[2])


# stale


def test_an_entry_that_matches_no_trial_is_stale() -> None:
    ((found, reason),) = known.stale([entry("family/gone*")], [TRIAL], [MINE], TODAY)
    assert found.scenario == "family/gone*"
    assert reason == "matches no trial; correct its pattern or delete it"


def test_an_entry_about_an_implementation_that_does_not_run_is_not_stale() -> None:
    assert known.stale([entry("family/gone", implementation="other")], [TRIAL], [MINE], TODAY) == []


def test_an_entry_about_a_device_that_does_not_run_is_not_stale() -> None:
    gone = entry("family/gone", device="cuda")
    assert known.stale([gone], [TRIAL], [MINE], TODAY) == []
    assert known.stale([replace(gone, device="cpu")], [TRIAL], [MINE], TODAY) != []


def test_an_entry_about_other_versions_is_not_stale() -> None:
    assert known.stale([entry("family/*", when="torch<2")], [TRIAL], [MINE], TODAY) == []


@pytest.mark.parametrize(
    ("expires", "expired"),
    [("2026-11-20", True), ("2026-11-21", True), ("2026-11-22", False), ("", False)],
)
def test_an_entry_expires_on_its_day(expires: str, *, expired: bool) -> None:
    found = known.stale([entry("family/*", expires=expires)], [TRIAL], [MINE], TODAY)
    assert [reason for _, reason in found] == (
        [f"expired on {expires}; look at it again"] if expired else []
    )
