"""The catalog's pages are the catalog: every claim with its stories, references that lead somewhere, nothing lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT

from conformance.command import main
from conformance.commands.scenarios import REFERENCES
from harness import catalog, edition
from harness.story import parse, render
from reports import contract

ENTRIES = catalog.read()
KNOWN = contract.read_references(REFERENCES)
PAGES = contract.pages(ENTRIES, KNOWN, edition.read())


def test_the_committed_pages_are_those_of_the_catalog() -> None:
    assert main(["catalog", "-o", str(ROOT / "docs/catalog"), "--check"]) == 0


def test_every_claim_and_every_story_is_on_the_page_of_its_family() -> None:
    for entry in ENTRIES:
        page = PAGES[f"{entry.family}.md"]
        assert f"\n## {entry.name}\n" in page
        section = page.partition(f"\n## {entry.name}\n")[2].partition("\n## ")[0]
        assert entry.claim in re.sub(r"\\(.)", r"\1", section)
        for _, story in entry.stories:
            assert render(parse(story)).strip() in section
    for family in {entry.family for entry in ENTRIES}:
        assert f"]({family}.md)" in PAGES["README.md"]


def test_every_page_of_the_documentation_that_is_listed_is_referred_to() -> None:
    used = {contract.address(entry.ref, KNOWN) for entry in ENTRIES}
    assert set(KNOWN.values()) <= used
    assert all(each.startswith("https://docs.pytorch.org/") for each in KNOWN.values())


@pytest.mark.parametrize(
    ("ref", "leads_to"),
    [
        ("torch.compile", "a"),
        ("torch.compile / options", "a"),
        ("torch.compile: fullgraph", "a"),
        ("torch.compiler: FAQ / why", "b"),
        ("torch.compiler.disable", ""),
        ("torch.compiled", ""),
    ],
)
def test_a_reference_leads_to_the_longest_name_that_it_begins_with(ref: str, leads_to: str) -> None:
    assert contract.address(ref, {"torch.compile": "a", "torch.compiler: FAQ": "b"}) == leads_to


def test_pages_of_others_are_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    assert main(["catalog", "-o", str(tmp_path)]) == 4
    assert "README.md was not written by `touchstone catalog`" in capsys.readouterr().err
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "mine"


def test_pages_are_written_once_and_those_of_families_that_are_gone_are_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["catalog", "-o", str(tmp_path / "new")]) == 0
    gone = tmp_path / "new/gone.md"
    gone.write_text(f"{contract.MARK}\n", encoding="utf-8")
    assert main(["catalog", "-o", str(tmp_path / "new"), "--check"]) == 1
    assert "not as the catalog is: gone.md" in capsys.readouterr().out
    assert main(["catalog", "-o", str(tmp_path / "new")]) == 0
    assert (
        f"{len(PAGES)} pages in {tmp_path / 'new'}: 0 written, 1 removed" in capsys.readouterr().out
    )
    assert not gone.exists()
