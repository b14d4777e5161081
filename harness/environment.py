"""The far side as a process: which interpreter, with which environment variables. Near side.

Knows what must not reach a far-side process. Must not start one.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import provision, toolchain
from harness.model import Implementation
from harness.private import public

BOOT = Path(__file__).with_name("boot.py")

#: Variables that would change what is judged, or how torch behaves in a process that only forks.
DROPPED = (
    "TORCHDYNAMO_",
    "TORCH_COMPILE",
    "TORCHINDUCTOR_",
    "TORCH_LOGS",
    "TORCH_TRACE",
    "TORCH_DYNAMO",
    "TORCH_FR",
    "PYTEST_",
    "PYTHONDONTWRITEBYTECODE",
)
SET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
}


class IsolationError(Exception):
    """A far-side process cannot be started; the message says which, why, and what to do."""


def interpreter(implementation: Implementation) -> str:
    """The path of the interpreter that runs an implementation.

    Raises:
        IsolationError: there is no such interpreter, or its environment has not been made.
    """
    if implementation.requires:
        return _provisioned(implementation)
    named = implementation.python or sys.executable
    found = shutil.which(str(Path(named).expanduser()))
    if found is None:
        raise IsolationError(
            f"implementation {implementation.name!r} names the interpreter {named!r}, which does not exist "
            "or cannot be executed; correct `python` in its profile"
        )
    return found


def _provisioned(implementation: Implementation) -> str:
    try:
        found = provision.find(implementation)
    except provision.ProvisionError as error:
        raise IsolationError(str(error)) from error
    if found is None:
        raise IsolationError(
            f"the environment of implementation {implementation.name!r} has not been made; "
            f"`touchstone doctor {implementation.argument or implementation.name}` makes it"
        )
    return found.interpreter


def check_cpu(implementation: Implementation, fingerprint: Mapping[str, Any]) -> None:
    """Refuse to judge an implementation where it would leave all of its work to another compiler.

    Args:
        implementation: any.
        fingerprint: of its environment.

    Raises:
        IsolationError: it needs a CPU capability that torch does not find here.
    """
    found = fingerprint["cpu"]
    if implementation.cpu and found not in implementation.cpu:
        raise IsolationError(
            f"implementation {implementation.name!r} does its work on a CPU with {' or '.join(implementation.cpu)} "
            f"alone, and torch finds {found} here; run it on another machine"
        )


def is_separate(implementation: Implementation) -> bool:
    """Whether an implementation runs under another interpreter than the suite."""
    return bool(implementation.python or implementation.requires)


def environ(implementation: Implementation, folder: Path) -> dict[str, str]:
    """The environment of an implementation's processes: ours without secrets and what would change the judgement."""
    kept = {
        name: value
        for name, value in public(os.environ).items()
        if not name.startswith(DROPPED)
        and not (is_separate(implementation) and name == "PYTHONPATH")
    }
    caches = {"TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor")}
    return {**kept, **SET, **caches, **toolchain.install(folder), **implementation.environ}


def missing_tools(implementation: Implementation) -> tuple[str, ...]:
    """The programs that an implementation needs and that its processes would not find; CXX may name another g++."""
    variables = {**os.environ, **implementation.environ}
    programs = {
        tool: variables.get("CXX", tool) if tool == "g++" else tool for tool in implementation.tools
    }
    return tuple(
        program
        for program in programs.values()
        if shutil.which(program, path=variables.get("PATH", os.defpath)) is None
    )


def profile(implementation: Implementation) -> dict[str, Any]:
    """The implementation as JSON values, for the far side."""
    return json.loads(json.dumps(dataclasses.asdict(implementation)))  # type: ignore[no-any-return]
