"""Mutants that spoil the process that they live in, or end it. Far side."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.fx import GraphModule

from mutants.base import Around, Run, healthy, wrapped


def leaving(change: Callable[[], object]) -> Callable[[Run], Run]:
    """A wrapper that changes the state of the process after each run."""

    def spoil(run: Run) -> Run:
        def changed(*args: Any) -> Any:
            results = run(*args)
            change()
            return results

        return changed

    return spoil


leaks_grad_mode = wrapped(leaving(lambda: torch._C._set_grad_enabled(False)))
leaks_default_dtype = wrapped(leaving(lambda: torch.set_default_dtype(torch.float64)))
leaks_determinism = wrapped(leaving(lambda: torch.use_deterministic_algorithms(True)))
leaks_threads = wrapped(leaving(lambda: torch.set_num_threads(torch.get_num_threads() + 1)))


class LeaksAutocast(Around):
    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        try:
            return compiled(*args, **kwargs)
        finally:
            torch.set_autocast_enabled("cpu", True)


def crashes_compiling(module: GraphModule, inputs: Sequence[Any]) -> Run:
    """Dies of a graph that mutates."""
    if any(str(node.target).endswith("add_") for node in module.graph.nodes):
        os.kill(os.getpid(), signal.SIGSEGV)
    return healthy()(module, inputs)


@wrapped
def crashes_at_the_fourth_run(run: Run) -> Run:
    return _at_run(run, 4, lambda: os.kill(os.getpid(), signal.SIGABRT))


@wrapped
def ends_at_the_fifth_run(run: Run) -> Run:
    return _at_run(run, 5, lambda: os._exit(0))


@wrapped
def hangs_at_the_fifth_run(run: Run) -> Run:
    return _at_run(run, 5, lambda: time.sleep(3600))


def _at_run(run: Run, number: int, do: Callable[[], object]) -> Run:
    runs = iter(range(1, 1 << 30))

    def counted(*args: Any) -> Any:
        if next(runs) == number:
            do()
        return run(*args)

    return counted


@wrapped
def prints_at_every_run(run: Run) -> Run:
    def loud(*args: Any) -> Any:
        for _ in range(1000):
            print("the compiled code runs" * 10)
        return run(*args)

    return loud


#: What is never freed.
KEPT: list[object] = []


@wrapped
def keeps_inputs(run: Run) -> Run:
    def keeping(*args: Any) -> Any:
        for each in args:
            KEPT.extend(each if isinstance(each, list) else [each])
        return run(*args)

    return keeping


def refuses_symbols(module: GraphModule, inputs: Sequence[Any]) -> Run:
    """Raises where a graph has a symbolic size or number."""
    if any(isinstance(each, torch.SymInt) for each in inputs):
        raise NotImplementedError("sizes that vary are not implemented")
    return healthy()(module, inputs)


def raises_running(module: GraphModule, inputs: Sequence[Any]) -> Run:
    """Raises when code of more than four inputs runs."""
    base = healthy()(module, inputs)

    def run(*args: Any) -> Any:
        if len(args) > 4:
            raise RuntimeError("too many inputs")
        return base(*args)

    return run


def compiles_by_the_way(module: GraphModule, inputs: Sequence[Any]) -> Run:
    """Compiles something of its own in every compilation."""
    with contextlib.suppress(Exception):
        torch.compile(lambda x: x + 1, backend=healthy())(torch.ones(2))
    return healthy()(module, inputs)
