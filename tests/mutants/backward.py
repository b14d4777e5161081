"""Mutants that capture backward passes wrongly: too often, too seldom, without their hooks. Far side."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch._dynamo import compiled_autograd
from torch._dynamo.compiled_autograd import AutogradCompilerInstance
from torch._dynamo.external_utils import call_hook

from mutants.base import Run, Spoiled
from mutants.reuse import Flagless


class CapturesNothing(Spoiled):
    def compile_backward(
        self, program: Run, options: Mapping[str, Any], *, dynamic_capture: bool
    ) -> Run:
        """The program itself."""
        return program


class CapturesAnew(Spoiled):
    def compile_backward(
        self, program: Run, options: Mapping[str, Any], *, dynamic_capture: bool
    ) -> Run:
        """The program, all captures forgotten before each call of it."""
        captured = super().compile_backward(program, options, dynamic_capture=dynamic_capture)

        def run(*args: Any, **kwargs: Any) -> Any:
            torch._C._dynamo.compiled_autograd.clear_cache()
            return captured(*args, **kwargs)

        return run


class CapturesSizes(Spoiled):
    def compile_backward(
        self, program: Run, options: Mapping[str, Any], *, dynamic_capture: bool
    ) -> Run:
        """The program, each capture for the sizes that it has seen."""
        return super().compile_backward(program, options, dynamic_capture=False)


class CapturesForEver(Spoiled):
    """Once a backward pass has been captured, all are."""

    def spoil(self) -> None:
        original, entered = compiled_autograd._enable, []

        @contextlib.contextmanager
        def enable(*args: Any, **kwargs: Any) -> Iterator[None]:
            entered.append(original(*args, **kwargs))
            entered[-1].__enter__()
            yield

        self.patch(compiled_autograd, "_enable", enable)


class DisablesNothing(Spoiled):
    """What disables the capture of backward passes has no effect for users."""

    def spoil(self) -> None:
        original = compiled_autograd._disable

        @contextlib.contextmanager
        def disable() -> Iterator[None]:
            with original() if compiled_autograd.in_compiled_autograd_region else _nothing():
                yield

        self.patch(compiled_autograd, "_disable", disable)


def _nothing() -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


class ForgetsNoCapture(Spoiled):
    def spoil(self) -> None:
        self.patch(compiled_autograd, "reset", lambda: None)


class IgnoresWholeness(Flagless):
    ignored = ("compiled_autograd_kwargs_override",)


class ReplacesGradients(Spoiled):
    """A gradient takes the place of the one that it should be added to."""

    def spoil(self) -> None:
        original = AutogradCompilerInstance.accumulate_grad

        def accumulate(
            capture: Any, variable: Any, _: Any, gradient: Any, has_hooks: Any = None
        ) -> Any:
            return original(capture, variable, None, gradient, has_hooks)

        self.patch(AutogradCompilerInstance, "accumulate_grad", accumulate)


class Hooking(Spoiled):
    """Captures the hooks of one kind in another way."""

    kinds: tuple[str, ...] = ()

    def hook(self, original: Callable[..., Any], capture: Any, value: Any, more: Any) -> Any:
        """Capture the call of a hook, which gives another value for the one that it is given."""
        raise NotImplementedError

    def spoil(self) -> None:
        for kind in self.kinds:
            original = getattr(AutogradCompilerInstance, kind)

            def capture_hook(capture: Any, value: Any, *more: Any, original: Any = original) -> Any:
                return self.hook(original, capture, value, more)

            self.patch(AutogradCompilerInstance, kind, capture_hook)


class Losing(Hooking):
    def hook(self, original: Callable[..., Any], capture: Any, value: Any, more: Any) -> Any:
        return value


class LosesTensorHooks(Losing):
    kinds = ("tensor_pre_hook", "cpp_tensor_pre_hook")


class LosesPrehooks(Losing):
    kinds = ("pre_hook",)


class LosesPosthooks(Losing):
    kinds = ("post_hook",)


class LosesAccumulationHooks(Hooking):
    kinds = ("post_acc_grad_hook",)

    def hook(self, original: Callable[..., Any], capture: Any, value: Any, more: Any) -> Any:
        return [value]


class DoublesTensorHooks(Hooking):
    kinds = ("tensor_pre_hook", "cpp_tensor_pre_hook")

    def hook(self, original: Callable[..., Any], capture: Any, value: Any, more: Any) -> Any:
        return original(capture, original(capture, value, *more), *more)


class DoublesPosthooks(Hooking):
    kinds = ("post_hook",)

    def hook(self, original: Callable[..., Any], capture: Any, value: Any, more: Any) -> Any:
        return original(capture, original(capture, value, *more), *more)


class ReordersHooks(Spoiled):
    """Two hooks of one kind that run one after the other change places."""

    def spoil(self) -> None:
        original = AutogradCompilerInstance.end_capture

        def end_capture(capture: Any, outputs: Any) -> Any:
            _swap_hooks(capture.fx_tracer.graph)
            return original(capture, outputs)

        self.patch(AutogradCompilerInstance, "end_capture", end_capture)


def _swap_hooks(graph: torch.fx.Graph) -> None:
    calls = [node for node in graph.nodes if node.target is call_hook]
    done: set[Any] = set()
    for first, second in pairwise(calls):
        alike = first.kwargs.get("hook_type") == second.kwargs.get("hook_type")
        if alike and first not in done:
            one, other = first.args[0], second.args[0]
            one.args, other.args = other.args, one.args
            done |= {first, second}


class SwallowsExceptionsOfHooks(Spoiled):
    def spoil(self) -> None:
        self.patch(compiled_autograd, "call_hook", call_quietly)


def call_quietly(hook: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a hook; if that raises, nothing has happened."""
    try:
        return call_hook(hook, *args, **kwargs)
    except ValueError:
        return args[0]


class StealsNothing(Spoiled):
    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        """The program, as if it might steal nothing."""
        if isinstance(program, torch.fx.GraphModule):
            program.meta.pop("locals_to_steal", None)
        return super().compile(program, options)


class CapturesFirstNumbers(Spoiled):
    """What a captured backward pass takes, leaves aside, has the numbers of its first run."""

    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        """As before; what was captured is a graph."""
        compiled = super().compile(program, options)
        if not isinstance(program, torch.fx.GraphModule):
            return compiled
        first: dict[int, torch.Tensor] = {}

        def run(inputs: list[Any], *more: Any) -> Any:
            for place, each in enumerate(inputs):
                if not (each.is_leaf and each.requires_grad):
                    kept = first.setdefault(place, each.detach().clone())
                    inputs[place] = kept if kept.shape == each.shape else each
            return compiled(inputs, *more)

        return run


class AsksTheFirstLeaves(Spoiled):
    """A backward pass for some leaves is for those that were asked for first."""

    def spoil(self) -> None:
        original, first = torch.autograd.backward, []

        def backward(*args: Any, **kwargs: Any) -> None:
            if kwargs.get("inputs") is not None:
                first.append(kwargs["inputs"])
                kwargs["inputs"] = first[0]
            original(*args, **kwargs)

        self.patch(torch.autograd, "backward", backward)


class GradientsOfAll(Spoiled):
    """Whatever gradients are asked for, those of all leaves are computed."""

    def spoil(self) -> None:
        original = torch.autograd.grad

        def grad(outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            asked = [inputs] if isinstance(inputs, torch.Tensor) else list(inputs)
            leaves = list(_leaves(outputs))
            return original(outputs, [*asked, *leaves], *args, **kwargs)[: len(asked)]

        self.patch(torch.autograd, "grad", grad)


def _leaves(outputs: Any) -> Iterator[torch.Tensor]:
    """The leaves that lead to some tensors."""
    found = [outputs] if isinstance(outputs, torch.Tensor) else list(outputs)
    nodes, seen = [each.grad_fn for each in found], set()
    while nodes:
        node = nodes.pop()
        if node is not None and node not in seen:
            seen.add(node)
            nodes.extend(each for each, _ in node.next_functions)
            if hasattr(node, "variable"):
                yield node.variable
