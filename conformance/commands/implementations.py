"""The subcommands about implementations: which there are, what state they are in, what they cost.

Knows how to show profiles, environments and a doctor's findings. Must not decide anything.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from conformance.commands.common import Commands, add_time_limit
from conformance.doctor import Check, Doctor, diagnose
from conformance.exits import OK
from conformance.speech import say, tell
from harness import catalog, provision
from harness.implementations import ProfileError, find, shipped
from harness.judge import fails
from harness.model import Implementation, Result
from harness.needs import NEEDS
from harness.plan import rerun
from reports.claims import Claim, tally

READY, NOT_MADE, NO_PYTHON, NO_TORCH = "ready", "not made yet", "interpreter missing", "no torch"


def add(commands: Commands) -> None:
    """Add the subcommands."""
    _add_implementations(commands)
    _add_doctor(commands)
    _add_environments(commands)


def _add_implementations(commands: Commands) -> None:
    parser = commands.add(
        "implementations",
        "list implementations and the state of their environments",
        "examples:\n  touchstone implementations\n  touchstone implementations my_backend.toml\n"
        "  touchstone implementations --json\n",
        _implementations,
    )
    parser.add_argument(
        "name", nargs="*", metavar="NAME", help="names or profiles (default: all shipped ones)"
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def _implementations(asked: argparse.Namespace) -> int:
    rows = [survey(find(name)) for name in asked.name or shipped()]
    if asked.json:
        say(json.dumps(rows, indent=2))
        return OK
    shown = [
        (
            r["name"],
            r["state"],
            r["torch"] or "?",
            r["environment"],
            r["backend"] or r["adapter"],
            _few(r["claims"]),
        )
        for r in rows
    ]
    titles = ["name", "state", "torch", "environment", "backend", "claims"]
    say(tabulate(shown, titles, tablefmt="simple", disable_numparse=True))
    return OK


def _few(claims: Sequence[str]) -> str:
    lacks = [need for need in NEEDS if need not in claims]
    if len(lacks) > len(claims):
        return ", ".join(claims) or "none"
    return "all" if not lacks else f"all but {', '.join(lacks)}"


def survey(implementation: Implementation) -> dict[str, Any]:
    """What is known of an implementation without starting anything of it, as JSON values."""
    state, prefix, environment = _state(implementation)
    torch = provision.installed(prefix, "torch") if prefix else ""
    if state == READY and not torch and not implementation.requires and prefix and _whole(prefix):
        state = NO_TORCH
    return {
        "name": implementation.name,
        "state": state,
        "torch": torch,
        "environment": environment,
        "backend": implementation.backend,
        "adapter": implementation.adapter,
        "device": implementation.device,
        "claims": list(implementation.claims),
        "homepage": implementation.homepage,
        "tracker": implementation.tracker,
        "argument": implementation.argument,
    }


def _state(implementation: Implementation) -> tuple[str, Path | None, str]:
    """State, prefix of the environment if it exists, and what to call it."""
    if implementation.requires:
        wanted = " ".join(implementation.requires)
        try:
            made = provision.find(implementation)
        except provision.ProvisionError:
            return NO_PYTHON, None, implementation.python
        if made is None:
            return NOT_MADE, None, f"will have {wanted}"
        return READY, made.folder, f"{made.name}, {provision.size(made.bytes)}: {wanted}"
    if not implementation.python:
        return READY, Path(sys.prefix), "this one"
    found = shutil.which(str(Path(implementation.python).expanduser()))
    if found is None:
        return NO_PYTHON, None, implementation.python
    return READY, Path(found).parent.parent, implementation.python


def _whole(prefix: Path) -> bool:
    """Whether everything that an interpreter can import is under its prefix: so in a closed virtual environment."""
    settings = prefix / "pyvenv.cfg"
    return settings.is_file() and "include-system-site-packages = true" not in settings.read_text()


def _add_doctor(commands: Commands) -> None:
    parser = commands.add(
        "doctor",
        "say whether an implementation can run, which claims hold, and whose fault it is if not",
        "examples:\n  touchstone doctor inductor\n  touchstone doctor my_backend.toml\n"
        "  touchstone doctor my_package.backend:compile_graph\n\n"
        "exit codes:\n  0  nothing to complain of      1  the implementation does not conform\n"
        "  3  Touchstone itself failed    4  the environment is broken, or there is no such implementation\n",
        _doctor,
    )
    parser.add_argument(
        "name", metavar="NAME", help="a name, the path of a profile, or module:attribute"
    )
    add_time_limit(parser)


def _doctor(asked: argparse.Namespace) -> int:
    implementation = find(asked.name)
    started = time.monotonic()
    say(f"{implementation.name}: {implementation.homepage or 'no homepage'}\n")
    doctor = Doctor(implementation, tell, asked.time_limit)
    try:
        checks, results = [], []
        for check in doctor.examine():
            checks.append(check)
            say(_line(check))
        if all(check.good for check in checks):
            say("\na dozen scenarios:")
            for result in doctor.smoke():
                results.append(result)
                say(_outcome(result, asked.name))
    finally:
        doctor.close()
    if results:
        say("\nclaims:")
        say(_standings(implementation, results))
    code, sentence = diagnose(checks, results)
    say(f"\n{implementation.name}: {sentence} ({time.monotonic() - started:.0f} s)")
    if code and implementation.tracker and results:
        say(f"its bugs are reported at {implementation.tracker}")
    return code


def _line(check: Check) -> str:
    return f"  {'ok' if check.good else 'BROKEN':<7} {check.name:<12} {check.found}"


def _outcome(result: Result, argument: str) -> str:
    made = result.judgement
    word = made.verdict.upper() if fails(made) else made.verdict
    parts = [f"  {word:<11} {result.trial.id.partition(' @ ')[0]}"]
    if not made.verdict.conforms or made.reason:
        parts.append(f"      {made.reason}")
    if fails(made):
        parts.append(f"      rerun: {rerun(result.trial, argument)}")
    return "\n".join(parts)


def _standings(implementation: Implementation, results: Sequence[Result]) -> str:
    needs = {entry.id: entry.needs for entry in catalog.read()}
    found = tally(
        results,
        {each.trial.scenario: needs[each.trial.scenario] for each in results},
        {implementation.name: implementation.claims},
    )
    rest = [need for need in implementation.claims if need not in {each.need for each in found}]
    found += [Claim(implementation.name, need, claimed=True, kept=0, trials=0) for need in rest]
    return "\n".join(
        f"  {each.need:<18} {each.standing}"
        + (f" ({each.kept}/{each.trials})" if each.trials else "")
        for each in found
    )


def _add_environments(commands: Commands) -> None:
    parser = commands.add(
        "environments",
        "list the environments that Touchstone made, with their size, and remove them",
        "examples:\n  touchstone environments\n  touchstone environments --remove 1f0c2ab5d3e94b77\n"
        "  touchstone environments --remove inductor-2.15\n  touchstone environments --prune 30\n",
        _environments,
    )
    parser.add_argument(
        "--remove",
        action="append",
        default=[],
        metavar="NAME",
        help="an environment, or the implementation that it was made for; repeat for several",
    )
    parser.add_argument(
        "--prune", type=float, metavar="DAYS", help="remove what no run has used for so many days"
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def _environments(asked: argparse.Namespace) -> int:
    going = [_named(name) for name in asked.remove]
    if asked.prune is not None:
        going += [each for each in provision.environments() if _days(each) >= asked.prune]
    for each in {each.folder: each for each in going}.values():
        provision.remove(each)
        tell(f"removed {each.name}, {provision.size(each.bytes)}")
    found = provision.environments()
    if asked.json:
        rows = [{**dataclasses.asdict(each), "folder": str(each.folder)} for each in found]
        say(json.dumps(rows, indent=2))
        return OK
    users = _users()
    shown = [
        (
            each.name,
            provision.size(each.bytes),
            f"{each.seconds:.0f} s",
            f"{_days(each):.0f} days ago",
            " ".join(each.requires),
            ", ".join(users.get(each.folder, ())) or "profiles of your own",
        )
        for each in found
    ]
    if shown:
        titles = ["name", "size", "made in", "last used", "has", "for"]
        say(tabulate(shown, titles, tablefmt="simple", disable_numparse=True))
    total = provision.size(sum(each.bytes for each in found))
    say(f"{len(found)} environments, {total}, in {provision.home()}")
    return OK


def _named(name: str) -> provision.Environment:
    found = {each.name: each for each in provision.environments()}
    if name in found:
        return found[name]
    try:
        implementation = find(name)
        made = provision.find(implementation) if implementation.requires else None
    except (ProfileError, provision.ProvisionError):
        made = None
    if made is None:
        raise ProfileError(
            f"there is no environment {name!r}, and no implementation of that name has one; "
            f"`touchstone environments` lists {len(found)}"
        )
    return made


def _users() -> dict[Path, list[str]]:
    """The shipped implementations of each environment."""
    users: dict[Path, list[str]] = {}
    for name in shipped():
        implementation = find(name)
        if implementation.requires:
            users.setdefault(provision.folder_of(implementation), []).append(name)
    return users


def _days(environment: provision.Environment) -> float:
    return (time.time() - environment.used) / 86400
