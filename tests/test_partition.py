from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.condition import read_condition
from harness.partition import PartitionError, Telling, narrow, partition

BOUNDED = settings(max_examples=150, deadline=None, derandomize=True)
RELEASES = ("2.12.1", "2.13.0", "2.14.0", "2.14.1", "2.15.0")


def on(torch: str, text: str, **axes: object) -> Telling:
    settings = {axis: str(value) for axis, value in axes.items()}
    return Telling(settings, {"torch": torch, "python": "3.12.1"}, text)


def two(text: str, **axes: object) -> Telling:
    return on("2.13.0", text, **axes)


@pytest.mark.parametrize(
    ("told", "conditions"),
    [
        ({"2.13.0": "old", "2.15.0": "new"}, ["torch>=2.15"]),
        ({"2.12.1": "new", "2.13.0+cpu": "old", "2.15.0": "old"}, ["torch<2.13"]),
        ({"2.12.1": "old", "2.14.1": "new", "2.15.0": "new"}, ["torch>=2.14"]),
        ({"2.14.0": "old", "2.14.1": "new"}, ["torch>=2.14.1"]),
        ({"2.14.0": "new", "2.14.1": "old"}, ["torch<2.14.1"]),
        ({"2.14.0": "old", "2.15.0.dev20260101+cpu": "new"}, ["torch>=2.15"]),
        ({"2.12.1": "one", "2.13.0": "old", "2.15.0": "other"}, ["torch<2.13", "torch>=2.15"]),
        ({"2.13.0": "new", "2.15.0": "newer"}, ["torch<2.15"]),
        ({"2.15.0": "new"}, []),
    ],
)
def test_versions_that_tell_anew_get_a_condition_above_the_old_story(
    told: Mapping[str, str], conditions: list[str]
) -> None:
    found = partition("", [on(torch, text) for torch, text in told.items()], "old")
    assert [condition for condition, _ in found] == [*conditions, ""]
    last = "old" if "old" in told.values() else list(told.values())[-1]
    assert found[-1][1] == last


def test_a_version_between_two_that_agree_is_named() -> None:
    told = [on("2.12.1", "old"), on("2.13.0", "new"), on("2.15.0", "old")]
    with pytest.raises(
        PartitionError, match=r"torch 2\.13\.0 .* torch 2\.12\.1 and torch 2\.15\.0"
    ):
        partition("", told, "old")


def test_values_of_one_axis_that_agree_share_a_condition() -> None:
    told = [two("n", size=n) if n < 4 else two("big", size=n) for n in range(7)]
    assert partition("", told, "") == [("size=4|5|6", "big"), ("", "n")]
    assert partition("", told, "big") == [("size=0|1|2|3", "n"), ("", "big")]


def test_without_an_old_story_the_most_frequent_stands_last() -> None:
    told = [two("rare" if size == 1 else "often", size=size) for size in (0, 1, 2)]
    assert partition("", told, "") == [("size=1", "rare"), ("", "often")]


def test_an_order_of_plain_conditions_is_preferred_to_long_ones() -> None:
    """What a person would write of three axes, each of which can settle the matter."""
    told = [
        two("one graph" if a else "one a size" if not b else "two graphs", a=a, b=b)
        for a, b in itertools.product((True, False), repeat=2)
    ]
    found = partition("", told, "")
    assert all("," not in condition for condition, _ in found)
    assert len(found) == 3


def test_one_condition_that_names_more_is_preferred_to_several() -> None:
    told = [two("new", a=1, b=2), two("new", a=2, b=2), two("old", a=2, b=1)]
    assert partition("", told, "old") == [("b=2", "new"), ("", "old")]


def test_an_axis_and_a_version_can_both_matter() -> None:
    told = [
        on(torch, "new" if (torch, inline) == ("2.11.0", False) else "old", inline=inline)
        for torch in ("2.11.0", "2.13.0")
        for inline in (True, False)
    ]
    assert partition("", told, "old") == [("inline=False, torch<2.13", "new"), ("", "old")]


def test_a_value_that_no_condition_can_hold_is_explained() -> None:
    told = [two("one", spec="a,b"), two("other", spec="c")]
    assert partition("", told, "one") == [("spec=c", "other"), ("", "one")]
    told[1] = two("other", spec="c|d")
    with pytest.raises(PartitionError, match="without commas, bars and comparison signs"):
        partition("", told, "")


def test_values_that_are_equal_but_not_as_text_are_kept_apart() -> None:
    told = [two("one", flag=1), two("other", flag=True), two("one", flag=2)]
    assert partition("", told, "other") == [("flag=1|2", "one"), ("", "other")]


@pytest.mark.parametrize(
    ("condition", "settings", "bound", "narrowed"),
    [
        ("", {}, "torch<2.13", "torch<2.13"),
        ("otherwise", {"a": ("1",)}, "", "a=1"),
        ("a=1|2, b=3", {"a": ("2",)}, "torch>=2.15", "a=2, b=3, torch>=2.15"),
        ("a=1,torch<2.15", {"b": ("x", "y")}, "torch<2.13", "a=1, b=x|y, torch<2.13"),
        ("torch>=2.12, torch!=2.13.1", {}, "torch>=2.14", "torch!=2.13.1, torch>=2.14"),
        ("torch>=2.12, python<3.13", {}, "torch<2.14", "torch>=2.12, python<3.13, torch<2.14"),
    ],
)
def test_a_condition_is_narrowed_without_saying_things_twice(
    condition: str, settings: Mapping[str, tuple[str, ...]], bound: str, narrowed: str
) -> None:
    assert narrow(condition, settings, bound) == narrowed


AXES: Sequence[Mapping[str, Sequence[object]]] = (
    {},
    {"a": (1, 2, 3)},
    {"a": (1, 2), "b": (None, True, False)},
)


@st.composite
def tellings(draw: st.DrawFn) -> list[Telling]:
    """Any story of any variant; along the versions of a variant no story comes back."""
    axes = draw(st.sampled_from(AXES))
    releases = sorted(draw(st.sets(st.sampled_from(RELEASES), min_size=1, max_size=3)))
    found = []
    for values in itertools.product(*axes.values()):
        texts = draw(st.lists(st.sampled_from("xyz"), min_size=1, max_size=3, unique=True))
        picked = sorted(draw(st.lists(st.integers(0, len(texts) - 1), min_size=len(releases))))
        for torch, index in zip(releases, picked, strict=False):
            found.append(on(torch, texts[index], **dict(zip(axes, values, strict=True))))
    return found


@BOUNDED
@given(tellings(), st.sampled_from("wxyz"))
def test_the_first_condition_that_holds_has_the_story_that_was_told(
    told: list[Telling], old: str
) -> None:
    found = partition("", told, old)
    for each in told:
        holding = (t for c, t in found if read_condition(c).holds(each.settings, each.versions))
        assert next(holding) == each.text
    assert found[-1][0] == ""
    if old in {each.text for each in told}:
        assert found[-1][1] == old
        assert [text for _, text in found].count(old) == 1
