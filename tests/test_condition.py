from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.condition import (
    OTHERWISE,
    ConditionError,
    read_condition,
    read_versions,
    speaks_of,
)

BOUNDED = settings(max_examples=60, deadline=None, derandomize=True)


def holds(text: str, torch: str = "2.13.0", **axes: object) -> bool:
    return read_condition(text).holds(axes, {"torch": torch, "python": "3.12.1"})


@pytest.mark.parametrize("text", ["", OTHERWISE])
def test_the_empty_condition_and_otherwise_always_hold(text: str) -> None:
    assert holds(text)
    assert holds(text, "2.99", dynamic=True)


@pytest.mark.parametrize(
    ("value", "fits"), [(None, False), (True, True), (False, False), ("True", True), (1, False)]
)
def test_a_setting_is_compared_as_text(value: object, *, fits: bool) -> None:
    assert holds("dynamic=True", dynamic=value) is fits


@pytest.mark.parametrize(("value", "fits"), [(1, True), (2, True), (3, False), ("1|2", False)])
def test_alternatives_are_separated_by_bars(value: object, *, fits: bool) -> None:
    assert holds("size=1|2", size=value) is fits


def test_blanks_around_clauses_and_alternatives_mean_nothing() -> None:
    assert holds(" size=1 | 2 , dynamic=None ", size=2, dynamic=None)


def test_every_clause_must_hold() -> None:
    assert holds("a=1, b=2", a=1, b=2)
    assert not holds("a=1, b=2", a=1, b=3)
    assert not holds("a=1, b=2", a=3, b=2)
    assert not holds("a=1, torch<2.13", a=1)


def test_a_setting_of_an_axis_that_the_variant_lacks_does_not_hold() -> None:
    assert not holds("size=1")


@pytest.mark.parametrize(
    ("clause", "torch", "expected"),
    [
        ("torch<2.13", "2.12.1", True),
        ("torch<2.13", "2.13.0", False),
        ("torch<=2.13", "2.13.0", True),
        ("torch<=2.13", "2.13.1", False),
        ("torch>2.13", "2.13.0", False),
        ("torch>2.13", "2.14", True),
        ("torch>=2.13", "2.13.0", True),
        ("torch>=2.9", "2.13.0", True),
        ("torch==2.13", "2.13.0", True),
        ("torch==2.13.*", "2.13.5", True),
        ("torch!=2.13", "2.13.0", False),
        ("torch >= 2.13", "2.13.0", True),
    ],
)
def test_versions_are_compared_as_versions(clause: str, torch: str, *, expected: bool) -> None:
    assert holds(clause, torch) is expected


@pytest.mark.parametrize("build", ["2.13.0+cpu", "2.13.0+cu130", "2.13.0.dev20260101", "2.13.0rc2"])
def test_a_build_counts_as_its_release(build: str) -> None:
    assert holds("torch==2.13", build)
    assert holds("torch>=2.13", build)
    assert not holds("torch<2.13", build)
    assert not holds("torch>2.13", build)


def test_a_nightly_counts_as_the_release_that_it_leads_to() -> None:
    assert holds("torch>=2.15", "2.15.0.dev2026")
    assert holds("torch>=2.15", "2.15.0a0+git1234567")
    assert not holds("torch<2.15", "2.15.0.dev2026")


def test_clauses_about_one_package_bound_it_from_both_sides() -> None:
    assert [holds("torch>=2.12, torch<2.14", v) for v in ("2.11", "2.12", "2.13.9", "2.14")] == [
        False,
        True,
        True,
        False,
    ]


def test_python_has_versions_too() -> None:
    assert holds("python>=3.12")
    assert not holds("python>=3.12.2")


def test_a_version_that_is_not_known_or_not_one_is_before_all_others() -> None:
    assert read_condition("torch<2").holds({}, {})
    assert read_condition("torch<2").holds({}, {"torch": "built by hand"})
    assert not read_condition("torch>=2").holds({}, {"torch": "built by hand"})


def test_whether_a_condition_fits_a_variant_has_nothing_to_do_with_versions() -> None:
    assert read_condition("dynamic=True, torch<1.0").fits({"dynamic": True})


@pytest.mark.parametrize(
    "clause", ["dynamic", "dynamic==True", "numpy>=2", "torch~=2.12", "=1", "a=", "a<1"]
)
def test_a_clause_that_is_none_is_refused_with_the_grammar(clause: str) -> None:
    with pytest.raises(ConditionError) as caught:
        read_condition(f"size=1, {clause}")
    assert str(caught.value).startswith(f"{clause!r} is no condition; expected axis=value")
    assert "torch<2.12" in str(caught.value)
    assert OTHERWISE in str(caught.value)


def test_an_empty_clause_is_refused() -> None:
    with pytest.raises(ConditionError, match="'' is no condition"):
        read_condition("size=1,")


def test_a_version_clause_without_version_is_refused() -> None:
    with pytest.raises(ConditionError, match="'torch<banana' names no version"):
        read_condition("torch<banana")


@BOUNDED
@given(
    st.dictionaries(
        st.sampled_from("abc"), st.integers(0, 3) | st.none() | st.booleans(), min_size=1
    )
)
def test_the_condition_that_spells_a_variant_out_holds_for_it(settings: dict[str, object]) -> None:
    text = ", ".join(f"{axis}={value}" for axis, value in settings.items())
    assert read_condition(text).holds(settings, {})
    for axis in settings:
        assert not read_condition(text).holds({**settings, axis: "else"}, {})


@BOUNDED
@given(st.text(max_size=20))
def test_any_text_is_a_condition_or_refused_by_name(text: str) -> None:
    try:
        read_condition(text).holds({}, {"torch": "2.13"})
    except ConditionError as error:
        assert str(error)  # noqa: PT017 - any other exception fails the test


@pytest.mark.parametrize(
    ("text", "version", "applies"),
    [
        ("", "2.13.0", True),
        (">=2.13", "2.13.0+cpu", True),
        (">=2.13", "2.12.1", False),
        (">=2.12,<2.14", "2.14.0.dev2026", False),
        (">=2.12,<2.14", "2.13.1", True),
    ],
)
def test_a_scenario_speaks_of_its_versions(text: str, version: str, *, applies: bool) -> None:
    assert speaks_of(text, version) is applies


def test_versions_that_are_none_are_refused() -> None:
    with pytest.raises(ConditionError, match=r"'2\.13 or so' names no versions"):
        read_versions("2.13 or so")
