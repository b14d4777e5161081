"""Literals: the stories in the source of a module, and that source with other stories in it.

Knows how `expect` is laid out. Must not know why a story changes, and touches no file.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from expecttest import nth_eol, nth_line, replace_string_literal

from harness.condition import OTHERWISE
from harness.story import StoryError, parse, render

#: For scenarios, by name, and their stories, by position: the conditions and stories to have instead. The last
#: of them has the condition that is there already.
Changes = Mapping[str, Mapping[int, Sequence[tuple[str, str]]]]
Edit = tuple[int, int, str]

_STEP = "    "


def rewrite(source: str, changes: Changes) -> str:
    """The source with these stories; everything else in it stays as it is, to the byte."""
    edits = [
        edit
        for name, node in _expectations(source)
        if name in changes
        for edit in _edits(source, node, changes[name])
    ]
    for start, end, text in sorted(edits, reverse=True):
        source = source[:start] + text + source[end:]
    return source


def canonical(text: str) -> str:
    """The story that a literal has, as it would be told; a literal that has none stays as it is."""
    try:
        return render(parse(text))
    except StoryError:
        return text


def write(story: str, indent: str) -> str:
    """A story as a literal that begins on a line with this indentation."""
    if not story:
        return '""'
    rows = [f"{indent}{row}" if row else "" for row in story.removesuffix("\n").split("\n")]
    # expecttest escapes what has to be; the line continuation that it begins with is not our layout.
    literal, _ = replace_string_literal('""""""', 1, 1, "\n".join([*rows, indent]))
    return str(literal).replace("\\\n", "\n", 1)


def _expectations(source: str) -> Iterator[tuple[str, ast.expr]]:
    """The name of each scenario, and the expression behind its `expect`."""
    for function in ast.parse(source).body:
        for call in getattr(function, "decorator_list", ()):
            match call:
                case ast.Call(func=ast.Name(id="scenario"), keywords=keywords):
                    assert isinstance(function, ast.FunctionDef | ast.ClassDef)
                    yield from ((function.name, k.value) for k in keywords if k.arg == "expect")


def _edits(
    source: str, node: ast.expr, changes: Mapping[int, Sequence[tuple[str, str]]]
) -> Iterator[Edit]:
    """What to put where in one `expect`: offsets of start and end, and the text between them."""
    if not isinstance(node, ast.Dict):
        pairs = changes[0]
        indent = _indent(source, node.lineno)
        text = write(pairs[0][1], indent) if len(pairs) == 1 else _table(pairs, indent)
        yield (*_place(source, node), text)
    elif all(key and _opens_its_line(source, key) for key in node.keys):
        for index, (*added, (_, story)) in changes.items():
            key, value = node.keys[index], node.values[index]
            assert key is not None
            yield from _insert(source, key.lineno, added)
            if story != canonical(ast.literal_eval(value)):
                yield (*_place(source, value), write(story, _indent(source, value.lineno)))
    else:
        old = ast.literal_eval(node)
        pairs = [
            pair
            for index, (condition, text) in enumerate(old.items())
            for pair in changes.get(index, [(condition, canonical(text))])
        ]
        yield (*_place(source, node), _table(pairs, _indent(source, node.lineno)))


def _insert(source: str, line: int, pairs: Sequence[tuple[str, str]]) -> Iterator[Edit]:
    """Further stories above the one on this line, and above the comment that explains it."""
    indent = _indent(source, line)
    while _row(source, line - 1).lstrip().startswith("#"):
        line -= 1
    start = nth_line(source, line)
    if pairs:
        yield start, start, "".join(_rows(pairs, indent))


def _table(pairs: Sequence[tuple[str, str]], indent: str) -> str:
    return "".join(["{\n", *_rows(pairs, indent + _STEP), indent, "}"])


def _rows(pairs: Iterable[tuple[str, str]], indent: str) -> Iterator[str]:
    for condition, story in pairs:
        key = json.dumps(condition or OTHERWISE)
        yield f"{indent}{key}: {write(story, indent)},\n"


def _place(source: str, node: ast.expr) -> tuple[int, int]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return (
        _offset(source, node.lineno, node.col_offset),
        _offset(source, node.end_lineno, node.end_col_offset),
    )


def _offset(source: str, line: int, column: int) -> int:
    """Where a place of the syntax tree is in the text: its columns count bytes."""
    return int(nth_line(source, line)) + len(_row(source, line).encode()[:column].decode())


def _opens_its_line(source: str, node: ast.expr) -> bool:
    return node.col_offset == len(_indent(source, node.lineno))


def _indent(source: str, line: int) -> str:
    row = _row(source, line)
    return row[: len(row) - len(row.lstrip())]


def _row(source: str, line: int) -> str:
    return source[nth_line(source, line) : nth_eol(source, line)]
