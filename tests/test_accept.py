from __future__ import annotations

import ast
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import HANGS, ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import catalog, literals
from harness.accept import accept, decide, diff, draft, summary, write
from harness.catalog import Entry, read_module, variants
from harness.lint import lint
from harness.model import Exit, Judgement, Known, Observation, Result, Trial, Verdict
from harness.record import Record, RecordError
from harness.story import Call, Note, Story, Told, parse, render

BOUNDED = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
OLD = parse("call 1: compiles, equals eager")
NEW = parse("call 1: compiles, equals eager\ncalls 2-4: reuses, equals eager")
OTHER = parse("calls 1-3: compiles, equals eager")

VERSIONS = {"torch": "2.13.0", "python": "3.12.1"}

HEAD = '''"""A family."""

from harness.scenario import Subject, scenario


'''


def scenario(expect: str, name: str = "one", **arguments: object) -> str:
    """The source of a scenario; `expect` is source too."""
    more = "".join(f"    {key}={value!r},\n" for key, value in arguments.items())
    return (
        f'@scenario(\n    ref="a page",\n{more}    expect={expect},\n)\n'
        f'def {name}(s: Subject) -> None:\n    """A fact."""\n    s.compile(len)([])\n\n\n'
    )


def plain(story: Story) -> str:
    return literals.write(render(story), "    ")


def table(stories: Mapping[str, Story]) -> str:
    rows = (f'        "{c}": {literals.write(render(s), " " * 8)},\n' for c, s in stories.items())
    return "{\n" + "".join(rows) + "    }"


@pytest.fixture
def module(tmp_path: Path) -> Path:
    return tmp_path / "family.py"


def entry_of(module: Path, *scenarios: str) -> Entry:
    module.write_text(HEAD + "".join(scenarios).rstrip("\n") + "\n", encoding="utf-8")
    return read_module(module)[0]


def result(  # noqa: PLR0913 - one argument for each thing that matters here
    entry: Entry,
    told: Story,
    variant: str = "",
    *,
    on: str = "eager",
    torch: str = "2.13.0",
    verdict: Verdict | None = None,
    known: Known | None = None,
) -> Result:
    """What a run of this scenario gives, if this is told."""
    versions = {**VERSIONS, "torch": torch}
    chosen = next(each for each in variants(entry) if each.id == variant)
    condition, expected = catalog.expected(entry, chosen.settings, versions)
    return Result(
        trial=Trial(entry.id, variant, on),
        judgement=Judgement(
            verdict or (Verdict.PASS if told == expected else Verdict.FAIL), "a reason"
        ),
        expected=render(expected),
        condition=condition,
        exit=Exit(Observation(story=told, versions=versions, ended=True)),
        known=known,
    )


def accepted(entry: Entry, *results: Result) -> dict[str, str]:
    """The stories of the scenario after what was told is written down; nothing may be refused."""
    found = decide([entry], results)
    assert found.refusals == ()
    write(found)
    return {c: literals.canonical(text) for c, text in read_module(entry.file)[0].stories}


def refused(entry: Entry, *results: Result) -> str:
    """Why it is that nothing changes."""
    found = decide([entry], results)
    assert found.changes == ()
    return "\n".join(map(str, found.refusals))


# what is accepted


def test_a_story_that_is_told_otherwise_is_rewritten_where_it_stands(module: Path) -> None:
    entry = entry_of(module, scenario(plain(OLD)))
    assert accepted(entry, result(entry, NEW)) == {"": render(NEW)}
    assert module.read_text() == HEAD + scenario(plain(NEW)).rstrip("\n") + "\n"


def test_fewer_compilations_are_accepted_too(module: Path) -> None:
    entry = entry_of(module, scenario(plain(OTHER)))
    assert accepted(entry, result(entry, NEW, verdict=Verdict.IMPROVED)) == {"": render(NEW)}


@pytest.mark.parametrize(
    "verdict", [Verdict.PASS, Verdict.XPASS, Verdict.XFAIL, Verdict.UNSUPPORTED]
)
def test_what_conforms_or_is_expected_to_deviate_changes_nothing(
    module: Path, verdict: Verdict
) -> None:
    """A trial passes too if what it does not tell is all that is missing, such as what ran."""
    entry = entry_of(module, scenario(plain(OLD)))
    told = (Call(1, "", "equals eager"),)
    assert accepted(entry, result(entry, told, verdict=verdict)) == {"": render(OLD)}


def test_a_version_that_tells_another_story_gets_a_condition_above_the_old_one(
    module: Path,
) -> None:
    entry = entry_of(module, scenario(plain(OLD)))
    told = accepted(entry, result(entry, OLD), result(entry, NEW, on="later", torch="2.15.0"))
    assert list(told.items()) == [("torch>=2.15", render(NEW)), ("otherwise", render(OLD))]


def test_only_the_condition_that_applied_is_edited(module: Path) -> None:
    stories = {"torch<2.13": OTHER, "otherwise": OLD}
    entry = entry_of(module, scenario(table(stories)))
    told = accepted(entry, result(entry, OTHER, on="earlier", torch="2.12.1"), result(entry, NEW))
    assert told == {"torch<2.13": render(OTHER), "otherwise": render(NEW)}


def test_variants_that_disagree_get_conditions_on_their_axes(module: Path) -> None:
    entry = entry_of(module, scenario('""', axes={"size": (1, 2, 3)}))
    told = [result(entry, NEW if size == 2 else OLD, f"size={size}") for size in (1, 2, 3)]
    assert accepted(entry, *told) == {"size=2": render(NEW), "otherwise": render(OLD)}


def test_what_one_implementation_cannot_tell_is_accepted_from_another(module: Path) -> None:
    entry = entry_of(module, scenario(plain(OLD)))
    found = decide(
        [entry], [result(entry, NEW), result(entry, (), on="mine", verdict=Verdict.CRASH)]
    )
    assert [change.pairs for change in found.changes] == [[("", render(NEW))]]
    assert [refusal.what for refusal in found.refusals] == ["family/one @ mine"]


def test_a_documented_difference_from_eager_can_be_a_story(module: Path) -> None:
    told = (Call(1, "compiles", "differs from eager in type of result", graphs=1),)
    entry = entry_of(module, scenario(plain(OLD), tiers={"outcome": "diverge: documented"}))
    assert accepted(entry, result(entry, told)) == {"": render(told)}


def test_a_difference_from_eager_that_the_story_had_already_may_stay(module: Path) -> None:
    story = "call 1: compiles, differs from eager in type of result\n"
    entry = entry_of(module, scenario(plain(parse(story))))
    told = parse(f"{story}call 2: reuses, equals eager")
    assert accepted(entry, result(entry, told)) == {"": render(told)}


# what is refused


@pytest.mark.parametrize(
    ("verdict", "remedy"),
    [
        (Verdict.CRASH, "crash: a reason; record it as a known deviation"),
        (Verdict.TIMEOUT, "timeout: a reason; raise --time-limit, or record it as a known"),
        (
            Verdict.ERROR,
            "error: a reason; make the call with s.attempt if the exception is the claim",
        ),
        (Verdict.FELL_BACK, "fell_back: a reason; record it as a known deviation"),
        (Verdict.FLAKY, "flaky: a reason; find out what differs"),
        (Verdict.BUG, "bug: a reason; mend the scenario or Touchstone"),
    ],
)
def test_what_is_no_story_is_refused_with_a_remedy(
    module: Path, verdict: Verdict, remedy: str
) -> None:
    entry = entry_of(module, scenario(plain(OLD)))
    assert f"refused family/one @ eager: {remedy}" in refused(
        entry, result(entry, NEW, verdict=verdict)
    )


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ((), "it tells nothing"),
        (
            (Call(1, "compiles", "differs from eager in value of result", graphs=1),),
            "'call 1: compiles, differs from eager in value of result' is no promise",
        ),
        ((Note("weight", "differs from eager in stride of weight"),), "eager is the oracle"),
        ((Call(1, "", "equals eager"),), "'call 1: equals eager' does not tell what ran"),
        ((Told("name", "é"),), "tell plain ASCII text"),
        ((Told("name", "a\rb"),), "tell plain ASCII text"),
        ((Told("name", "trailing "),), "tell plain ASCII text"),
    ],
)
def test_a_story_that_cannot_be_a_promise_is_refused(module: Path, told: Story, why: str) -> None:
    entry = entry_of(module, scenario(plain(OLD)))
    assert why in refused(entry, result(entry, told))


def test_a_known_deviation_that_has_changed_is_refused(module: Path) -> None:
    entry = entry_of(module, scenario(plain(OLD)))
    known = Known("*", "*", "another", "a reason")
    assert "correct or delete the entry" in refused(entry, result(entry, NEW, known=known))


def test_two_stories_for_one_literal_are_refused_by_name(module: Path) -> None:
    entry = entry_of(module, scenario(plain(OLD), axes={"size": (1, 2)}))
    told = [
        result(entry, OLD, "size=1"),
        result(entry, OTHER, "size=2", on="mine"),
        result(entry, NEW, "size=2"),
        result(entry, OLD, "size=1", on="mine"),
    ]
    why = refused(entry, *told)
    assert why == refused(entry, *reversed(told))
    assert why == (
        "refused family/one: two different stories with size=2: eager tells 'call 2: reuses, equals eager', "
        "mine tells 'call 2: compiles, equals eager'; find out which one deviates, and record it as a known "
        "deviation (conformance/known/README.md)"
    )


def test_an_implementation_that_keeps_the_story_contradicts_one_that_does_not(module: Path) -> None:
    entry = entry_of(module, scenario(plain(OLD)))
    why = refused(entry, result(entry, OLD), result(entry, NEW, on="mine"))
    assert "eager tells nothing more, mine tells 'call 2: reuses, equals eager'" in why


def test_a_version_between_two_that_agree_is_refused(module: Path) -> None:
    entry = entry_of(module, scenario(table({"otherwise": OLD})))
    stories = {"2.12.1": OLD, "2.13.0": NEW, "2.15.0": OLD}
    told = [result(entry, story, on=torch, torch=torch) for torch, story in stories.items()]
    why = refused(entry, *told)
    assert "family/one under 'otherwise': torch 2.13.0 tells another story than torch 2.12.1" in why


def test_a_story_is_not_changed_for_variants_that_did_not_run(module: Path) -> None:
    stories = {"size=1": OLD, "otherwise": OLD}
    entry = entry_of(module, scenario(table(stories), axes={"size": (1, 2, 3)}))
    why = refused(entry, result(entry, NEW, "size=2"))
    assert "size=3 would get another story too, but did not run" in why
    assert accepted(entry, result(entry, NEW, "size=1"))["size=1"] == render(NEW)


def test_a_story_that_was_changed_since_the_run_is_left_alone(module: Path) -> None:
    told = result(entry_of(module, scenario(plain(OLD))), NEW)
    entry = entry_of(module, scenario(plain(OTHER)))
    assert "the story that the record expected of it is gone" in refused(entry, told)


def record(entries: Sequence[Entry], *results: Result, more: Sequence[Trial] = ()) -> Record:
    plan = [*(each.trial for each in results), *more]
    header = {
        "suite": {"catalog": catalog.digest(entries)},
        "plan": [{key: getattr(t, key) for key in Trial.__slots__} for t in plan],
    }
    return Record(header, results, {})


def test_a_record_of_other_scenarios_is_refused(module: Path) -> None:
    entry = entry_of(module, scenario(plain(OLD)))
    made = record([entry], result(entry, NEW))
    write(accept(made, [entry]))
    with pytest.raises(RecordError, match=r"not those that the record was made with .*; run again"):
        accept(made, read_module(module))


def test_a_record_of_a_run_that_was_stopped_is_refused(module: Path) -> None:
    entry = entry_of(module, scenario(plain(OLD)), scenario(plain(OLD), "two"))
    entries = read_module(module)
    other = Trial("family/two", "", "eager")
    made = record(entries, result(entry, NEW), more=[other])
    with pytest.raises(RecordError, match="lacks the results of 1 planned trials"):
        accept(made, entries)
    assert len(accept(made, entries, ["family/one"]).changes) == 1
    assert accept(replace(made, header={**made.header, "plan": []}), entries, ["family/two"]) == (
        decide([], [])
    )


# what is shown


def test_a_summary_has_a_line_for_each_literal(
    module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(module.parent)
    entry = entry_of(module, scenario(table({"torch<2.13": OTHER, "otherwise": OLD})))
    told = [result(entry, NEW, on="later", torch="2.15.0"), result(entry, OLD)]
    told.append(result(entry, NEW, on="earlier", torch="2.12.1"))
    found = decide([entry], told)
    assert summary(found).splitlines() == [
        "family.py:9: one has another story under 'torch<2.13'",
        "family.py:12: one has a new story under 'torch>=2.15'",
        "review it with `git diff`, then run again",
    ]
    assert summary(decide([entry], told[1:2])) == "every story is as it was told"
    assert '+        "torch>=2.15": """' in diff(found).splitlines()


def test_a_story_that_is_left_blank_does_not_keep_a_scenario_from_running(module: Path) -> None:
    entry = entry_of(module, scenario('""', axes={"size": (1, 2)}))
    assert any("empty story" in problem for problem in lint([entry]))
    assert lint([draft(entry)]) == []


# properties

STORIES = st.sampled_from(
    [
        OLD,
        NEW,
        OTHER,
        parse('change: it\'s """quoted""" \\ and so on\ncall 1: raises ValueError while tracing'),
        parse("graph (may) =\n    def f(x):\n\n        return x\nweight: equals eager"),
    ]
)
AXES: Sequence[Mapping[str, tuple[Any, ...]]] = (
    {},
    {"size": (1, 2, 3)},
    {"dynamic": (None, True, False), "flag": (True, False)},
)
CONDITIONS = {
    "": (),
    "otherwise": (),
    "torch<2.13": (),
    "torch>=2.13, torch<2.15": (),
    "size=1|3": ("size",),
    "dynamic=None": ("dynamic",),
    "flag=True, dynamic=True|False, torch<2.14": ("dynamic", "flag"),
}
RELEASES = ("2.12.1", "2.13.0", "2.14.1", "2.15.0")


@st.composite
def sources(draw: st.DrawFn, name: str) -> str:
    """A scenario with any axes, and with a story or a table that has one for every variant."""
    axes = draw(st.sampled_from(AXES))
    if draw(st.booleans()):
        return scenario(draw(st.sampled_from(['""', plain(draw(STORIES))])), name, axes=axes)
    usable = [c for c, needed in CONDITIONS.items() if c and set(needed) <= set(axes)]
    chosen = draw(st.lists(st.sampled_from(usable), unique=True))
    stories = {each: draw(STORIES) for each in [*chosen, "otherwise"] if each != "otherwise"}
    return scenario(table({**stories, "otherwise": draw(STORIES)}), name, axes=axes)


def tell(data: st.DataObject, entry: Entry) -> list[Result]:
    """What some versions tell: mostly what is expected of them."""
    releases = data.draw(st.lists(st.sampled_from(RELEASES), min_size=1, max_size=3, unique=True))
    return [
        result(
            entry,
            data.draw(STORIES)
            if data.draw(st.integers(0, 3)) == 0
            else catalog.expected(entry, v.settings, {**VERSIONS, "torch": torch})[1] or OLD,
            v.id,
            on=f"eager {torch}",
            torch=torch,
        )
        for torch, v in itertools.product(sorted(releases), variants(entry))
    ]


def outside(source: str) -> str:
    """The source without what is expected."""
    rows = source.splitlines()
    for node in reversed(ast.parse(source).body):
        if isinstance(node, ast.FunctionDef) and isinstance(node.decorator_list[0], ast.Call):
            expect = node.decorator_list[0].keywords[-1].value
            assert expect.end_lineno is not None
            rows[expect.lineno - 1 : expect.end_lineno] = []
    return "\n".join(rows)


def segments(source: str) -> list[str]:
    """The literals of all stories, as they are written."""
    found: list[str] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and isinstance(node.decorator_list[0], ast.Call):
            expect = node.decorator_list[0].keywords[-1].value
            values = expect.values if isinstance(expect, ast.Dict) else [expect]
            found += [ast.get_source_segment(source, value) or "" for value in values]
    return found


@BOUNDED
@given(data=st.data())
def test_a_rewritten_catalog_expects_just_what_was_told(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    module = tmp_path_factory.mktemp("cases") / "family.py"
    names = ["one", "two", "three"]
    first = entry_of(module, *(data.draw(sources(name)) for name in names))
    source = module.read_text()
    entries = read_module(module)
    assert first == entries[0]
    told = [each for entry in entries for each in tell(data, entry)]
    found = decide(entries, told)
    write(found)
    after = {entry.id: entry for entry in read_module(module)}

    left = {refusal.what for refusal in found.refusals}
    for each in told:
        entry = after[each.trial.scenario]
        chosen = next(v for v in variants(entry) if v.id == each.trial.variant)
        now = catalog.expected(entry, chosen.settings, each.exit.observation.versions)
        what = f"{entry.id} under {each.condition!r}" if each.condition else entry.id
        assert render(now[1]) == (
            each.expected if what in left else render(each.exit.observation.story)
        )
    for entry in entries:
        changed = {c.index for c in found.changes if c.entry == entry}
        for index, (condition, text) in enumerate(entry.stories):
            if index not in changed:
                assert (condition, text) in after[entry.id].stories
    assert outside(module.read_text()) == outside(source)
    again = decide(after.values(), told)
    assert again.changes == ()
    if not found.changes:
        assert module.read_text() == source


@BOUNDED
@given(data=st.data())
def test_literals_that_nothing_new_was_said_about_stay_to_the_byte(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    module = tmp_path_factory.mktemp("cases") / "family.py"
    entry_of(module, data.draw(sources("one")), data.draw(sources("two")))
    source = module.read_text()
    one, two = read_module(module)
    told = tell(data, one)
    write(decide([one, two], told))
    kept = segments(source)[len(one.stories) :]
    assert segments(module.read_text())[-len(two.stories) :] == kept


def expectations(source: str) -> list[str]:
    """What is expected, as it is written, keyword included."""
    return [
        ast.get_source_segment(source, node) or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.keyword) and node.arg == "expect"
    ]


MODULES = sorted(set(catalog.CASES.glob("*.py")) - {catalog.CASES / "__init__.py"})


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.stem)
def test_the_catalog_can_be_blanked_and_told_anew(file: Path, tmp_path: Path) -> None:
    copy, source = tmp_path / file.name, file.read_text()
    for expect in expectations(source):
        source = source.replace(expect, 'expect=""', 1)
    copy.write_text(source)
    blank = read_module(copy)
    assert {text for entry in blank for _, text in entry.stories} == {""}
    told = [
        result(drafted, catalog.expected(entry, v.settings, VERSIONS)[1], v.id)
        for entry, drafted in zip(read_module(file), blank, strict=True)
        for v in variants(entry)
    ]
    found = decide(blank, told)
    assert found.refusals == ()
    write(found)
    assert len(lint(read_module(copy))) == len(lint(read_module(file)))
    for entry, again in zip(read_module(file), read_module(copy), strict=True):
        for v in variants(entry):
            stories = [catalog.expected(e, v.settings, VERSIONS)[1] for e in (entry, again)]
            assert stories[0] == stories[1], v.id


# whole runs, in a checkout of their own

NUMBERS = '''"""Do Python numbers cost the compilations that they must, and no more?"""

from __future__ import annotations

from harness.scenario import Subject, scenario


@scenario(
    ref="torch.compiler: recompilation / wrapping constants",
    needs=("symbolic_scalars",),
    axes={"dynamic": (None, True, False)},
    expect="",
)
def integers_become_dynamic(s: Subject) -> None:
    """Once an integer has varied, one graph serves all further integers."""
    add = s.compile(lambda x, n: x + n, dynamic=s.axis("dynamic"))
    for number in 2, 3, 4:
        add(s.randn(5), number)


@scenario(
    ref="torch.compiler: recompilation / wrapping constants",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    change: there is more
    calls 3-9: reuses, equals eager
    """,
)
def one_number(s: Subject) -> None:
    """A number that stays costs one graph."""
    add = s.compile(lambda x, n: x + n)
    for _ in range(4):
        add(s.randn(5), 1)
'''

ACCEPTED = '''
    expect={
        "dynamic=None": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        """,
        "dynamic=True": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        """,
        "otherwise": """
        calls 1-3: compiles, equals eager
        """,
    },
'''

SHRUNK = '''
    expect="""
    call 1: compiles, equals eager
    calls 2-4: reuses, equals eager
    """,
'''


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of Touchstone whose only scenarios have stories that nobody tells."""
    for name in "harness", "conformance", "reports":
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file in (*tmp_path.glob("conformance/cases/*.py"), *tmp_path.glob("conformance/known/*")):
        file.unlink()
    (tmp_path / "conformance/cases/__init__.py").touch()
    (tmp_path / "conformance/cases/numbers.py").write_text(NUMBERS)
    return tmp_path


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )


def test_a_record_of_a_run_is_accepted(checkout: Path) -> None:
    cases = checkout / "conformance/cases/numbers.py"
    ran = run(
        checkout, "conformance", "run", "--implementation=eager", "-n0", "--second-look=0", "-oout"
    )
    assert ran.returncode == 1, ran.stdout
    dry = run(checkout, "conformance", "accept", "out/record.jsonl", "--dry-run")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert (
        "-    calls 3-9: reuses, equals eager\n+    calls 2-4: reuses, equals eager" in dry.stdout
    )
    assert cases.read_text() == NUMBERS
    nobody = run(checkout, "conformance", "accept", "out/record.jsonl", "--select=letters/*")
    assert (nobody.returncode, nobody.stdout) == (4, "")
    assert "no scenario matches 'letters/*'" in nobody.stderr
    written = run(checkout, "conformance", "accept", "out/record.jsonl")
    assert (written.returncode, written.stderr) == (0, "")
    assert "conformance/cases/numbers.py:23: one_number has another story" in written.stdout
    assert ACCEPTED in cases.read_text()
    assert SHRUNK in cases.read_text()
    assert outside(cases.read_text()) == outside(NUMBERS)
    old = run(checkout, "conformance", "accept", "out/record.jsonl")
    assert old.returncode == 4
    assert "run again" in old.stderr


def test_pytest_accepts_what_all_tell_alike_and_then_conforms(checkout: Path) -> None:
    asked = ["pytest", "conformance/", "-n2", "--second-look=0", "--accept"]
    asked += ["--implementation=eager"]
    profile = checkout / "wrong.toml"
    backend = f'[environ]\nPYTHONPATH = "{Path(__file__).parent}"\n'
    profile.write_text(f'name = "wrong"\nbackend = "faults:wrong"\n{backend}')
    first = run(checkout, *asked, f"--implementation={profile}")
    assert first.returncode == 1, first.stdout
    assert re.search(
        r"refused numbers/one_number @ wrong: 'call 1: compiles, differs from eager in value of result' is no "
        r"promise, .*; record it as a known deviation",
        first.stdout,
    )
    assert "review it with `git diff`, then run again" in first.stdout
    text = (checkout / "conformance/cases/numbers.py").read_text()
    assert ACCEPTED in text
    assert SHRUNK in text
    again = run(checkout, *asked)
    assert again.returncode == 0, again.stdout
    assert "every story is as it was told" in again.stdout
