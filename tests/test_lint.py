from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from harness.catalog import read_module
from harness.lint import BODY_LINES, lint
from harness.needs import NEEDS

if TYPE_CHECKING:
    from pathlib import Path

#: A scenario without fault; each test breaks one thing of it.
CLEAN = '''
@scenario(
    ref="a page",
    needs=("fullgraph",),
    axes={"size": (1, 2)},
    expect={
        "size=1": "call 1: reuses, equals eager",
        "otherwise": "call 1: compiles, equals eager",
    },
)
def claim(s):
    """A graph serves calls of its size."""
    program = s.compile(len)
    program(s.ones(3))
'''


def problems(folder: Path, text: str) -> list[str]:
    file = folder / "family.py"
    file.write_text(text, encoding="utf-8")
    return lint(read_module(file))


def only(folder: Path, old: str, new: str) -> str:
    """The one problem of the clean module with one text replaced; its line is checked."""
    assert old in CLEAN
    text = CLEAN.replace(old, new)
    (found,) = problems(folder, text)
    line = next(n for n, row in enumerate(text.splitlines(), start=1) if row.startswith("def "))
    assert found.startswith(f"{folder / 'family.py'}:{line}: claim ")
    return found


def test_a_clean_module_has_no_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, CLEAN) == []


def test_a_scenario_without_docstring_is_told_what_it_is_for(tmp_path: Path) -> None:
    found = only(tmp_path, '"""A graph serves calls of its size."""', "...")
    assert found.endswith("has no docstring; its first paragraph is the claim")


@pytest.mark.parametrize("claim", ["a graph serves calls.", "A graph serves calls", "- A graph."])
def test_a_claim_that_is_no_sentence_is_quoted(tmp_path: Path, claim: str) -> None:
    found = only(tmp_path, "A graph serves calls of its size.", claim)
    assert found.endswith(
        f"claims {claim!r}; a claim is a sentence that starts with a capital and ends with a period"
    )


@pytest.mark.parametrize(
    "claim",
    [
        "Tests that graphs serve calls.",
        "Test that graphs serve calls.",
        "Checks that graphs serve calls.",
        "Verifies that graphs serve calls.",
        "Ensures that graphs serve calls.",
    ],
)
def test_a_claim_about_a_test_is_quoted(tmp_path: Path, claim: str) -> None:
    found = only(tmp_path, "A graph serves calls of its size.", claim)
    assert "a claim states a fact about compiled programs, not about a test" in found


def test_a_claim_may_begin_with_a_name_in_code(tmp_path: Path) -> None:
    text = CLEAN.replace("A graph serves", "`torch.compile` serves")
    assert problems(tmp_path, text) == []


def test_a_scenario_without_reference_is_told_to_name_one(tmp_path: Path) -> None:
    found = only(tmp_path, '    ref="a page",\n', "")
    assert found.endswith("has no `ref`; name the page or behaviour that makes the promise")


def test_an_unknown_need_is_told_the_list(tmp_path: Path) -> None:
    found = only(tmp_path, '"fullgraph"', '"fulgraph"')
    assert "needs 'fulgraph', which is no need; the list is " in found
    assert all(need in found for need in NEEDS)


def test_an_unknown_tell_is_told_the_list(tmp_path: Path) -> None:
    found = only(tmp_path, 'ref="a page",', 'ref="a page", tells=("guards",),')
    assert found.endswith("tells 'guards'; a call can tell ops")


@pytest.mark.parametrize(
    ("facet", "text"),
    [
        ("graphs", "must: a reason"),
        ("compiles", "always: a reason"),
        ("compiles", "must"),
        ("compiles", "must: "),
        ("compiles", "must because"),
    ],
)
def test_a_tier_is_set_with_facet_tier_and_reason(tmp_path: Path, facet: str, text: str) -> None:
    new = f'ref="a page", tiers={{"{facet}": "{text}"}},'
    found = only(tmp_path, 'ref="a page",', new)
    assert found.endswith(
        f"sets the tier of {facet!r} to {text!r}; expected facet to 'tier: reason'"
    )


def test_a_tier_with_reason_is_fine(tmp_path: Path) -> None:
    text = CLEAN.replace('ref="a page",', 'ref="a page", tiers={"compiles": "must: a reason"},')
    assert problems(tmp_path, text) == []


def test_versions_that_are_none_are_told(tmp_path: Path) -> None:
    found = only(tmp_path, 'ref="a page",', 'ref="a page", torch="2.13 or so",')
    assert "applies to no torch: '2.13 or so' names no versions" in found


def test_a_condition_that_cannot_be_read_is_told_with_its_grammar(tmp_path: Path) -> None:
    found = only(tmp_path, '"size=1":', '"size is 1":')
    assert "has a story under a condition that cannot be read: 'size is 1' is no condition" in found


def test_a_condition_on_no_axis_is_told(tmp_path: Path) -> None:
    found = only(tmp_path, '"size=1":', '"length=1":')
    assert found.endswith("has a story under 'length=1', but no axis length")


def test_otherwise_stands_last(tmp_path: Path) -> None:
    text = CLEAN.replace('"size=1"', '"size=3"').replace('"otherwise"', '"size=1"')
    text = text.replace('"size=3"', '"otherwise"')
    assert any(
        "has 'otherwise' before other conditions, which can then never hold; put it last" in each
        for each in problems(tmp_path, text)
    )


@pytest.mark.parametrize(
    "new", ['"size=3": "reset", "size=1":', '"size=1": "reset", "size=1|1":', '"size=1|2":']
)
def test_a_story_that_no_variant_can_tell_is_told(tmp_path: Path, new: str) -> None:
    found = only(tmp_path, '"size=1":', new)
    assert "that no variant can ever tell; delete it or reorder" in found


def test_a_story_for_some_versions_leaves_its_variants_to_others(tmp_path: Path) -> None:
    text = CLEAN.replace('"size=1":', '"torch<2.13": "reset", "size=1":')
    assert problems(tmp_path, text) == []


@pytest.mark.parametrize("condition", ["size=2", "torch<2.13", "size=2, torch<2.13"])
def test_a_variant_without_story_is_named(tmp_path: Path, condition: str) -> None:
    text = CLEAN.replace('"otherwise"', f'"{condition}"').replace(
        '"size=1"', '"size=1, torch<2.13"'
    )
    found = problems(tmp_path, text)
    missing = [each for each in found if "has no story for size=1; add a condition or 'oth" in each]
    assert len(missing) == 1


def test_a_scenario_without_axes_needs_a_story_for_all_versions(tmp_path: Path) -> None:
    text = CLEAN.replace('axes={"size": (1, 2)},', "").replace('"size=1"', '"torch<2.13"')
    (found,) = problems(tmp_path, text.replace('"otherwise"', '"torch>=2.13"'))
    assert found.endswith("has no story for all versions; add a condition or 'otherwise'")


def test_a_text_that_is_no_story_is_told_with_its_line(tmp_path: Path) -> None:
    found = only(tmp_path, "call 1: compiles, equals eager", "call 1: is fine")
    assert "expects no story under 'otherwise': line 1: 'is fine' in " in found


def test_an_empty_story_is_told_how_to_be_filled(tmp_path: Path) -> None:
    found = only(tmp_path, "call 1: compiles, equals eager", "")
    assert "expects an empty story under 'otherwise'; run it and " in found


def test_characters_beyond_ascii_are_told(tmp_path: Path) -> None:
    found = only(tmp_path, "call 1: compiles, equals eager", "x = caf\u00e9")
    assert found.endswith("expects a story with characters beyond ASCII under 'otherwise'")


def test_ops_are_expected_only_where_they_are_told(tmp_path: Path) -> None:
    found = only(tmp_path, "call 1: compiles,", "call 1: compiles, 2 ops,")
    assert found.endswith("expects counts of ops but does not have 'ops' in `tells`")
    text = CLEAN.replace("call 1: compiles,", "call 1: compiles, 2 ops,")
    text = text.replace('ref="a page",', 'ref="a page", tells=("ops",),')
    assert problems(tmp_path, text) == []


def test_a_body_of_nothing_is_told(tmp_path: Path) -> None:
    found = only(tmp_path, "    program = s.compile(len)\n    program(s.ones(3))\n", "")
    assert found.endswith("has no body")


@pytest.mark.parametrize("lines", [BODY_LINES, BODY_LINES + 1])
def test_a_body_of_too_many_lines_is_told_the_limit(tmp_path: Path, lines: int) -> None:
    text = CLEAN + "    s.reset()\n" * (lines - 2)
    found = problems(tmp_path, text)
    if lines == BODY_LINES:
        assert found == []
    else:
        assert found[0].endswith(f"has a body of {lines} lines; at most 15 keep it one claim")


def test_a_body_that_asserts_is_told_the_line(tmp_path: Path) -> None:
    found = only(
        tmp_path, "    program(s.ones(3))", "    for _ in range(2):\n        assert program"
    )
    assert found.endswith("asserts on line 15; a body tells, the story decides")


@pytest.mark.parametrize("name", ["inductor", "aot_eager", "openvino", "cuda", "xpu", "mps", "hpu"])
def test_a_body_that_names_one_implementation_or_device_is_told(tmp_path: Path, name: str) -> None:
    found = only(tmp_path, "s.compile(len)", f's.compile(len, backend="a {name}:0")')
    assert found.endswith(f"names {name!r} on line 13; scenarios are for every implementation")


def test_a_word_that_only_contains_the_name_of_a_device_is_fine(tmp_path: Path) -> None:
    assert problems(tmp_path, CLEAN.replace("s.compile(len)", 's.compile(len, name="mpsx")')) == []


@pytest.mark.parametrize(
    ("call", "need"),
    [
        ("s.config(x=1)", "dynamo_config"),
        ("s.tell('x', s.guards())", "guards_text"),
        ("s.tell('x', s.graphs()[0].text)", "graph_text"),
    ],
)
def test_a_body_needs_what_it_uses(tmp_path: Path, call: str, need: str) -> None:
    found = only(tmp_path, "program(s.ones(3))", call)
    method = call.removeprefix("s.tell('x', ").partition("(")[0]
    assert found.endswith(f"uses {method}() on line 14 without needing {need!r}")
    text = CLEAN.replace("program(s.ones(3))", call)
    assert problems(tmp_path, text.replace('"fullgraph"', f'"{need}"')) == []


def test_two_scenarios_of_one_id_are_told_both_places(tmp_path: Path) -> None:
    file = tmp_path / "family.py"
    (found,) = problems(tmp_path, CLEAN + CLEAN)
    assert found == (
        f"{file}:25: family/claim is also the id of the scenario at {file}:11; "
        "ids are unique for ever, choose another name"
    )


def test_a_former_id_is_never_used_again(tmp_path: Path) -> None:
    other = CLEAN.replace("def claim", "def other")
    other = other.replace('ref="a page",', 'ref="a page", formerly=("family/claim",),')
    (found,) = problems(tmp_path, CLEAN + other)
    assert ":25: family/claim is also the id of the scenario at " in found


def test_every_problem_of_every_scenario_is_told(tmp_path: Path) -> None:
    broken = CLEAN.replace('    ref="a page",\n', "").replace('"fullgraph"', '"x"')
    found = problems(tmp_path, broken + textwrap.dedent(broken).replace("def claim", "def other"))
    assert [": claim " in each for each in found] == [True, True, False, False]
