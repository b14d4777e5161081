"""Changes as one self-contained page, in the look of the report and without any script.

Knows which template and styles the page is made of. Must not compare, sort, or trust a text of a record: the
template escapes it.
"""

from __future__ import annotations

from markupsafe import Markup

from reports.changes import MEANING, Comparison
from reports.html import asset, environment, policy


def render(comparison: Comparison) -> str:
    """The page's text. The same comparison gives the same text."""
    style = f"{asset('page.css')}{asset('changes.css')}"
    page = (
        environment()
        .get_template("changes.html")
        .render(
            policy=policy(style),
            style=Markup(style),  # noqa: S704 - our own file
            comparison=comparison,
            meaning=MEANING,
        )
    )
    return page.encode("utf-8", "replace").decode("utf-8")
