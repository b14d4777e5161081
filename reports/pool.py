"""The values of a page's data, each long one written once.

Knows JSON values, and what texts of records have in common. Must not know records.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

#: Texts shorter than this are written where they are used; longer ones once, and referred to.
_SHORT = 24


class Pool:
    """Long values, each written once: {"$": n} stands for entry n.

    An entry is a string, a list of entries that are the lines of a text (guards of different
    compilations share most of theirs), or {"v": value}. A key that begins with "$"
    gets another one.
    """

    def __init__(self) -> None:
        self.entries: list[object] = []
        self._places: dict[str, int] = {}
        self._shared: dict[str, int] = {}

    def put(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """The value with its long texts replaced."""
        match value:
            case str():
                return self._text(value)
            case float() if not math.isfinite(value):
                return str(value)
            case Mapping():
                return {key_of(key): self.put(each) for key, each in value.items()}
            case list() | tuple():
                return [self.put(each) for each in value]
            case _:
                return value

    def share(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """The value, itself replaced if it is long."""
        made = self.put(value)
        text = json.dumps(made)
        if isinstance(made, str) or len(text) < _SHORT:
            return made
        if text not in self._shared:
            self._shared[text] = len(self.entries)
            self.entries.append({"v": made})
        return {"$": self._shared[text]}

    def _text(self, text: str) -> object:
        if len(text) < _SHORT:
            return text
        if text not in self._places:
            entry = [self._line(line) for line in text.split("\n")] if "\n" in text else text
            self._places[text] = len(self.entries)
            self.entries.append(entry)
        return {"$": self._places[text]}

    def _line(self, line: str) -> int:
        if line not in self._places:
            self._places[line] = len(self.entries)
            self.entries.append(line)
        return self._places[line]


def key_of(key: object) -> str:
    """A key that is not taken for a reference."""
    return f"${key}" if str(key).startswith("$") else str(key)
