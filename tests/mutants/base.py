"""What mutants are made of: the healthy base, and the ways to spoil one thing of it. Far side.

Knows how aot_eager compiles, and how Touchstone uses torch.compile. Must not know any sin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import torch
from torch._dynamo.backends.common import AotAutograd, aot_autograd
from torch._dynamo.backends.debugging import boxed_nop
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch.fx import GraphModule

from harness.model import Implementation
from harness.torch_compile import TorchCompile

Run = Callable[..., Any]
Backend = Callable[[GraphModule, Sequence[Any]], Run]
ChangeGraph = Callable[[GraphModule, int], None]


def leave(graph: GraphModule, outputs: int) -> None:
    """Change nothing of a graph."""


def healthy() -> AotAutograd:
    """A backend that does what aot_eager does."""
    return rewritten(leave)


def rewritten(forward: ChangeGraph, backward: ChangeGraph = leave) -> AotAutograd:
    """The healthy backend, with its graphs changed; what it makes can be saved as aot_eager's can.

    Args:
        forward: changes a forward graph; it is told how many of the graph's outputs are the program's own.
        backward: changes a backward graph, all of whose outputs are gradients.
    """

    def compile_forward(graph: GraphModule, inputs: list[torch.Tensor]) -> Run:
        forward(graph, _own_outputs(graph))
        return boxed_nop(graph, inputs)

    def compile_backward(graph: GraphModule, inputs: list[torch.Tensor]) -> Run:
        backward(graph, len(outputs_of(graph)))
        return boxed_nop(graph, inputs)

    return aot_autograd(
        fw_compiler=compile_forward,
        bw_compiler=compile_backward,
        partition_fn=min_cut_rematerialization_partition,
        keep_inference_input_mutations=True,
    )


def outputs_of(graph: GraphModule) -> Sequence[Any]:
    """What a graph returns: nodes and constants."""
    found: Sequence[Any] = graph.graph.output_node().args[0]  # type: ignore[assignment]
    return found


def _own_outputs(graph: GraphModule) -> int:
    """How many of a forward graph's outputs are the program's own; the others are kept for the backward pass."""
    context = torch._guards.TracingContext.try_get()
    known = getattr(context, "fw_metadata", None)
    total = len(outputs_of(graph))
    return total if known is None else min(total, known.num_forward_returns)


def wrapped(spoil: Callable[[Run], Run]) -> Backend:
    """The healthy backend, with everything that it gives back wrapped; that cannot be saved."""
    base = healthy()

    def compile_graph(module: GraphModule, inputs: Sequence[Any]) -> Run:
        return spoil(base(module, inputs))

    return compile_graph


def tensors(values: Sequence[Any]) -> list[torch.Tensor]:
    """The tensors among some values."""
    return [value for value in values if isinstance(value, torch.Tensor)]


class Spoiled(TorchCompile):
    """torch.compile, with something patched for as long as the adapter is in use."""

    def __init__(self, implementation: Implementation) -> None:
        super().__init__(implementation)
        self.spoil()

    def spoil(self) -> None:
        """Patch what is to be wrong."""

    def patch(self, owner: object, name: str, replacement: object) -> None:
        """Replace an attribute until `close`."""
        self._patches.enter_context(mock.patch.object(owner, name, replacement))


class Around(Spoiled):
    """torch.compile, with a wrapper around each compiled program."""

    def compile(self, program: Run, options: Any) -> Run:
        """The compiled program, behind a wrapper that has its attributes."""
        return Wrapper(super().compile(program, options), self.call, program)

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        """Call a compiled program for the n-th time."""
        raise NotImplementedError


class Wrapper:
    """Stands for a callable: calls go through a function of ours, everything else is the callable's own."""

    def __init__(self, inner: Run, call: Callable[..., Any], *more: object) -> None:
        self._inner, self._call, self._more, self._calls = inner, call, more, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._calls += 1
        return self._call(self._inner, *self._more, self._calls, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


unchanged_graphs = healthy()
unchanged_wrapper = wrapped(lambda run: lambda *args: run(*args))


class UnchangedAdapter(Around):
    """Behaves as torch.compile does, through a wrapper."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        """Call it."""
        return compiled(*args, **kwargs)
