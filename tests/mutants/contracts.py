"""Mutants that break what backends, threads, processes and owners of values rely on. Far side."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.export.pt2_archive._package import AOTICompiledModel
from torch.fx import GraphModule, Node
from torch.utils._pytree import tree_map

from mutants.base import Around, Run, Spoiled, rewritten, wrapped


class OwnBackends(Spoiled):
    """What a program's own backend is handed, and what it gives back, can be spoilt."""

    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        """As before, but for backends that a scenario brings."""
        own = options.get("backend")
        more = {"backend": self.spoil_backend(own)} if callable(own) else {}
        return super().compile(program, {**options, **more})

    def spoil_backend(self, backend: Callable[..., Run]) -> Callable[..., Run]:
        """Another backend instead."""
        raise NotImplementedError


class IgnoresBackends(Spoiled):
    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        """As before, by the usual backend."""
        return super().compile(program, {k: v for k, v in options.items() if k != "backend"})


class ExamplesInDisorder(OwnBackends):
    def spoil_backend(self, backend: Callable[..., Run]) -> Callable[..., Run]:
        """The same, with its examples from behind."""
        return lambda graph, examples, **more: backend(graph, examples[::-1], **more)


class AsksTwice(OwnBackends):
    def spoil_backend(self, backend: Callable[..., Run]) -> Callable[..., Run]:
        """The same, asked for each graph twice."""

        def ask(graph: GraphModule, examples: Sequence[Any], **more: Any) -> Run:
            backend(graph, examples, **more)
            return backend(graph, examples, **more)

        return ask


class CutsLists(OwnBackends):
    def spoil_backend(self, backend: Callable[..., Run]) -> Callable[..., Run]:
        """The same; of the results that it gives, all are the first."""

        def ask(graph: GraphModule, examples: Sequence[Any], **more: Any) -> Run:
            made = backend(graph, examples, **more)

            def run(*args: Any) -> Any:
                results = made(*args)
                return [results[0]] * len(results) if len(results) else results

            return run

        return ask


class CompilesWithoutGradients(OwnBackends):
    def spoil_backend(self, backend: Callable[..., Run]) -> Callable[..., Run]:
        """The same, asked while no gradients are recorded."""
        return torch.no_grad()(lambda *args, **more: backend(*args, **more))


class WrapsExceptions(OwnBackends):
    def spoil_backend(self, backend: Callable[..., Run]) -> Callable[..., Run]:
        """The same; what its code raises is another exception."""

        def ask(graph: GraphModule, examples: Sequence[Any], **more: Any) -> Run:
            made = backend(graph, examples, **more)

            def run(*args: Any) -> Any:
                try:
                    return made(*args)
                except Exception as error:
                    raise RuntimeError("the compiled code has failed") from error

            return run

        return ask


class SuppressesFailures(Spoiled):
    """What a backend raises is never told."""

    def spoil(self) -> None:
        self.config("torch._dynamo.config", {"suppress_errors": True})


class NeverSuppresses(Spoiled):
    def config(self, module: str, flags: Mapping[str, Any]) -> None:
        """Set flags, but that one."""
        kept = {name: value for name, value in flags.items() if name != "suppress_errors"}
        super().config(module, kept)


class DropsOptions(Spoiled):
    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        """As before, without options or a mode."""
        dropped = "options", "mode"
        return super().compile(program, {k: v for k, v in options.items() if k not in dropped})


@wrapped
def raises_the_recursion_limit(run: Run) -> Run:
    """Leaves another limit behind."""

    def changed(*args: Any) -> Any:
        sys.setrecursionlimit(sys.getrecursionlimit() + 1)
        return run(*args)

    return changed


#: What is never freed.
KEPT: list[object] = []


class KeepsPrograms(Spoiled):
    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        """As before, the program kept for ever."""
        KEPT.append(program)
        return super().compile(program, options)


class KeepsExceptions(Around):
    """The last exception that left a program is kept."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        try:
            return compiled(*args, **kwargs)
        except Exception as error:
            KEPT.append(error)
            raise


@wrapped
def keeps_results(run: Run) -> Run:
    """Everything that it has ever computed is kept."""

    def keeping(*args: Any) -> Any:
        results = run(*args)
        KEPT.extend(results)
        return results

    return keeping


class FirstOfItsName(Around):
    """Attributes that a method reads are those of the first object that it was called with."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        if args and type(args[0]).__name__ == "Scaler":
            KEPT.append(args[0])
            first = next(each for each in KEPT if type(each).__name__ == "Scaler")
            args = (first, *args[1:])
        return compiled(*args, **kwargs)


class SharesArguments(Around):
    """Threads that call at the same time may get the result of another thread's arguments."""

    given: Any = ()

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        self.given = args
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.05)
        return compiled(*self.given, **kwargs)


class ThreadsCompileAnew(Around):
    """What another thread has compiled is forgotten."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            self.reset()
        return compiled(*args, **kwargs)


class ModesOfTheFirst(Around):
    """Each call has the grad mode of the first, in whatever thread."""

    mode: bool | None = None

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        self.mode = torch.is_grad_enabled() if self.mode is None else self.mode
        with torch.set_grad_enabled(self.mode):
            return compiled(*args, **kwargs)


class MainThreadOnly(Around):
    """In another thread, results lead to no gradients."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        result = compiled(*args, **kwargs)
        main = threading.current_thread() is threading.main_thread()
        if main or not isinstance(result, torch.Tensor) or not result.requires_grad:
            return result
        return result.detach().requires_grad_() * 1


class WrongInChildren(Spoiled):
    """In a process that is forked from the one that compiled a program, results are doubled."""

    def compile(self, program: Run, options: Mapping[str, Any]) -> Run:
        """As before, for this process."""
        compiled, own = super().compile(program, options), os.getpid()

        def run(*args: Any, **kwargs: Any) -> Any:
            result = compiled(*args, **kwargs)
            return result if os.getpid() == own else result * 2

        return run


def _reductions(change: Callable[[Node], None]) -> Any:
    """A backend that changes each reduction over ranks."""

    def spoil(graph: GraphModule, _: int) -> None:
        for node in list(graph.graph.nodes):
            if "all_reduce" in str(node.target):
                change(node)
        graph.recompile()

    return rewritten(spoil)


def _leave_out(node: Node) -> None:
    node.replace_all_uses_with(node.args[0])  # type: ignore[arg-type]
    node.graph.erase_node(node)


def _sum(node: Node) -> None:
    node.args = (node.args[0], "sum", *node.args[2:])


def _reach_all(node: Node) -> None:
    world = torch.distributed.distributed_c10d._get_default_group()
    node.args = (*node.args[:2], world.group_name)


#: Sums are over this rank alone.
ranks_keep_to_themselves = _reductions(_leave_out)

#: Whatever the reduction, it is a sum.
ranks_always_sum = _reductions(_sum)

#: Whatever the group, it is all ranks.
ranks_ignore_groups = _reductions(_reach_all)


class AnswersAnything(Around):
    """A call that cannot be served gets the result of the last one."""

    last: Any = None

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        try:
            self.last = compiled(*args, **kwargs)
        except (AssertionError, RuntimeError, ValueError):
            if self.last is None:
                raise
        return self.last


class PackagesAreOff(Spoiled):
    """What a package gives is a thousandth too great."""

    def spoil(self) -> None:
        original = AOTICompiledModel.__call__

        def call(*args: Any, **kwargs: Any) -> Any:
            return tree_map(lambda each: each * 1.001, original(*args, **kwargs))  # type: ignore[no-untyped-call]

        self.patch(AOTICompiledModel, "__call__", call)


class KeepsConstants(Spoiled):
    """A package keeps the constants that it was made with."""

    def spoil(self) -> None:
        self.patch(AOTICompiledModel, "load_constants", lambda *_, **__: None)
