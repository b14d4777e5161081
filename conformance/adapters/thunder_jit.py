"""Lightning Thunder's own front end, `thunder.jit`: an adapter whose front end is not torch.compile. Far side.

Thunder compiles a whole program or refuses it, specialises every size, and counts the hits and misses of the cache of
each compiled program: a miss is a compilation, and either of them means that compiled code ran.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import thunder

from harness.adapter import Adapter, NotOffered, Sighting
from harness.model import Implementation

#: What scenarios may ask for because thunder.jit always does so.
_ALWAYS = {"fullgraph": (True, False), "dynamic": (None, False)}


class ThunderJit(Adapter):
    """thunder.jit, with the executors that Thunder chooses."""

    def __init__(self, implementation: Implementation) -> None:
        super().__init__(implementation)
        self._made: list[Callable[..., Any]] = []
        self.channels = {"compilations": "available", "executed regions": "available"}

    def compile(
        self, program: Callable[..., Any], options: Mapping[str, Any]
    ) -> Callable[..., Any]:
        """What thunder.jit returns for the program."""
        for name, value in options.items():
            if value not in _ALWAYS.get(name, ()):
                raise NotOffered(f"thunder.jit has no {name}={value!r}")
        compiled: Callable[..., Any] = thunder.jit(program, **self.implementation.options)
        self._made.append(compiled)
        return compiled

    @contextlib.contextmanager
    def watch(self) -> Iterator[Sighting]:
        """Count the misses and hits of all programs while the context is open."""
        seen = Sighting()
        misses, hits = self._count()
        try:
            yield seen
        finally:
            now_misses, now_hits = self._count()
            seen.graphs = now_misses - misses or None
            seen.regions = now_misses - misses + now_hits - hits

    def _count(self) -> tuple[int, int]:
        return (
            sum(thunder.cache_misses(each) for each in self._made),
            sum(thunder.cache_hits(each) for each in self._made),
        )
