from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from conftest import HANGS
from jsonschema import Draft202012Validator

from harness import catalog
from harness.catalog import CASES, CatalogError, Entry, read, read_module, variants
from harness.lint import lint
from harness.story import parse

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "harness" / "catalog.schema.json"

#: Imports every module of scenarios and prints what it declares; runs in a process of its own.
IMPORT = """
import dataclasses, importlib, json, pathlib, sys
from harness.scenario import Scenario

found = {}
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    if file.name != "__init__.py":
        module = importlib.import_module(f"conformance.cases.{file.stem}")
        for name, value in vars(module).items():
            if isinstance(value, Scenario) and value.body.__module__ == module.__name__:
                fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
                body = fields.pop("body")
                fields.update(claim=body.__doc__, name=body.__name__)
                found[f"{file.stem}/{name}"] = fields
print(json.dumps(found))
"""


def module(folder: Path, text: str, name: str = "family.py") -> Path:
    file = folder / name
    file.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return file


def only(folder: Path, arguments: str) -> Entry:
    """The entry of a module whose one scenario is declared with these arguments."""
    text = f'@scenario({arguments})\ndef claim(s):\n    """A fact."""\n    s.reset()\n'
    return read_module(module(folder, text))[0]


def refused(folder: Path, text: str) -> str:
    with pytest.raises(CatalogError) as caught:
        read_module(module(folder, text))
    return str(caught.value)


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# the shipped catalog


@pytest.fixture(scope="module")
def declared() -> dict[str, dict[str, Any]]:
    """What the modules of the catalog declare when they are imported."""
    return dict(json.loads(run("-c", IMPORT, str(CASES))))


def test_every_scenario_that_an_import_finds_is_read(declared: dict[str, dict[str, Any]]) -> None:
    assert {entry.id for entry in read()} == set(declared)


def test_what_is_read_is_what_is_run(declared: dict[str, dict[str, Any]]) -> None:
    for entry in read():
        imported = declared[entry.id]
        expect = imported.pop("expect")
        stories = expect.items() if isinstance(expect, dict) else [("", expect)]
        assert entry.stories == tuple(stories), entry.id
        assert " ".join(imported.pop("claim").split("\n\n")[0].split()) == entry.claim
        read_as = json.loads(json.dumps({name: getattr(entry, name) for name in imported}))
        assert read_as == imported, entry.id


def test_ids_are_unique() -> None:
    ids = [name for entry in read() for name in (entry.id, *entry.formerly)]
    assert len(ids) == len(set(ids))


def test_variants_of_a_scenario_have_unique_ids() -> None:
    for entry in read():
        ids = [variant.id for variant in variants(entry)]
        assert len(ids) == len(set(ids)), entry.id


def test_the_shipped_catalog_passes_lint() -> None:
    assert lint(read()) == []


def test_every_variant_of_the_shipped_catalog_has_a_story_on_every_torch() -> None:
    for entry in read():
        for variant in variants(entry):
            for torch in ("2.9.0", "2.12.1", "2.13.0+cpu", "2.15.0.dev20260101"):
                _, story = catalog.expected(entry, variant.settings, {"torch": torch})
                assert story, entry.id


def test_spans_of_the_shipped_catalog_point_at_the_literals() -> None:
    for entry in read():
        rows = entry.file.read_text(encoding="utf-8").splitlines()
        assert len(entry.spans) == len(entry.stories)
        for (first, last), (_, story) in zip(entry.spans, entry.stories, strict=True):
            literal = "\n".join(rows[first - 1 : last])
            assert literal.count('"""') == 2, entry.id
            assert parse(literal.split('"""')[1]) == parse(story), entry.id


def test_reading_the_catalog_imports_neither_torch_nor_pytest() -> None:
    asked = "import sys; from harness import catalog, lint; lint.lint(catalog.read()); "
    loaded = run(
        "-c", asked + "print({'torch', 'pytest', 'numpy', 'conformance'} & set(sys.modules))"
    )
    assert loaded.strip() == "set()"


def test_the_listing_for_programs_fits_its_schema() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    listing = json.loads(run("-m", "conformance", "list", "--json"))
    problems = [error.message for error in Draft202012Validator(schema).iter_errors(listing)]
    assert problems == []
    assert [each["id"] for each in listing["scenarios"]] == [entry.id for entry in read()]


@pytest.mark.parametrize("change", ["lacks", "has more"])
def test_the_schema_refuses_another_listing(change: str) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    listing = json.loads(run("-m", "conformance", "list", "--json", "aliasing/*"))
    if change == "lacks":
        del listing["scenarios"][0]["claim"]
    else:
        listing["scenarios"][0]["mood"] = "good"
    assert not Draft202012Validator(schema).is_valid(listing)


# one module


def test_a_declaration_is_read_with_every_argument(tmp_path: Path) -> None:
    file = module(
        tmp_path,
        '''
        import nothing_that_exists

        @scenario(
            ref="a page",
            expect={"size=1": "reset", "otherwise": """
            change: x
            reset
            """},
            axes={"size": (1, 2.5), "mode": (None, True, "x")},
            needs=("fullgraph",),
            seed=["test_one", "test_two"],
            tells=("ops",),
            tiers={"ops": "must: a reason"},
            exact="a reason",
            torch=">=2.13",
            formerly=("family/old",),
        )
        def claim(s):
            """A fact that
            goes on.

            Further words.
            """
            s.reset()
        ''',
    )
    (entry,) = read_module(file)
    assert (entry.id, entry.module, entry.file) == (
        "family/claim",
        "conformance.cases.family",
        file,
    )
    assert (entry.claim, entry.ref, entry.torch) == ("A fact that goes on.", "a page", ">=2.13")
    assert [condition for condition, _ in entry.stories] == ["size=1", "otherwise"]
    assert (entry.line, entry.spans) == (18, ((5, 5), (5, 8)))
    assert entry.axes == {"size": (1, 2.5), "mode": (None, True, "x")}
    assert (entry.needs, entry.seed, entry.tells) == (
        ("fullgraph",),
        ("test_one", "test_two"),
        ("ops",),
    )
    assert (entry.tiers, entry.exact) == ({"ops": "must: a reason"}, "a reason")
    assert entry.formerly == ("family/old",)
    assert entry.source.startswith("@scenario(\n")
    assert entry.source.endswith("    s.reset()")


def test_what_a_declaration_leaves_out_is_empty(tmp_path: Path) -> None:
    entry = only(tmp_path, 'ref="x", expect="reset"')
    assert (entry.axes, entry.needs, entry.tiers, entry.exact, entry.formerly) == (
        {},
        (),
        {},
        "",
        (),
    )


def test_functions_that_are_no_scenarios_are_passed_over(tmp_path: Path) -> None:
    text = "def helper(x):\n    return x\n\n@other(expect=open())\ndef claim(s):\n    pass\n"
    assert read_module(module(tmp_path, text)) == []


def test_variants_are_the_product_of_the_axes_in_their_order(tmp_path: Path) -> None:
    entry = only(tmp_path, 'expect="reset", axes={"b": (1, 2), "a": (None, "x")}')
    assert [(variant.id, dict(variant.settings)) for variant in variants(entry)] == [
        ("b=1,a=None", {"b": 1, "a": None}),
        ("b=1,a=x", {"b": 1, "a": "x"}),
        ("b=2,a=None", {"b": 2, "a": None}),
        ("b=2,a=x", {"b": 2, "a": "x"}),
    ]


def test_a_scenario_without_axes_has_one_nameless_variant(tmp_path: Path) -> None:
    assert [variant.id for variant in variants(only(tmp_path, 'expect="reset"'))] == [""]


def test_modules_are_read_in_the_order_of_their_names_and_lines(tmp_path: Path) -> None:
    one = '@scenario(expect="reset")\ndef {}(s):\n    """A fact."""\n'
    module(tmp_path, one.format("z") + one.format("a"), "b.py")
    module(tmp_path, one.format("y"), "a.py")
    module(tmp_path, "raise SystemExit", "__init__.py")
    assert [entry.id for entry in read(tmp_path)] == ["a/y", "b/z", "b/a"]


# the story that is expected


STORIES = """axes={"size": (1, 2)}, expect={
    "size=1, torch<2.13": "change: one, old",
    "size=1": "change: one",
    "torch<2.13": "change: old",
    "size=2, torch>=2.14": "change: two, new",
}"""


@pytest.mark.parametrize(
    ("size", "torch", "told"),
    [
        (1, "2.12.0", ("size=1, torch<2.13", "change: one, old")),
        (1, "2.14.0", ("size=1", "change: one")),
        (2, "2.12.0", ("torch<2.13", "change: old")),
        (2, "2.14.0.dev2026", ("size=2, torch>=2.14", "change: two, new")),
    ],
)
def test_the_first_condition_that_holds_gives_the_story(
    tmp_path: Path, size: int, torch: str, told: tuple[str, str]
) -> None:
    found = catalog.expected(only(tmp_path, STORIES), {"size": size}, {"torch": torch})
    assert found == (told[0], parse(told[1]))


def test_a_variant_without_story_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(CatalogError) as caught:
        catalog.expected(only(tmp_path, STORIES), {"size": 2}, {"torch": "2.13.0"})
    assert str(caught.value) == (
        "family/claim has no story for {'size': 2} with {'torch': '2.13.0'}; add one to `expect`"
    )


# refusals


def test_a_file_that_is_not_python_is_refused_by_line(tmp_path: Path) -> None:
    said = refused(tmp_path, "x = 1\ndef (:\n")
    assert said.startswith(f"{tmp_path / 'family.py'}:2: is not Python: ")


@pytest.mark.parametrize(
    "value", ["STORY", "open()", 'f"call {1}"', '"a".strip()', "[each for each in ()]"]
)
def test_an_argument_that_is_no_literal_is_refused_by_name(tmp_path: Path, value: str) -> None:
    said = refused(tmp_path, f'x = 1\n@scenario(ref="x", expect={value})\ndef claim(s): ...\n')
    assert said.startswith(f"{tmp_path / 'family.py'}:2: claim: `expect` is no literal")
    assert "the catalog is read, not run" in said


def test_hidden_arguments_are_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, "@scenario(**COMMON)\ndef claim(s): ...\n")
    assert said.endswith("1: claim: `**` hides the declaration; write each keyword out")


def test_an_unknown_keyword_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    said = refused(tmp_path, '@scenario(expects="reset", expect="reset")\ndef claim(s): ...\n')
    assert "found ['expects']" in said
    assert "scenario() takes only axes, exact, expect, formerly, needs, ref" in said


def test_a_positional_argument_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, '@scenario("a page", expect="reset")\ndef claim(s): ...\n')
    assert "scenario() takes only" in said


@pytest.mark.parametrize("arguments", ["", "expect=5", "expect=None", 'expect=("reset",)'])
def test_a_scenario_without_story_is_refused(tmp_path: Path, arguments: str) -> None:
    said = refused(tmp_path, f"@scenario({arguments})\ndef claim(s): ...\n")
    assert "`expect` must be a story or a dictionary of condition to story" in said


def test_every_problem_of_a_catalog_is_told_at_once(tmp_path: Path) -> None:
    module(tmp_path, "@scenario(**X)\ndef a(s): ...\n@scenario()\ndef b(s): ...\n", "one.py")
    module(tmp_path, "def (:", "two.py")
    with pytest.raises(CatalogError) as caught:
        read(tmp_path)
    assert [str(tmp_path) in each for each in caught.value.problems] == [True] * 3


def test_a_module_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "family.py").write_bytes(b"x = '\xff'\n")
    with pytest.raises(CatalogError, match=r"family\.py"):
        read(tmp_path)


# fingerprint


def test_the_digest_changes_with_the_text_of_a_module(tmp_path: Path) -> None:
    text = '@scenario(expect="reset")\ndef claim(s): ...\n'
    file = module(tmp_path, text)
    before = catalog.digest(read_module(file))
    assert before == catalog.digest(read_module(file))
    module(tmp_path, text + "# a comment\n")
    assert catalog.digest(read_module(file)) != before


def test_the_digest_changes_with_the_name_of_a_module_but_not_of_its_folder(tmp_path: Path) -> None:
    text = '@scenario(expect="reset")\ndef claim(s): ...\n'
    (tmp_path / "other").mkdir()
    one = catalog.digest(read_module(module(tmp_path, text)))
    assert one == catalog.digest(read_module(module(tmp_path / "other", text)))
    assert one != catalog.digest(read_module(module(tmp_path, text, "else.py")))
    assert len(one) == 16


def test_the_digest_does_not_depend_on_the_order_of_scenarios() -> None:
    entries = read()
    assert catalog.digest(entries) == catalog.digest(entries[::-1])
