"""Mutants that make nothing of a setting, or of a documented difference from eager. Far side."""

from __future__ import annotations

from typing import Any

import torch
from torch._dynamo import eval_frame
from torch._dynamo.variables import ConstantVariable, misc
from torch.export.unflatten import InterpreterModule, UnflattenedModule

from mutants.base import Spoiled
from mutants.reuse import Flagless


class IgnoresBackwardAutocast(Flagless):
    ignored = ("backward_pass_autocast",)


class IgnoresNumPyStream(Flagless):
    ignored = ("use_numpy_random_stream",)


class IgnoresRegions(Flagless):
    ignored = ("capture_profiler_record_function",)


class IgnoresIgnoring(Flagless):
    ignored = ("ignore_logging_functions",)


class GuardsNoParameters(Flagless):
    ignored = ("skip_no_tensor_aliasing_guards_on_parameters",)


class LosesMovedCalls(Spoiled):
    """What is moved behind the graph is not called there."""

    def spoil(self) -> None:
        def nothing(*_: Any) -> ConstantVariable:
            return ConstantVariable.create(None)

        self.patch(misc.DebuggingVariable, "call_function", nothing)


class TracesNoNumPy(Spoiled):
    """What is called of NumPy breaks the graph, and is NumPy's."""

    def spoil(self) -> None:
        self._patches.enter_context(torch._dynamo.config.patch(trace_numpy=False))


class NamesWithoutPrefix(Spoiled):
    """A compiled module names its state as the module does."""

    def spoil(self) -> None:
        def state_dict(self: Any, *args: Any, **kwargs: Any) -> Any:
            return self._orig_mod.state_dict(*args, **kwargs)

        self.patch(eval_frame.OptimizedModule, "state_dict", state_dict)


class Same:
    """What an export gives: the module itself."""

    def __init__(self, program: Any, *_: Any, **__: Any) -> None:
        self.program = program

    def module(self) -> Any:
        """The module, as it is."""
        return self.program


class ExportsNothing(Spoiled):
    """An exported module is the module."""

    def spoil(self) -> None:
        self.patch(torch.export, "export", Same)


class ExportsOneSize(Spoiled):
    """What is exported serves the sizes of its example alone."""

    def spoil(self) -> None:
        original = torch.export.export

        def export(*args: Any, **kwargs: Any) -> Any:
            return original(*args, **{**kwargs, "dynamic_shapes": None})

        self.patch(torch.export, "export", export)


class KeepsParts(Spoiled):
    """What an unflattened module has is not replaced."""

    def spoil(self) -> None:
        def keep(module: Any, name: str, value: object) -> None:
            parts = ("_parameters", "_buffers", "_modules")
            if all(name not in vars(module).get(each, ()) for each in parts):
                torch.nn.Module.__setattr__(module, name, value)  # type: ignore[arg-type]

        for kind in UnflattenedModule, InterpreterModule:
            self.patch(kind, "__setattr__", keep)


class ChecksAllGuards(Spoiled):
    """The stance that checks fewer guards has no effect."""

    def spoil(self) -> None:
        self.patch(eval_frame, "_is_skip_guard_eval_unsafe_stance", lambda: False)
