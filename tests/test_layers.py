from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import HANGS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("harness", "conformance", "reports")
LONGEST = 420

NEAR = frozenset(
    [
        "scenario",
        "story",
        "model",
        "needs",
        "condition",
        "catalog",
        "lint",
        "judge",
        "expectation",
        "revision",
        "control",
        "culprits",
        "compilations",
        "signature",
        "known",
        "implementations",
        "plan",
        "record",
        "shard",
        "merge",
        "resume",
        "renewal",
        "partition",
        "literals",
        "accept",
        "adoption",
        "certificate",
        "schema",
        "private",
        "values",
        "exchange",
        "isolate",
        "toolchain",
        "answer",
        "environment",
        "files",
        "excerpt",
        "edition",
        "reproduction",
        "fork",
        "provision",
    ]
)
FAR = frozenset(
    [
        "child",
        "sequence",
        "subject",
        "judged",
        "elsewhere",
        "ranks",
        "lifeline",
        "kin",
        "guard",
        "adapter",
        "torch_compile",
        "trace",
        "picture",
        "normal",
        "sight",
        "fingerprint",
        "zygote",
        "warmth",
        "boot",
        "circumstances",
    ]
)
#: The modules that both sides import.
SHARED = frozenset({"scenario", "story", "model"})

#: What the near side must not import, ever.
HEAVY = {"torch", "numpy", "pytest", "conformance", "reports"}
#: What is not there under the interpreter of an implementation.
NEAR_ONLY = {"pytest", "conformance", "reports", "tabulate", "jinja2", "packaging", "jsonschema"}

GLUE = {
    "conformance.conftest",
    "conformance.recorder",
    "conformance.speech",
    "conformance.command",
}


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(sources()[name].read_text(encoding="utf-8"))


@cache
def sources() -> dict[str, Path]:
    """Our modules by dotted name."""
    found: dict[str, Path] = {}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = file
    return found


def imports(name: str, *, typing: bool = True) -> Iterator[tuple[str, int, bool]]:
    """What a module imports: dotted name, line, and whether a function does so.

    `from package import module` imports the module; `typing` is whether to look under TYPE_CHECKING.
    """
    yield from _imports(tree(name).body, typing=typing, inside=False)


def _imports(
    body: list[ast.stmt], *, typing: bool, inside: bool
) -> Iterator[tuple[str, int, bool]]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno} imports relatively"
            assert node.module is not None
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            submodules = [each for each in names if each in sources()]
            yield from ((each, node.lineno, inside) for each in submodules or [node.module])
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            if typing:
                yield from _imports(node.body, typing=typing, inside=inside)
        else:
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for field in ("body", "orelse", "finalbody"):
                inner = getattr(node, field, [])
                yield from _imports(inner, typing=typing, inside=inside or function)
            for part in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
                yield from _imports(part.body, typing=typing, inside=inside or function)


def tops(name: str, *, typing: bool = True) -> set[str]:
    """The top-level packages that a module imports, functions included."""
    return {each.partition(".")[0] for each, _, _ in imports(name, typing=typing)}


def ours(name: str, *, typing: bool = True, inside: bool = True) -> set[str]:
    """Our modules that a module imports."""
    return {
        each
        for each, _, deep in imports(name, typing=typing)
        if each.partition(".")[0] in PACKAGES and (inside or not deep)
    }


def reach(name: str) -> set[str]:
    """Our modules that are loaded when a module is imported, itself included."""
    found, todo = set(), [name]
    while todo:
        each = todo.pop()
        if each in sources() and each not in found:
            found.add(each)
            todo += ours(each, typing=False, inside=False)
    return found


def is_glue(name: str) -> bool:
    return name in GLUE or name.startswith("conformance.commands")


def modules(*packages: str) -> list[str]:
    return [each for each in sources() if each.partition(".")[0] in packages]


CASES = [each for each in sources() if each.startswith("conformance.cases.")]


def test_every_module_of_the_harness_is_on_one_side() -> None:
    names = {each.removeprefix("harness.") for each in modules("harness") if each != "harness"}
    assert names == NEAR | FAR
    assert not NEAR & FAR


@pytest.mark.parametrize("name", sorted(NEAR))
def test_the_near_side_imports_nothing_heavy(name: str) -> None:
    assert not tops(f"harness.{name}", typing=False) & HEAVY
    for each in reach(f"harness.{name}"):
        assert not tops(each, typing=False) & HEAVY, each


@pytest.mark.parametrize("name", sorted(NEAR))
def test_the_near_side_reaches_the_far_side_only_in_the_function_whose_purpose_that_is(
    name: str,
) -> None:
    far = {f"harness.{each}" for each in FAR}
    assert not ours(f"harness.{name}", inside=False) & far
    assert name == "isolate" or not ours(f"harness.{name}") & far
    assert not reach(f"harness.{name}") & far


@pytest.mark.parametrize("name", sorted(FAR | SHARED))
def test_the_far_side_imports_only_what_an_implementation_has(name: str) -> None:
    for each in reach(f"harness.{name}"):
        assert not tops(each, typing=False) & NEAR_ONLY, each


@pytest.mark.parametrize("name", sorted(FAR | SHARED))
def test_the_far_side_imports_of_the_near_side_only_what_both_share(name: str) -> None:
    allowed = {"harness", *(f"harness.{each}" for each in FAR | SHARED)}
    assert ours(f"harness.{name}") <= allowed


@pytest.mark.parametrize("name", sorted(SHARED | {"needs"}))
def test_what_both_sides_share_needs_the_standard_library_only(name: str) -> None:
    assert tops(f"harness.{name}", typing=False) <= {"harness", *sys.stdlib_module_names}


def test_the_words_of_a_scenario_import_nothing_of_ours() -> None:
    assert ours("harness.scenario") == set()


@pytest.mark.parametrize("name", CASES)
def test_a_module_of_scenarios_imports_torch_and_its_two_words(name: str) -> None:
    subject = {"numpy"} & set(name.rpartition(".")[2].split("_"))
    assert tops(name) <= {"torch", "harness", *subject, *sys.stdlib_module_names}
    assert ours(name) <= {"harness.scenario"}


@pytest.mark.parametrize("name", modules("reports"))
def test_reports_are_made_without_torch_and_pytest(name: str) -> None:
    for each in {name} | reach(name):
        assert not tops(each, typing=False) & {"torch", "numpy", "pytest", "conformance"}, each


def test_only_the_glue_knows_pytest_and_reports() -> None:
    others = [each for each in modules("harness", "conformance") if not is_glue(each)]
    assert [each for each in others if tops(each) & {"pytest", "reports", "_pytest", "xdist"}] == []


def test_only_the_glue_is_above_the_reports() -> None:
    assert [each for each in modules("harness") if tops(each) & {"conformance", "reports"}] == []
    assert [each for each in modules("reports") if tops(each) & {"conformance"}] == []


@pytest.mark.parametrize("name", list(sources()))
def test_imports_are_absolute(name: str) -> None:
    levels = [node.level for node in ast.walk(tree(name)) if isinstance(node, ast.ImportFrom)]
    assert not any(levels)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: ours(name) & set(sources()) - {name} for name in sources()}
    assert list(TopologicalSorter(graph).static_order())


def test_every_package_is_installed() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "packages"
    ]
    ours = [each for each, file in sources().items() if file.name == "__init__.py"]
    data = [
        "conformance.implementations",
        "conformance.known",
    ]  # setuptools takes them for packages
    assert sorted(packages) == sorted([*ours, *data])


@pytest.mark.parametrize("name", list(sources()))
def test_no_module_is_too_long_to_be_read_at_once(name: str) -> None:
    assert len(sources()[name].read_text(encoding="utf-8").splitlines()) <= LONGEST


# what a process loads


def loaded(code: str) -> set[str]:
    """Which of the modules that take long are loaded after some code, in a process of its own."""
    code += (
        "\nimport sys; print('LOADED', *({'torch', 'numpy', 'sympy', 'pytest'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_making_a_page_loads_neither_torch_nor_pytest() -> None:
    assert loaded("import reports.html, reports.text, reports.table") == set()


def test_the_command_loads_no_torch() -> None:
    assert loaded("import conformance.command") <= {"pytest"}


def test_a_session_loads_neither_torch_nor_pytest() -> None:
    assert loaded("import conformance.session") == set()


def test_collecting_the_suite_loads_no_torch() -> None:
    code = """
import pytest
assert pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "conformance"]) == 0
"""
    assert loaded(code) <= {"pytest"}
