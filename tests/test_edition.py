"""Editions: what is published changes only with a reason, and everything is written down."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT

from conformance.command import main
from harness import catalog, edition
from harness.catalog import Entry
from harness.edition import (
    Change,
    EditionError,
    Editions,
    Promise,
    bring_up,
    differences,
    fingerprint,
)

SOURCE = '''"""Do tests run?"""
from harness.scenario import Subject, scenario

SIZE = 3


def helper(x):
    return x + SIZE


@scenario(ref="here", expect="call 1: compiles, equals eager")
def one(s: Subject) -> None:
    """One is one."""
    s.compile(helper)(s.randn(2))


@scenario(ref="here", expect="call 1: compiles, equals eager")
def two(s: Subject) -> None:
    """Two is two."""
    s.compile(lambda x: x * 2)(s.randn(2))
'''


def entries(folder: Path, source: str = SOURCE) -> list[Entry]:
    file = folder / "numbers.py"
    file.write_text(source, encoding="utf-8")
    return catalog.read_module(file)


def written(found: list[Entry], *, number: int = 1, released: int = 1, since: int = 1) -> Editions:
    promises = {each.id: Promise(since, since, fingerprint(each)) for each in found}
    return Editions(number, released, promises)


def test_the_catalog_is_written_down() -> None:
    assert main(["editions", "--check"]) == 0


def test_everything_of_a_first_edition_is_new(tmp_path: Path) -> None:
    found = entries(tmp_path)
    promises, missing = bring_up(Editions(1, 0), found)
    assert missing == []
    assert {each.since for each in promises.values()} == {1}
    assert list(differences(Editions(1, 0), promises)) == ["numbers/one", "numbers/two"]
    assert list(differences(Editions(1, 0, promises), promises)) == []


CHANGES = {
    "story": ("call 1: compiles, equals eager", "call 1: compiles 2 graphs, equals eager"),
    "claim": ("One is one.", "One is not two."),
    "body": ("(s.randn(2))", "(s.randn(5))"),
    "what the body uses": ("SIZE = 3", "SIZE = 4"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_published_promise_changes_with_a_reason_only(tmp_path: Path, what: str) -> None:
    before = written(entries(tmp_path), number=2)
    found = entries(tmp_path, SOURCE.replace(*CHANGES[what], 1))
    promises, missing = bring_up(before, found)
    [problem] = missing
    assert "numbers/one was published and says something else" in problem
    reason = Change(2, "numbers/one", "it was wrong")
    promises, missing = bring_up(replace(before, changes=(reason,)), found)
    assert missing == []
    assert (promises["numbers/one"].since, promises["numbers/one"].changed) == (1, 2)
    assert (promises["numbers/two"].since, promises["numbers/two"].changed) == (1, 1)


@pytest.mark.parametrize("what", CHANGES)
def test_an_unpublished_promise_changes_freely(tmp_path: Path, what: str) -> None:
    before = written(entries(tmp_path), number=2, since=2)
    found = entries(tmp_path, SOURCE.replace(*CHANGES[what], 1))
    promises, missing = bring_up(before, found)
    assert missing == []
    assert list(differences(before, promises)) == ["numbers/one"]
    assert promises["numbers/one"].since == 2


@pytest.mark.parametrize(
    "change",
    [
        ("SIZE = 3", "# How many.\nSIZE = 3  # at most"),
        ('@scenario(ref="here", ', '@scenario(\n    ref="elsewhere",\n    '),
        ("Do tests run?", "Do they?"),
    ],
)
def test_comments_layout_and_reference_are_no_promise(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    before = written(entries(tmp_path))
    promises, missing = bring_up(before, entries(tmp_path, SOURCE.replace(*change, 1)))
    assert missing == []
    assert list(differences(before, promises)) == []


def test_a_published_promise_is_not_dropped_in_silence(tmp_path: Path) -> None:
    found = entries(tmp_path)
    before = written(found, number=2)
    _, missing = bring_up(before, found[:1])
    assert ["numbers/two was published and is gone" in each for each in missing] == [True]
    reason = Change(2, "numbers/two", "nobody promises it")
    promises, missing = bring_up(replace(before, changes=(reason,)), found[:1])
    assert missing == []
    assert list(promises) == ["numbers/one"]


def test_a_renamed_promise_keeps_its_age(tmp_path: Path) -> None:
    before = written(entries(tmp_path), number=2)
    renamed = SOURCE.replace(
        "@scenario(ref", '@scenario(formerly=("numbers/one",), ref', 1
    ).replace("def one", "def first")
    promises, missing = bring_up(before, entries(tmp_path, renamed))
    assert promises["numbers/first"].since == 1
    assert "numbers/one" not in promises
    assert missing == []


def test_a_published_edition_is_not_written_any_more(tmp_path: Path) -> None:
    before = written(entries(tmp_path), number=1, released=1)
    _, missing = bring_up(before, entries(tmp_path, SOURCE.replace("SIZE = 3", "SIZE = 4")))
    assert missing[-1] == "edition 1 is published: raise `edition` to 2"


def test_a_damaged_table_is_one_sentence(tmp_path: Path) -> None:
    table, lock = tmp_path / "editions.toml", tmp_path / "editions.json"
    with pytest.raises(EditionError, match=r"editions\.toml: No such file"):
        edition.read(table, lock)
    table.write_text("edition = 1\nreleased = 0\n", encoding="utf-8")
    lock.write_text('{"a/b": {"since": 1}}', encoding="utf-8")
    with pytest.raises(EditionError, match="is damaged"):
        edition.read(table, lock)


def test_the_lock_is_read_as_it_is_written(tmp_path: Path) -> None:
    promises, _ = bring_up(Editions(1, 0), entries(tmp_path))
    table, lock = tmp_path / "editions.toml", tmp_path / "editions.json"
    table.write_text("edition = 1\nreleased = 0\n", encoding="utf-8")
    lock.write_text(edition.to_text(promises), encoding="utf-8")
    assert edition.read(table, lock).promises == promises
    assert list(json.loads(lock.read_text(encoding="utf-8"))) == sorted(promises)


def test_ids_of_the_lock_are_the_catalog_s() -> None:
    locked = json.loads((ROOT / "conformance" / "editions.json").read_text(encoding="utf-8"))
    assert set(locked) == {each.id for each in catalog.read()}
