"""Mutants that confuse what was loaded, and what tensors of a program's own class keep. Far side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch._dynamo.types import GuardFilterEntry

from mutants.base import Run, Spoiled
from mutants.stale import Skipping


class LoadedAreOne(Spoiled):
    """All that is loaded in a process is what was loaded first."""

    first: Run | None = None

    def load(self, path: str, options: Mapping[str, Any]) -> Run:
        """As before, for the first."""
        loaded = super().load(path, options)
        self.first = self.first or loaded
        return self.first


class ForgetsContents(Skipping):
    def skips(self, entry: GuardFilterEntry) -> bool:
        return entry.guard_type == "TENSOR_SUBCLASS_METADATA_MATCH"
