"""Texts that came from elsewhere, as a terminal or a log may be given them: everything shows and nothing acts.

Knows characters that terminals obey and words that CI systems obey. Must not know where a text comes from.
"""

from __future__ import annotations

import re

#: How GitHub and Azure write commands into a log: at the beginning of a line, and older ones anywhere.
_AT_THE_BEGINNING = re.compile(r"^(\s*)::", re.MULTILINE)
_ANYWHERE = re.compile(r"##(?=\[|vso\[)")


def visible(text: str) -> str:
    r"""The same text, with each character that does not show written as an escape, such as `\x1b` or `\u202e`.

    Ends of lines and tabs stay; what a CI system would take for a command gets a backslash.
    """
    text = _AT_THE_BEGINNING.sub(r"\1\\::", text)
    text = _ANYWHERE.sub(r"#\\#", text)
    if text.isprintable():
        return text
    return "".join(
        each if each in "\n\t" or each.isprintable() else ascii(each)[1:-1] for each in text
    )


def line(text: str) -> str:
    """The same text on one line."""
    return visible(" ".join(text.split()))
