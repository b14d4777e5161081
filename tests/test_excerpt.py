"""Excerpts of modules: what is needed is there, and what is not needed is not."""

from __future__ import annotations

import pytest

from harness.excerpt import excerpt

ONE = '''
"""A module."""
from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from harness import two
from harness.three import Base, spare as other

if TYPE_CHECKING:
    from collections.abc import Mapping

#: How many.
COUNT = 3
UNUSED = 4


def start(values: Mapping[str, Any]) -> int:  # noqa: D103 - for tools
    """Begin."""
    return two.double(COUNT) + Made().used()


def never() -> None:
    other(sys.argv, os.name)


class Made(Base):
    kind = "made"

    def __init__(self) -> None:
        self.value = 1

    def used(self) -> int:
        return self._helps()

    def _helps(self) -> int:
        return self.value

    def unused(self) -> None:
        sys.exit()

    def _spare(self) -> None:
        os.abort()
'''
TWO = "def double(value):\n    return 2 * value\n\n\ndef triple(value):\n    return 3 * value\n"
THREE = "class Base:\n    pass\n\n\ndef spare(*_):\n    pass\n"
MODULES = {"harness.one": ONE, "harness.two": TWO, "harness.three": THREE}


def test_what_a_function_needs_is_followed_through_modules() -> None:
    found = excerpt(MODULES, [("harness.one", "start")])
    assert list(found) == ["harness.one", "harness.two", "harness.three"]
    assert "def double" in found["harness.two"]
    assert "triple" not in found["harness.two"]
    assert "spare" not in found["harness.three"]
    one = found["harness.one"]
    for there in (
        "#: How many.\nCOUNT = 3\n",
        "def _helps",
        "from harness import two\n",
        '"""Begin."""',
    ):
        assert there in one
    for gone in (
        "UNUSED",
        "_spare",
        "Mapping\n",
        "noqa",
        "A module",
    ):
        assert gone not in one


def test_private_methods_stay_where_they_are_called() -> None:
    one = excerpt(MODULES, [("harness.one", "Made")])["harness.one"]
    assert "def _helps" in one
    assert "def _spare" not in one
    assert "def unused" in one  # anybody may call it
    assert "import sys" in one  # which needs this


def test_annotations_are_needed_where_people_read_them() -> None:
    one = excerpt(MODULES, [("harness.one", "start")], annotations=True)["harness.one"]
    assert "from collections.abc import Mapping\n" in one
    assert "from typing import Any\n" in one


def test_an_excerpt_runs() -> None:
    one = excerpt(
        {"harness.one": ONE.replace("two.double", "abs").replace("(Base)", "")},
        [("harness.one", "start")],
    )
    space: dict[str, object] = {}
    exec(one["harness.one"], space)  # noqa: S102 - our own text
    assert space["start"]({}) == 4  # type: ignore[operator]


def test_a_parameter_is_not_the_definition_of_its_name() -> None:
    text = "def other(): ...\n\n\ndef body(other, *rest):\n    return lambda: other, rest\n\n\ndef rest(): ...\n"
    found = excerpt({"m": text}, [("m", "body")])["m"]
    assert "def other" not in found
    assert "def rest" not in found
    default = "def other(): ...\n\n\ndef body(other=other):\n    return other\n"
    assert "def other" in excerpt({"m": default}, [("m", "body")])["m"]


def test_the_declaration_of_a_scenario_is_left_out() -> None:
    text = "from harness.scenario import scenario\nX = 1\n\n\n@scenario(ref=X)\ndef body(s):\n    s.run()\n"
    found = excerpt({"m": text}, [("m", "body")])["m"]
    assert "scenario" not in found
    assert "X" not in found
    assert found.endswith("def body(s):\n    s.run()\n")


def test_a_name_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError, match="defines no absent"):
        excerpt(MODULES, [("harness.two", "absent")])
