"""Lightning Thunder's own front end, `thunder.jit`: an adapter whose front end is not torch.compile. Far side.

Thunder compiles a whole program or refuses it, specialises every size, and keeps what it compiled in a cache of each
program. An entry more is a compilation, and it or a hit means that compiled code ran. Misses are counted before
anything is traced, so that they say nothing of a program that was refused.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import thunder

from harness.adapter import Adapter, NotOffered, Sighting, frames, phase
from harness.model import Implementation

#: What scenarios may ask for because thunder.jit always does so.
_ALWAYS = {"fullgraph": (True, False), "dynamic": (None, False)}


class ThunderJit(Adapter):
    """thunder.jit, with the executors that Thunder chooses."""

    def __init__(self, implementation: Implementation) -> None:
        super().__init__(implementation)
        # Weak, because a program's lifetime is its user's.
        self._made: weakref.WeakSet[Callable[..., Any]] = weakref.WeakSet()
        self.channels = {"compilations": "available", "executed regions": "available"}

    def compile(
        self, program: Callable[..., Any], options: Mapping[str, Any]
    ) -> Callable[..., Any]:
        """What thunder.jit returns for the program."""
        for name, value in options.items():
            if value not in _ALWAYS.get(name, ()):
                raise NotOffered(f"thunder.jit has no {name}={value!r}")
        compiled: Callable[..., Any] = thunder.jit(program, **self.implementation.options)
        self._made.add(compiled)
        return compiled

    @contextlib.contextmanager
    def watch(self) -> Iterator[Sighting]:
        """Count entries and hits of the caches of all programs while the context is open."""
        seen = Sighting()
        before = weakref.WeakKeyDictionary((each, _count(each)) for each in self._made)
        try:
            yield seen
        finally:
            graphs = hits = 0
            for each in self._made:
                was, now = before.get(each, (0, 0)), _count(each)
                graphs += now[0] - was[0]
                hits += now[1] - was[1]
            seen.graphs = graphs or None
            seen.regions = graphs + hits

    def phase(self, error: BaseException) -> str:
        """Who raised an exception: what is raised on the way to compiled code is of the trace."""
        way = any(frame.name == "get_computation_and_inputs" for frame in frames(error))
        return "trace" if way else phase(error)


def _count(compiled: Callable[..., Any]) -> tuple[int, int]:
    """How often a program was compiled, and how often that was used again."""
    stats = thunder.compile_stats(compiled)
    return len(stats.interpreter_cache), thunder.cache_hits(compiled)
