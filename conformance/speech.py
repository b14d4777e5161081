"""What commands and runs say to whoever called them. Near side.

Knows the two streams. Must not know what is said.
"""

from __future__ import annotations

import sys

from reports.visible import visible


def say(line: str) -> None:
    """Say something that was asked for."""
    print(visible(line), flush=True)  # noqa: T201 - a command speaks


def tell(line: str) -> None:
    """Say something beside what was asked for, such as what is going on."""
    print(visible(f"touchstone: {line}"), file=sys.stderr, flush=True)  # noqa: T201 - likewise
