"""Is the process the same after an implementation was imported and has compiled something?"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

#: What a fresh interpreter does to find out; it prints what it found as its last line.
LOOK = """
import sys, importlib.util, json
sys.path += {path!r}
import torch, torch._dynamo, torch._inductor.config
spec = importlib.util.spec_from_file_location("look", {file!r})
look = importlib.util.module_from_spec(spec)
spec.loader.exec_module(look)
before = {{**look.state(), **look.settings()}}
for name in {modules!r}:
    importlib.import_module(name)
print(json.dumps(look.changed(before, {{**look.state(), **look.settings()}})))
"""


def state() -> Mapping[str, str]:
    """What belongs to the process and not to a compiler, as text."""
    seen = {
        "signals": [(each, signal.getsignal(each)) for each in sorted(signal.valid_signals())],
        "hooks": [sys.excepthook, sys.displayhook, sys.unraisablehook, threading.excepthook],
        "tracing": [sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile()],
        "warning filters": warnings.filters,
        "log level": logging.root.level,
        "log handlers": logging.root.handlers,
        "garbage collection": [gc.isenabled(), gc.get_threshold(), gc.get_debug()],
        "recursion limit": sys.getrecursionlimit(),
        "standard streams": [sys.stdin, sys.stdout, sys.stderr],
        "working directory": Path.cwd(),
        "environment": sorted(
            each for each in os.environ if not each.startswith(("TORCH", "_TORCH"))
        ),
        "printing": torch._tensor_str.PRINT_OPTS,  # noqa: SLF001 - has no public name
        "default device": torch.get_default_device(),
        "default dtype": torch.get_default_dtype(),
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "grad mode": [torch.is_grad_enabled(), torch.is_inference_mode_enabled()],
        "anomaly mode": torch.is_anomaly_enabled(),
        "determinism": torch.are_deterministic_algorithms_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "methods of tensors": sorted(dir(torch.Tensor)),
        "random numbers": torch.random.get_rng_state().tolist(),
    }
    return {name: str(value) for name, value in seen.items()}


def settings() -> Mapping[str, str]:
    """The flags of torch's compiler, as text."""
    kinds = "_dynamo", "_functorch", "_inductor"
    found: dict[str, str] = {}
    for kind in kinds:
        flags = sys.modules[f"torch.{kind}.config"].get_config_copy()
        found |= {f"{kind}.{name}": str(value) for name, value in flags.items() if name[0] != "_"}
    return found


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The names of what is not as it was."""
    return [name for name, value in before.items() if after.get(name) != value]


def left_by(modules: Sequence[str]) -> list[str]:
    """What importing modules in an interpreter of its own changes there."""
    ours = Path(str(sys.modules[Subject.__module__].__file__)).parents[1]
    path = [*sys.path, str(ours)]
    source = LOOK.format(path=path, file=__file__, modules=list(modules))
    command = [sys.executable, "-c", source]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - this interpreter
    found: list[str] = json.loads(printed.splitlines()[-1])
    return found


@scenario(
    ref="torch.compiler: custom backends / registration",
    expect="""
    import: succeeds
    changes = []
    """,
)
def importing_changes_nothing(s: Subject) -> None:
    """Importing a backend changes neither the process (signals, hooks, threads ...) nor torch's compiler flags."""
    found = s.act("import", lambda: left_by(s.modules) if s.modules else [])
    s.tell("changes", found or [])


def step(x: Tensor, w: Tensor) -> Tensor:
    """A program with a matrix product, a reduction and a write."""
    x.add_(1)
    return (x @ w).relu().sum()


@scenario(
    ref="torch.compile / state of the process",
    expect="""
    change: a fresh interpreter goes on
    call 1: compiles, mutates argument 0, equals eager
    call 2: reuses, mutates argument 0, equals eager
    call 3: compiles, mutates argument 0, equals eager
    changes = []
    """,
)
def compiling_changes_nothing_else(s: Subject) -> None:
    """Compiling and running a program leaves hooks, warnings, logs, threads and modes of the process as they were."""
    s.elsewhere(compile_first, interpreter=True)


def compile_first(s: Subject) -> None:
    """Compile, run and differentiate a program, and tell what is not as before."""
    before = state()
    program = s.compile(step)
    for size in 3, 3, 5:
        program(s.randn(2, size), s.randn(size, 2).requires_grad_()).backward()
    s.tell("changes", changed(before, state()))
