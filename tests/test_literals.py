from __future__ import annotations

import ast
import shutil
import subprocess
import textwrap

import pytest
from conftest import HANGS

from harness.literals import Changes, canonical, rewrite, write
from harness.story import parse, render

OLD = "call 1: compiles, equals eager\n"
GROWN = 'calls 1-3: compiles, equals eager\nchange: it\'s "quoted"\n'
BLOCK = render(parse("graph (may) =\n    def f():\n\n        return '\\n'\n"))

PLAIN = '''
@scenario(
    ref="a page",  # ünïcode counts bytes, not characters
    expect="""
    call 1: compiles, equals eager
    """,
)
def one(s: Subject) -> None:
    """A fact."""
'''
TABLE = '''
@scenario(
    expect={
        # why this is so
        "a=1": """
        call 1: compiles, equals eager
        """,
        "otherwise": """
        call 1: reuses, equals eager
        """,
    },
)
def one(s: Subject) -> None:
    """A fact."""
'''


def expect(source: str) -> object:
    """What a module's one scenario expects."""
    function = ast.parse(source).body[-1]
    assert isinstance(function, ast.FunctionDef)
    assert isinstance(function.decorator_list[0], ast.Call)
    keywords = {each.arg: each.value for each in function.decorator_list[0].keywords}
    return ast.literal_eval(keywords["expect"])


def test_a_literal_is_laid_out_like_the_code_around_it() -> None:
    assert write("one\n\ntwo\n", "    ") == '"""\n    one\n\n    two\n    """'
    assert write("", "    ") == '""'


@pytest.mark.parametrize("story", [OLD, GROWN, BLOCK, "a = \\\n", 'b = """\n', 'c = x"\n'])
def test_what_is_written_is_read_again(story: str) -> None:
    assert render(parse(ast.literal_eval(write(story, "        ")))) == story


def test_a_story_grows_and_shrinks_and_nothing_else_moves() -> None:
    grown = rewrite(PLAIN, {"one": {0: [("", GROWN)]}})
    old, new = PLAIN.splitlines(), grown.splitlines()
    assert len(new) == len(old) + 1
    assert new[4:6] == ["    calls 1-3: compiles, equals eager", '    change: it\'s "quoted"']
    assert (new[:4], new[6:]) == (old[:4], old[5:])
    assert rewrite(grown, {"one": {0: [("", OLD)]}}) == PLAIN


def test_a_placeholder_becomes_a_block() -> None:
    for blank in '""', "''", '"""\n    """':
        source = PLAIN.replace('"""\n    call 1: compiles, equals eager\n    """', blank, 1)
        assert rewrite(source, {"one": {0: [("", OLD)]}}) == PLAIN


def test_a_story_with_a_condition_becomes_a_table() -> None:
    found = rewrite(PLAIN, {"one": {0: [("torch>=2.15", GROWN), ("", OLD)]}})
    wanted = '''
    expect={
        "torch>=2.15": """
        calls 1-3: compiles, equals eager
        change: it's "quoted"
        """,
        "otherwise": """
        call 1: compiles, equals eager
        """,
    },
'''
    assert wanted in found


def test_a_new_condition_stands_above_the_old_one_and_the_comment_on_it() -> None:
    found = rewrite(TABLE, {"one": {0: [("a=1, torch<2.13", GROWN), ("a=1", OLD)]}})
    wanted = '''
    expect={
        "a=1, torch<2.13": """
        calls 1-3: compiles, equals eager
        change: it's "quoted"
        """,
        # why this is so
        "a=1": """
        call 1: compiles, equals eager
        """,
        "otherwise": """
'''
    assert wanted in found


def test_several_stories_of_a_table_change_at_once() -> None:
    changes: Changes = {
        "one": {0: [("a=1", GROWN)], 1: [("a=2", OLD), ("otherwise", BLOCK)]},
    }
    found = expect(rewrite(TABLE, changes))
    assert isinstance(found, dict)
    told = {condition: canonical(text) for condition, text in found.items()}
    assert list(told.items()) == [("a=1", GROWN), ("a=2", OLD), ("otherwise", BLOCK)]


def test_a_table_on_one_line_is_laid_out() -> None:
    source = textwrap.dedent(
        '''
        @scenario(
            expect={"a=1": "", "otherwise": "call 1: reuses, equals eager"},
        )
        def one(s: Subject) -> None:
            """A fact."""
        '''
    )
    found = rewrite(source, {"one": {0: [("a=1", OLD)]}})
    assert found == TABLE.replace("        # why this is so\n", "")


def test_a_table_whose_first_story_stands_on_the_line_of_expect_is_laid_out() -> None:
    old = '''expect={"a=1": """
          calls 1-2: compiles, equals eager
       """, "otherwise": ""}'''
    source = f'@scenario({old})\ndef one(s: Subject) -> None:\n    """A fact."""\n'
    found = expect(rewrite(source, {"one": {1: [("otherwise", OLD)]}}))
    assert found == {
        "a=1": "\n    call 1: compiles, equals eager\n    call 2: compiles, equals eager\n    ",
        "otherwise": "\n    call 1: compiles, equals eager\n    ",
    }


def test_columns_are_counted_in_characters() -> None:
    source = '@scenario(ref="ünïcode", expect="", seed=())\ndef one(s): ...\n'
    wanted = source.replace('expect=""', 'expect="""\n' + OLD + '"""')
    assert rewrite(source, {"one": {0: [("", OLD)]}}) == wanted


def test_a_story_that_stays_keeps_its_own_way_of_writing() -> None:
    source = TABLE.replace("reuses, equals eager", "reuses, equals eager\n\n\n     ")
    found = rewrite(
        source, {"one": {1: [("a=2", OLD), ("otherwise", "call 1: reuses, equals eager\n")]}}
    )
    above = '        "a=2": """\n        call 1: compiles, equals eager\n        """,\n'
    assert found == source.replace('        "otherwise"', above + '        "otherwise"')


def test_only_the_scenario_that_is_meant_changes() -> None:
    other = PLAIN.replace("def one", "def other")
    changes: Changes = {"one": {0: [("", GROWN)]}}
    assert rewrite(other + PLAIN, changes) == other + rewrite(PLAIN, changes)
    assert rewrite(PLAIN + other, changes) == rewrite(PLAIN, changes) + other
    assert rewrite(PLAIN, {}) == PLAIN


@pytest.mark.skipif(not shutil.which("ruff"), reason="ruff is a dependency of the lint group")
@pytest.mark.parametrize("story", [OLD, GROWN, BLOCK])
@pytest.mark.parametrize("source", [PLAIN, TABLE])
def test_the_formatter_agrees_with_the_layout(source: str, story: str) -> None:
    for pairs in [("", story)], [("a=2, torch<2.13", story), ("", story)]:
        written = rewrite(source, {"one": {0: pairs}}).lstrip()
        formatted = subprocess.run(
            ["ruff", "format", "--isolated", "--line-length=100", "-"],  # noqa: S607 - as found above
            input=written,
            capture_output=True,
            text=True,
            timeout=HANGS,
            check=True,
        )
        assert formatted.stdout == written
