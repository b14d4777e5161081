"""What a zygote compiles before it serves, so that its children find it done. Far side.

Knows programs that touch what most scenarios touch. Must not be any scenario's program.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from harness.adapter import Adapter, NotOffered, make
from harness.model import Implementation
from harness.sight import ambient, changed


def warm(implementation: Implementation, *, front_end: bool, whole: bool = True) -> None:
    """Compile small programs and forget them, so that children find imports done and caches filled.

    A base zygote warms the front end with all programs; a branch of it only needs to meet its backend.
    The programs are none of the catalog's. That warming up changes no story is proven by a test
    (tests/test_isolation.py).

    Args:
        implementation: what compiles them.
        front_end: whether all programs are compiled.
        whole: whether that includes what takes long and serves few trials, backward passes and optimisers.

    Raises:
        RuntimeError: the implementation left the process otherwise, which its trials would not notice.
    """
    chosen = programs(implementation.device)
    before = ambient()
    adapter = make(implementation)
    for program, calls in chosen if front_end else chosen[:1]:
        compiled = adapter.compile(program, {})
        for arguments in calls:
            with adapter.watch():
                compiled(*arguments)
        _forget(adapter)
    if front_end and whole:
        for use in _capture, _step:
            use(adapter, implementation.device)
            _forget(adapter)
    adapter.close()
    left = changed(before)
    if left:
        raise RuntimeError(f"warming up changed {', '.join(left)}")
    importlib.import_module("torch._dynamo.utils").counters.clear()
    gc.collect()
    gc.freeze()


def _forget(adapter: Adapter) -> None:
    with contextlib.suppress(NotOffered):  # then it has nothing to forget
        adapter.reset()


def _capture(adapter: Adapter, device: str) -> None:
    """Have a backward pass captured and compiled: the first one in a process takes as long as many others."""
    weight = torch.ones(2, 2, device=device, requires_grad=True)

    def learns(x: Tensor) -> None:
        torch.nn.functional.linear(x, weight).relu().sum().backward()

    with contextlib.suppress(NotOffered):
        learn = adapter.compile_backward(learns, {}, dynamic_capture=True)
        with adapter.watch():
            learn(torch.ones(3, 2, device=device))


def _step(adapter: Adapter, device: str) -> None:
    """Have the step of an optimiser compiled: tracing the first one in a process imports much."""
    weight = torch.ones(2, device=device, requires_grad=True)
    weight.grad = torch.ones_like(weight)
    step = adapter.compile(torch.optim.SGD([weight], lr=0.1).step, {})
    with adapter.watch():
        step()


def programs(device: str) -> list[tuple[Callable[..., Any], list[tuple[Any, ...]]]]:
    """Programs that touch what most scenarios touch, with the arguments of their calls."""

    def helper(x: Tensor) -> Tensor:
        return x * 2

    def calls_a_function(x: Tensor) -> Tensor:
        return helper(x) + 1

    def takes_a_number(x: Tensor, n: int) -> Tensor:
        return x + n

    def mutates_and_breaks(x: Tensor, more: dict[str, Tensor]) -> Tensor:
        x.add_(1)
        torch._dynamo.graph_break()  # noqa: SLF001 - has no public name
        return x * more["factor"] if x.shape[0] > 1 else x

    layer = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()).to(device)
    vectors = [torch.ones(size, device=device) for size in (2, 3, 4)]
    return [
        (calls_a_function, [(x,) for x in vectors]),
        (takes_a_number, [(vectors[0], number) for number in (2, 3)]),
        (mutates_and_breaks, [(vectors[0], {"factor": vectors[0]})]),
        (layer.forward, [(torch.ones(rows, 2, device=device),) for rows in (2, 3)]),
    ]
