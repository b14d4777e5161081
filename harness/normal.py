"""Normal texts: what a program printed, without what is different the next time. Far side.

Knows what varies in texts that Python and torch print: addresses, places of files, lines, versions, and names
that are made up on the way. Must not know scenarios. A normal text is its own normal text.
"""

from __future__ import annotations

import re
import tempfile
import textwrap

TEMPORARY = "<temporary file>"

_QUOTED = r'(?<=")(?:/[\w.~+-](?:[\w.~+ -]*[\w.~+-])?){2,}(?=")'
_BARE = r"(?<![\w.~+/>-])(?:/[\w.~+-]+){2,}"
_PATH = re.compile(f"{_QUOTED}|{_BARE}")
#: What leads to a file: the folder that its package is installed in, or the one that we are in.
_ROOT = re.compile(r".*/(?:(?:site|dist)-packages/|python3\.\d+/|(?=conformance/))(?=.)")
_TEMPORARY = (f"{tempfile.gettempdir()}/", "/tmp/", "/var/tmp/")  # noqa: S108 - looked for, not used

_SYMBOL = re.compile(r"\b(zuf|zf|s|u)\d+\b")
#: Below a line of code, from Python 3.11 on; what exactly is marked differs between versions.
_MARKER = re.compile(r"^[ \t]+~*\^[~^]*$\n?", re.MULTILINE)
_VARYING = (
    (re.compile(r"\b0x[0-9a-fA-F]{6,}\b"), "0x..."),
    (re.compile(r"<eval_with_key>(?:\.\d+)+"), "<eval_with_key>"),
    (re.compile(r'(", line |\.py:)\d+\b'), r"\1N"),
    (re.compile(r"\b(torch_dynamo_resume_in_\w+?_at_)\d+\b"), r"\1N"),
    (re.compile(r"(?<![\w.])\d+(?:\.\d+){2,}(?:\.?(?:a|b|rc|dev)\d+)*(?:\+[\w.]+)?\b"), "VERSION"),
)


def normalise(text: str) -> str:
    """The text with placeholders for all that another run, machine or version of Python would change.

    A file is named from its package on, symbols are counted in the order in which they appear, the marks below
    lines of code are left out; so are blanks at the ends of lines, common indentation, and blank lines around.
    """
    text = _PATH.sub(_place, "\n".join(line.rstrip() for line in text.split("\n")))
    for varying, placeholder in _VARYING:
        text = varying.sub(placeholder, text)
    return textwrap.dedent(_renumber(_MARKER.sub("", text))).strip("\n")


def _place(path: re.Match[str]) -> str:
    """A path as every machine has it: from its package on, or else the last name."""
    if root := _ROOT.match(path[0]):
        return path[0][root.end() :]
    if path[0].startswith(_TEMPORARY):
        return TEMPORARY
    return path[0].rpartition("/")[2]


def _renumber(text: str) -> str:
    """The text with its symbols, such as s77 and u0, counted in the order in which they appear."""
    numbers: dict[str, dict[str, int]] = {}

    def number(symbol: re.Match[str]) -> str:
        known = numbers.setdefault(symbol[1], {})
        return f"{symbol[1]}{known.setdefault(symbol[0], len(known))}"

    return _SYMBOL.sub(number, text)
