"""What is documented is so: the documents' commands run, their lists are whole, their links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import HANGS, ROOT

from harness import catalog
from harness.model import Verdict
from harness.needs import NEEDS
from harness.story import parse

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")])

#: The upstream behaviours that the families of this catalog are seeded by; docs/architecture.md says "seed".
RECOMPILE_SEEDS = """
test_inline_inbuilt_nn_modules_candidate test_automatic_dynamic_reduce_recompiles
test_recompiles_true_false_flop test_automatic_dynamic_tensor_scalar_change test_aliasing_guard_failures
test_aliasing_guard_failures_with_globals test_dynamic_shape_parameter_recompile
test_simple_module_recompile test_no_recursive_compile_after_cache_limit_hit
test_automatic_dynamic_on_closed_ints test_run_mode_after_cache_limit_hit
test_automatic_dynamic_shapes_mark_as_unbacked test_automatic_dynamic_shapes_mark_as_oblivious
test_automatic_dynamic_shapes_mark_as_oblivious_fail_counterfactual test_ambient_autocast_recompile
test_autocast_constant_fold test_dunder_call_recompile test_no_recompile_over_unused_objects
""".split()  # noqa: SIM905 - a list of names reads best so


def test_every_recompilation_seed_has_a_scenario() -> None:
    covered = {seed for entry in catalog.read() for seed in entry.seed}
    assert len(RECOMPILE_SEEDS) == 18
    assert not set(RECOMPILE_SEEDS) - covered


def blocks(text: str) -> list[tuple[str, str]]:
    """The marked code blocks of a document: what the comment before each says, and the block."""
    found = re.findall(r"<!-- (.+?) -->\n\s*```\w*\n(.*?)```", text, re.DOTALL)
    return [(mark, "\n".join(row[3:] for row in block.split("\n"))) for mark, block in found]


def follow(document: str, folder: Path, environ: Mapping[str, str]) -> list[str]:
    """Do what a document says, in a folder; which kinds of step there were."""
    done = []
    for mark, block in blocks((ROOT / document).read_text()):
        kind, _, what = mark.partition(": ")
        if kind == "file":
            written = folder / what
            written.parent.mkdir(exist_ok=True)
            written.write_text(block)
        else:
            program, *arguments = shlex.split(block)
            module = {"pytest": "pytest", "touchstone": "conformance"}[program]
            ran = subprocess.run(
                [sys.executable, "-m", module, *arguments],
                cwd=folder,
                env={**os.environ, **environ},
                capture_output=True,
                text=True,
                timeout=HANGS,
                check=False,
            )
            assert f"exits {ran.returncode}" == what, ran.stdout + ran.stderr
        done.append(kind)
    return done


@pytest.mark.long
def test_a_scenario_can_be_added_as_contributing_says(tmp_path: Path) -> None:
    for name in "harness", "conformance", "reports", "pyproject.toml":
        source, target = ROOT / name, tmp_path / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    done = follow("CONTRIBUTING.md", tmp_path, {"PYTHONPATH": str(tmp_path)})
    assert done == ["file", "run", "run", "run", "run"]


@pytest.mark.long
def test_a_profile_can_be_added_as_its_page_says(tmp_path: Path) -> None:
    done = follow("docs/profiles.md", tmp_path, {"PYTHONPATH": f"{tmp_path}:{ROOT}"})
    assert done == ["file", "file", "run", "file", "run", "run"]


@pytest.mark.long
def test_an_adapter_can_be_written_as_its_page_says(tmp_path: Path) -> None:
    done = follow("docs/adapters.md", tmp_path, {"PYTHONPATH": f"{tmp_path}:{ROOT}"})
    assert done == ["file", "file", "run", "run"]


def test_the_page_of_profiles_has_every_key_and_no_other() -> None:
    rows = re.findall(r"^\| (`.+?) \|", (ROOT / "docs/profiles.md").read_text(), re.MULTILINE)
    named = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    schema = json.loads((ROOT / "harness/profile.schema.json").read_text())
    assert named == set(schema["properties"])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    prose = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)", prose):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_the_readme_names_commands_that_exist() -> None:
    text = (ROOT / "README.md").read_text()
    for script in re.findall(r"^\./(\w+)", text, re.MULTILINE):
        assert os.access(ROOT / script, os.X_OK), script
    for family, scenario in re.findall(r"cases/(\w+)\.py::(\w+)", text):
        assert f"{family}/{scenario}" in {entry.id for entry in catalog.read()}
    environments = re.search(r"tox -e ([\w,]+)", text)
    assert environments is not None
    configured = (ROOT / "tox.ini").read_text()
    for environment in environments[1].split(","):
        assert f"[testenv:{environment}]" in configured


@pytest.mark.parametrize("script", ["run", "test"])
def test_the_two_commands_only_set_up_what_is_missing_under_any_shell(
    script: str, tmp_path: Path
) -> None:
    """With everything in place already, the scripts go straight to their job; pip is not asked."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci", ignore=shutil.ignore_patterns("*report*"))
    for name in script, "pyproject.toml":
        shutil.copy(ROOT / name, tmp_path / name)
    tools = tmp_path / ".venv/bin"
    tools.mkdir(parents=True)
    (tools / "activate").write_text(f'PATH="{tools}:$PATH"\n')
    for tool in "python", "touchstone":
        (tools / tool).write_text(f'#!/bin/sh\necho {tool} "$@"\n')
        (tools / tool).chmod(0o755)
    (tmp_path / ".venv/.groups").write_text("test\n")
    installed = (ROOT / "pyproject.toml").read_text() + (ROOT / ".ci/setup.sh").read_text()
    (tmp_path / ".venv/.installed").write_text(installed)
    ran = subprocess.run(
        ["/bin/sh", str(tmp_path / script), "a word", "-x"],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    wanted = {
        "run": "touchstone run a word -x\n",
        "test": "python -m pytest -n auto a word -x\n",
    }
    assert (ran.stdout, ran.returncode) == (wanted[script], 0), ran.stderr


def test_the_documents_list_every_need_and_every_verdict_and_no_others() -> None:
    needs = re.findall(
        r"^\| `(\w+)` \| (.+?) \|$", (ROOT / "docs/needs.md").read_text(), re.MULTILINE
    )
    assert dict(needs) == dict(NEEDS)
    verdicts = re.findall(r"^\| `(\w+)`", (ROOT / "docs/verdicts.md").read_text(), re.MULTILINE)
    assert sorted(verdicts) == sorted(Verdict)


def test_the_examples_of_stories_are_stories() -> None:
    rows = re.findall(r"^\| `(calls? \d[^`]*)`", (ROOT / "docs/story.md").read_text(), re.MULTILINE)
    assert len(rows) >= 5
    for row in rows:
        if "..." not in row:
            text = re.sub(
                r"calls? (\d+)(-(\d+))?",
                lambda m: (
                    f"call{'s' if m[3] else ''} 1{f'-{int(m[3]) - int(m[1]) + 1}' if m[3] else ''}"
                ),
                row,
            )
            assert parse(text)
