"""The subcommand that certifies determinism: the same trials under conditions that must not matter.

Knows how a condition becomes a run of its own, and where the certificate goes. Must not compare.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance import conditions
from conformance.commands.common import (
    Commands,
    UsageError,
    add_workers,
    check_selects,
    well_formed,
)
from conformance.conditions import ConditionError
from conformance.exits import BROKEN, BUG, EMPTY, INTERRUPTED, OK
from conformance.speech import say, tell
from harness.certificate import Certificate, Condition, certify, to_json
from harness.implementations import chosen
from harness.model import Implementation, Verdict
from harness.record import Record, read

_EXAMPLES = """examples:
  touchstone certify                                            every scenario on eager, under all conditions but spawn
  touchstone certify 'recompiles/*' --implementation inductor   one family on another implementation
  touchstone certify 'aliasing/*' --condition usual --condition spawn

exit codes:
  0  every trial told the same story, had the same verdict and signature    1  one did not
  2  interrupted    3  Touchstone itself failed in a trial
  4  the request makes no sense, or a run could not take place    5  nothing to run
"""


def add(commands: Commands) -> None:
    """Add the subcommand."""
    parser = commands.add(
        "certify",
        "run scenarios under several hash seeds, thread counts, locales and orders, and compare what they tell",
        _EXAMPLES,
        _certify,
    )
    parser.add_argument("select", nargs="*", metavar="GLOB", help="ids to run (default: all)")
    parser.add_argument(
        "--implementation",
        action="append",
        metavar="NAME",
        help="as for `touchstone run`; repeat for several (default: eager)",
    )
    parser.add_argument(
        "--condition",
        action="append",
        choices=conditions.NAMES,
        help=f"repeat for several (default: {', '.join(conditions.DEFAULTS)})",
    )
    add_workers(parser, "processes of each run (default: auto)")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("touchstone-certificate"),
        metavar="DIR",
        help="where certificate.json and the records go (default: touchstone-certificate)",
    )


def _certify(asked: argparse.Namespace) -> int:
    check_selects(asked.select, well_formed())
    judged = chosen(asked.implementation or ("eager",))
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as temporary:
        provided = list(_provided(asked.condition or conditions.DEFAULTS, Path(temporary)))
        if len(provided) < 2:  # noqa: PLR2004 - a pair
            raise UsageError("one condition has nothing to be compared with; give another")
        runs: dict[str, Record] = {}
        for condition in provided:
            tell(f"{condition.name}: {condition.what}")
            try:
                status = _run(condition, judged, asked)
            except KeyboardInterrupt:
                status = INTERRUPTED
            if status in (INTERRUPTED, EMPTY):
                tell(f"the run under the condition {condition.name!r} ended with status {status}")
                return status
            runs[condition.name] = read(asked.output / condition.name / "record.jsonl")
            tell(_came_to(runs[condition.name]))
    found = certify(runs)
    _write(asked.output / "certificate.json", found, provided, runs)
    for deviation in found.deviations:
        say(str(deviation))
    say(str(found))
    say(f"certificate: {asked.output / 'certificate.json'}")
    if any(r.judgement.verdict is Verdict.BUG for run in runs.values() for r in run.results):
        return BUG
    return BROKEN if found.deviations else OK


def _provided(names: Sequence[str], temporary: Path) -> Iterator[Condition]:
    """The conditions that this machine can provide; says why it cannot provide the others."""
    for name in dict.fromkeys(names):
        try:
            yield conditions.find(name, temporary)
        except ConditionError as error:
            tell(f"the condition {name!r} is left out: {error}")


def _run(condition: Condition, judged: Sequence[Implementation], asked: argparse.Namespace) -> int:
    """Run everything under one condition, in a process of its own; returns its exit status.

    Raises:
        UsageError: the run could not take place.
    """
    folder = asked.output / condition.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.jsonl").unlink(missing_ok=True)
    profiles = [_profile(condition, each, folder) for each in judged]
    command = [
        *(sys.executable, "-m", "conformance", "run", *asked.select, "-o", str(folder)),
        *("-n", asked.workers, "--isolation", condition.isolation),
        *(f"--implementation={profile}" for profile in profiles),
        *(["--shuffle", str(condition.shuffle)] if condition.shuffle is not None else []),
    ]
    printed = folder / "output.txt"
    with (
        printed.open("wb") as sink,
        subprocess.Popen(  # noqa: S603 - ourselves
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, **condition.environ},
        ) as process,
    ):
        try:
            status = process.wait()
        except BaseException:
            process.terminate()
            raise
    if status not in (OK, BROKEN, BUG, INTERRUPTED, EMPTY) or (
        status == BUG and not (folder / "record.jsonl").exists()
    ):
        said = printed.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = said[-1] if said else "it printed nothing"
        raise UsageError(
            f"the run under the condition {condition.name!r} could not take place: {last}; {printed} has the rest"
        )
    return status


def _profile(condition: Condition, implementation: Implementation, folder: Path) -> Path:
    """A profile of the same implementation whose processes have the condition's variables."""
    asked = implementation.argument
    is_file = asked.endswith(".toml")
    if is_file:
        asked = str(Path(asked).absolute())
    rows = {
        "name": implementation.name,
        "backend" if ":" in asked and not is_file else "extends": asked,
        "modules": [*implementation.modules, *condition.modules],
        "environ": dict(condition.environ),
    }
    environ = rows.pop("environ")
    assert isinstance(environ, dict)
    text = [f"{key} = {json.dumps(value)}" for key, value in rows.items()]
    text += ["[environ]", *(f"{key} = {json.dumps(value)}" for key, value in environ.items())]
    file = folder / f"{implementation.name}.toml"
    file.write_text("\n".join(text) + "\n", encoding="utf-8")
    return file


def _came_to(record: Record) -> str:
    counts = ", ".join(f"{n} {verdict}" for verdict, n in record.footer["verdicts"].items())
    return f"  {len(record.results)} results: {counts}; {record.footer['seconds']:.0f} s"


def _write(
    file: Path,
    found: Certificate,
    provided: Sequence[Condition],
    runs: dict[str, Record],
) -> None:
    value = to_json(found, provided, runs)
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
