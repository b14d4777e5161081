"""The command `touchstone`, for people outside pytest.

Knows its subcommands and turns them into pytest runs, catalog queries and reports. With the pytest glue, the
only module that brings all packages together.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import pytest
from tabulate import tabulate

from conformance import survey
from conformance.session import MODES
from harness import __version__, catalog, plan
from harness.catalog import CatalogError, Entry
from harness.implementations import DEFAULTS, ProfileError, shipped
from harness.judge import Terms, promises
from harness.lint import lint
from harness.needs import NEEDS
from harness.record import RecordError, combine, read
from harness.story import Tier, parse
from reports import html, text

HERE = Path(__file__).resolve().parent

#: Exit codes, as docs/exit-codes.md explains them; 2 is pytest's for an interrupted run.
OK, BROKEN, BUG, USAGE, EMPTY = 0, 1, 3, 4, 5

_EXIT_CODES = """exit codes:
  0  every promise kept        1  a promise broken          2  interrupted
  3  Touchstone itself failed  4  the request makes no sense  5  nothing to judge
"""

_RUN_EXAMPLES = """examples:
  touchstone run                                     every scenario on eager, aot_eager and inductor
  touchstone run --implementation eager              on one implementation
  touchstone run 'aliasing/*' -n 0                   one family, in one process
  touchstone run 'recompiles/sizes_become_dynamic[dynamic=None,automatic=True,static=True]'
  touchstone run --implementation my_backend.toml    on a backend of your own, by its profile
  touchstone run --implementation pkg.module:compile on a backend of your own, by its function
  touchstone run --matrix ends 'recompiles/*'        on several releases of torch, each in its own environment
  touchstone run -- -x --durations=10                with further arguments for pytest

"""


class UsageError(Exception):
    """The request makes no sense; the message says what to ask for instead."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; returns the exit code."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = asked.command
    try:
        return command(asked)
    except (UsageError, ProfileError, RecordError, CatalogError) as error:
        print(f"touchstone: {error}", file=sys.stderr)  # noqa: T201 - a command speaks
        return USAGE
    except BrokenPipeError:
        sys.stderr.close()
        return OK
    except OSError as error:
        print(f"touchstone: {error.filename or 'a file'}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return USAGE


class _Parser(argparse.ArgumentParser):
    """Ends with our exit code, because argparse's own means an interrupted run here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="touchstone",
        description="Judge implementations of torch.compile by the promises its users rely on.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"touchstone {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_list(commands)
    _add_show(commands)
    _add_report(commands)
    survey.add(functools.partial(_add, commands))
    return parser


def _add(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    summary: str,
    examples: str,
    command: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=command)
    return parser


def _add_run(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _add(
        commands,
        "run",
        "run scenarios, judge implementations, and write record.jsonl and index.html",
        _RUN_EXAMPLES + _EXIT_CODES,
        _run,
    )
    parser.add_argument("select", nargs="*", metavar="GLOB", help="ids to run (default: all)")
    parser.add_argument(
        "--implementation",
        action="append",
        metavar="NAME",
        help=f"repeat for several; shipped are {', '.join(shipped())} (default: {', '.join(DEFAULTS)})",
    )
    parser.add_argument(
        "--matrix", metavar="NAME", help="the implementations that matrix.toml lists by this name"
    )
    parser.add_argument(
        "-o",
        "--output",
        default="touchstone-report",
        metavar="DIR",
        help="default: touchstone-report",
    )
    parser.add_argument(
        "-n",
        "--workers",
        default="auto",
        metavar="N",
        help="processes, or 0 for none (default: auto)",
    )
    parser.add_argument("--isolation", choices=MODES, default="fork", help="default: fork")
    parser.add_argument(
        "--time-limit", default="60", metavar="SECONDS", help="for one trial (default: 60)"
    )
    parser.add_argument("--shuffle", metavar="SEED", help="run in a random order")
    parser.add_argument(
        "--strict", action="store_true", help="also fail on MAY promises and on improvements"
    )


def _run(asked: argparse.Namespace) -> int:
    select = [each for each in asked.select if not each.startswith("-")]
    passed_on = [each for each in asked.select if each.startswith("-")]
    entries = _well_formed()
    for pattern in select:
        if not any(plan.selects(pattern, e, v) for e in entries for v in catalog.variants(e)):
            hint = plan.near(pattern, entries)
            raise UsageError(f"no scenario matches {pattern!r}{hint}; `touchstone list` shows all")
    arguments = [
        str(HERE / "cases"),
        *("-c", str(HERE / "touchstone.ini"), f"--rootdir={HERE.parent}"),
        *("-p", "no:cacheprovider", f"--report={asked.output}", f"--isolation={asked.isolation}"),
        *("-n", asked.workers, "--dist=worksteal", f"--time-limit={asked.time_limit}"),
        *(f"--implementation={name}" for name in asked.implementation or ()),
        *([f"--matrix={asked.matrix}"] if asked.matrix else []),
        *(f"--select={pattern}" for pattern in select),
        *([f"--shuffle={asked.shuffle}"] if asked.shuffle else []),
        *(["--strict-verdicts"] if asked.strict else []),
        *passed_on,
    ]
    return int(pytest.main(arguments))


def _well_formed() -> list[Entry]:
    entries = catalog.read()
    problems = lint(entries)
    if problems:
        raise CatalogError(problems)
    return entries


def _add_list(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _add(
        commands,
        "list",
        "list scenarios, by id, family, tier or need",
        "examples:\n  touchstone list\n  touchstone list 'aliasing/*' --json\n"
        "  touchstone list --tier may --need fullgraph\n",
        _list,
    )
    parser.add_argument("select", nargs="*", metavar="GLOB", help="ids (default: all)")
    parser.add_argument("--family", action="append", metavar="NAME", help="repeat for several")
    parser.add_argument("--tier", choices=[str(tier) for tier in Tier if tier is not Tier.DIVERGE])
    parser.add_argument("--need", choices=list(NEEDS))
    parser.add_argument("--json", action="store_true", help="for programs")


def _list(asked: argparse.Namespace) -> int:
    entries = _well_formed()
    families = sorted({entry.family for entry in entries})
    for family in asked.family or ():
        if family not in families:
            raise UsageError(f"there is no family {family!r}; there are {', '.join(families)}")
    chosen = [
        entry
        for entry in entries
        if (not asked.family or entry.family in asked.family)
        and (not asked.need or asked.need in entry.needs)
        and (not asked.tier or asked.tier in tiers(entry))
        and _selected(asked.select, entry)
    ]
    if not chosen:
        raise UsageError("no scenario is like that; `touchstone list` shows all")
    if asked.json:
        print(json.dumps([listing(entry) for entry in chosen], indent=2))  # noqa: T201
        return OK
    rows = [
        (entry.id, len(catalog.variants(entry)), " ".join(tiers(entry)), entry.claim)
        for entry in chosen
    ]
    print(  # noqa: T201 - a command speaks
        tabulate(
            rows,
            ["id", "variants", "tiers", "claim"],
            tablefmt="simple",
            maxcolwidths=[None, None, None, 70],
        )
    )
    return OK


def _selected(patterns: Sequence[str], entry: Entry) -> bool:
    return not patterns or any(
        plan.selects(pattern, entry, variant)
        for pattern in patterns
        for variant in catalog.variants(entry)
    )


def tiers(entry: Entry) -> list[str]:
    """The tiers that a scenario has promises of."""
    own = {facet: Tier(word.partition(":")[0]) for facet, word in entry.tiers.items()}
    stories = [parse(story) for _, story in entry.stories]
    found = {tier for story in stories for tier in promises(Terms(story, own))}
    return [str(tier) for tier in Tier if tier in found]


def listing(entry: Entry) -> dict[str, object]:
    """What `list --json` says of a scenario."""
    value = dataclasses.asdict(dataclasses.replace(entry, body=None))  # type: ignore[arg-type]
    del value["body"], value["source"], value["spans"]
    return {
        **value,
        "id": entry.id,
        "file": str(entry.file),
        "tiers_promised": tiers(entry),
        "variants": [variant.id for variant in catalog.variants(entry)],
        "stories": [{"condition": condition, "story": story} for condition, story in entry.stories],
    }


def _add_show(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _add(
        commands,
        "show",
        "show one scenario: its claim, source and stories",
        "examples:\n  touchstone show recompiles/sizes_become_dynamic\n",
        _show,
    )
    parser.add_argument("id", metavar="ID")


def _show(asked: argparse.Namespace) -> int:
    entries = catalog.read()
    name = asked.id.partition("[")[0]
    entry = next((e for e in entries if name in (e.id, *e.formerly)), None)
    if entry is None:
        raise UsageError(
            f"there is no scenario {asked.id!r}{plan.near(asked.id, entries)}; `touchstone list` shows all"
        )
    print(text.scenario(entry, tiers(entry)))  # noqa: T201 - a command speaks
    return OK


def _add_report(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _add(
        commands,
        "report",
        "make the page and the table of records again",
        "examples:\n  touchstone report touchstone-report/record.jsonl -o page\n"
        "  touchstone report eager.jsonl mine.jsonl -o page\n",
        _report,
    )
    parser.add_argument("record", nargs="+", type=Path, metavar="RECORD")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")


def _report(asked: argparse.Namespace) -> int:
    record = combine([read(path) for path in asked.record])
    page = html.write(record, asked.output)
    print(text.summary(record))  # noqa: T201 - a command speaks
    print(f"report: {page}")  # noqa: T201 - likewise
    return OK
