"""Mutants that do not see the state of the process, or keep from it what a program does to it. Far side."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch._dynamo.types import GuardFilterEntry
from torch.autograd.graph import saved_tensors_hooks
from torch.fx import GraphModule

from mutants.base import Around, Run, leave, outputs_of, rewritten
from mutants.stale import Ambient, Skipping

aten = torch.ops.aten


class ForgetsDefaultDtype(Ambient):
    forgotten = "default_dtype"


class ForgetsDeterminism(Ambient):
    forgotten = "deterministic"


class ForgetsDefaultDevice(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return entry.guard_type in ("DEFAULT_DEVICE", "TORCH_FUNCTION_STATE")


class ForgetsEnvironment(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return "environ" in entry.name


class KeepsGradMode(Around):
    """The grad mode is as before when a call returns."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        with torch.set_grad_enabled(torch.is_grad_enabled()):
            return compiled(*args, **kwargs)


class ForgetsModeOfExceptions(Around):
    """An exception leaves gradients switched off."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        try:
            return compiled(*args, **kwargs)
        except Exception:
            torch._C._set_grad_enabled(False)
            raise


class HidesSavedTensors(Around):
    """Hooks on saved tensors get nothing of what a call saves."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        with saved_tensors_hooks(lambda saved: saved, lambda saved: saved):
            return compiled(*args, **kwargs)


class SwallowsWarnings(Around):
    """No warning of a program arrives."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compiled(*args, **kwargs)


def hide_anomalies(graph: GraphModule, _: int) -> None:
    """Let gradients that are no numbers be zero."""
    end = graph.graph.output_node()
    with graph.graph.inserting_before(end):
        end.args = (
            tuple(
                graph.graph.call_function(aten.nan_to_num.default, (each,))
                if isinstance(each, torch.fx.Node)
                else each
                for each in outputs_of(graph)
            ),
        )
    graph.recompile()


hides_anomalies = rewritten(leave, hide_anomalies)
