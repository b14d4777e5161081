"""The subcommand that runs scenarios.

Knows how a request becomes a pytest run. Must not judge; the pytest glue does.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from conformance import __file__ as _package
from conformance.commands.common import (
    EXIT_CODES,
    Commands,
    add_implementations,
    add_workers,
    check_selects,
    well_formed,
)
from conformance.request import SECOND_LOOK
from conformance.session import MODES

HERE = Path(_package).resolve().parent

_RUN_EXAMPLES = """examples:
  touchstone run                                     every scenario on eager, aot_eager and inductor
  touchstone run --implementation eager              on one implementation
  touchstone run 'aliasing/*' -n 0                   one family, in one process
  touchstone run 'recompiles/sizes_become_dynamic[dynamic=None,automatic=True,static=True]'
  touchstone run --implementation my_backend.toml    on a backend of your own, by its profile
  touchstone run --implementation pkg.module:compile on a backend of your own, by its function
  touchstone run --matrix ends 'recompiles/*'        on several releases of torch, each in its own environment
  touchstone run --shard 1/3 --durations last.jsonl  a third of it; `touchstone merge` makes one record of three
  touchstone run --resume touchstone-report/record.jsonl
                                                     what an interrupted run has left to do, as it was begun
  touchstone run --repeat 5 'backward_hooks/*'       with five attempts at each trial, to find what is flaky
  touchstone run -- -x --durations=10                with further arguments for pytest

"""


def add(commands: Commands) -> None:
    """Add the subcommand."""
    parser = commands.add(
        "run",
        "run scenarios, judge implementations, and write record.jsonl and index.html",
        _RUN_EXAMPLES + EXIT_CODES,
        _run,
    )
    parser.set_defaults(passed_on=())
    parser.add_argument("select", nargs="*", metavar="GLOB", help="ids to run (default: all)")
    add_implementations(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="default: touchstone-report, or the folder of the record that is resumed",
    )
    add_workers(parser, "processes, or 0 for none (default: auto)")
    parser.add_argument("--isolation", choices=MODES, help="default: fork")
    parser.add_argument("--time-limit", metavar="SECONDS", help="for one trial (default: 60)")
    parser.add_argument(
        "--memory-limit",
        metavar="GIB",
        help="for one trial (default: half of what the host has)",
    )
    parser.add_argument(
        "--known",
        action="append",
        metavar="FILE",
        help="known deviations of your own, as `touchstone known` writes them; repeat for several",
    )
    parser.add_argument(
        "--repeat", metavar="N", help="attempts at each trial; flaky is one whose attempts differ"
    )
    parser.add_argument(
        "--second-look",
        metavar="SECONDS",
        help=f"for looking again at what was unexpected, alone and in a fresh interpreter (default: {SECOND_LOOK:g})",
    )
    parser.add_argument("--shuffle", metavar="SEED", help="run in a random order")
    parser.add_argument(
        "--shard", metavar="I/N", help="run one of N parts of the plan, such as 1/3, 2/3 and 3/3"
    )
    parser.add_argument(
        "--durations",
        metavar="RECORD",
        help="an earlier record of any of it, so that the parts take equally long",
    )
    parser.add_argument(
        "--resume",
        metavar="RECORD",
        help="complete the record of an interrupted run; what was asked for is in it, but for -o, -n and --strict",
    )
    parser.add_argument(
        "--update",
        metavar="RECORD",
        help="bring a record up to the catalog of today: run only what is new, or runs or expects something else",
    )
    parser.add_argument(
        "--strict", action="store_true", help="also fail on MAY promises and on improvements"
    )


def _run(asked: argparse.Namespace) -> int:
    check_selects(asked.select, well_formed())
    arguments = [
        str(HERE / "cases"),
        *("-c", str(HERE / "touchstone.ini"), f"--rootdir={HERE.parent}"),
        # Plugins of the user's own tests would take part, and some import much.
        *("--disable-plugin-autoload", "-p", "xdist.plugin", "-p", "no:cacheprovider"),
        *("-n", asked.workers, "--dist=worksteal"),
        *(f"--implementation={name}" for name in asked.implementation or ()),
        *(f"--select={pattern}" for pattern in asked.select),
        *(f"--known={file}" for file in asked.known or ()),
        *(f"{option}={value}" for option, value in _single(asked).items() if value is not None),
        *(["--strict-verdicts"] if asked.strict else []),
        *asked.passed_on,
    ]
    return int(pytest.main(arguments))


def _single(asked: argparse.Namespace) -> dict[str, str | None]:
    """The options with one value, as the pytest glue calls them."""
    return {
        "--report": asked.output,
        "--matrix": asked.matrix,
        "--isolation": asked.isolation,
        "--time-limit": asked.time_limit,
        "--memory-limit": asked.memory_limit,
        "--repeat": asked.repeat,
        "--second-look": asked.second_look,
        "--shuffle": asked.shuffle,
        "--shard": asked.shard,
        "--shard-durations": asked.durations,
        "--resume": asked.resume,
        "--update": asked.update,
    }
