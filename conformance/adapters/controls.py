"""The controls of every run: eager as itself, and results that are always wrong. Far side.

They are observed exactly as torch.compile is, with nothing compiled to be seen. Must not compile anything, so that
they can stand in for an implementation wherever torch runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils._pytree import tree_map

from harness.torch_compile import TorchCompile


class Uncompiled(TorchCompile):
    """Gives every program back as it is."""

    def compile(
        self,
        program: Callable[..., Any],
        options: Mapping[str, Any],  # noqa: ARG002 - the protocol's
    ) -> Callable[..., Any]:
        """The program itself."""
        return program


class AlwaysWrong(TorchCompile):
    """Spoils every number that a program returns."""

    def compile(
        self,
        program: Callable[..., Any],
        options: Mapping[str, Any],  # noqa: ARG002 - the protocol's
    ) -> Callable[..., Any]:
        """The program, with other numbers in its result."""

        def spoiled(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the program's own
            return tree_map(_spoil, program(*args, **kwargs))

        return spoiled


def _spoil(value: object) -> object:
    return value * 1.5 + 1 if isinstance(value, torch.Tensor) else value
