"""Mutants in which a module that is compiled, or a copy of it, is not the module that it is to be. Far side."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import nn
from torch._dynamo.eval_frame import OptimizedModule
from torch._library.custom_ops import CustomOpDef
from torch.utils.hooks import RemovableHandle

from mutants.base import Spoiled


class SetsOnTheWrapper(Spoiled):
    """What is set on a compiled module is the wrapper's, and the module knows nothing of it."""

    def spoil(self) -> None:
        original = OptimizedModule.__setattr__

        def write(self: Any, name: str, value: Any) -> None:
            if hasattr(type(self), name) or name in OptimizedModule._opt_mod_attributes:
                original(self, name, value)
            else:
                vars(self)[name] = value

        self.patch(OptimizedModule, "__setattr__", write)


class CopiesRunTheOriginal(Spoiled):
    """A copy of a module that was compiled runs the code that was made for the module, on its weights."""

    def spoil(self) -> None:
        def reduce(self: Any) -> Any:
            return _remade, (type(self), self._orig_mod, self.dynamo_ctx, self.forward)

        self.patch(nn.Module, "__getstate__", lambda module: dict(vars(module)))
        self.patch(OptimizedModule, "__reduce__", reduce)


def _remade(kind: Any, module: nn.Module, context: Any, forward: Any) -> Any:
    made = kind(module, context)
    made.forward = forward
    return made


class LosesGlobalHooks(Spoiled):
    """Hooks for all modules are not called."""

    def spoil(self) -> None:
        for name in "register_module_forward_hook", "register_module_forward_pre_hook":
            self.patch(nn.modules.module, name, lambda _: RemovableHandle(OrderedDict()))


class OwnOperatorsKeepTheirSize(Spoiled):
    """An operator of one's own that runs beside graphs gives as many rows as it has given first."""

    def spoil(self) -> None:
        original: Any = CustomOpDef.__call__
        first: dict[str, int] = {}

        @torch.compiler.disable  # type: ignore[untyped-decorator]
        def call(operator: CustomOpDef, *args: Any, **kwargs: Any) -> Any:
            result = original(operator, *args, **kwargs)
            if not isinstance(result, torch.Tensor) or not result.dim():
                return result
            rows = first.setdefault(operator._qualname, len(result))
            return torch.cat([result, result.new_zeros(rows, *result.shape[1:])])[:rows]

        self.patch(CustomOpDef, "__call__", call)
