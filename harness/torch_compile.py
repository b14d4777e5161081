"""The adapter to torch.compile, and what can be seen of it. Far side.

Knows torch.compile, Dynamo's observation channels and Dynamo's exceptions. Must not know scenarios or
stories. Nothing here wraps the backend: a wrapper would change how its `mode` and `options` are handled.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType
from typing import Any

import torch
from torch.autograd.profiler_legacy import (  # type: ignore[attr-defined]
    ProfilerConfig,
    ProfilerState,
    _disable_profiler_legacy,
    _enable_profiler_legacy,
)
from torch.fx import GraphModule

from harness.adapter import Adapter, Sighting, resolve
from harness.model import CAPTURED, Implementation
from harness.trace import CapturedGraph, Trace

_REGION = "Torch-Compiled Region"

#: Where Dynamo's wrappers keep what they wrap.
_ORIGINAL = "_torchdynamo_orig_callable"


class TorchCompile(Adapter):
    """torch.compile with the backend of one implementation."""

    def __init__(self, implementation: Implementation) -> None:
        super().__init__(implementation)
        self._trace = Trace()
        self._trace.open()
        self._codes: list[CodeType] = []
        self._ready: list[object] = []
        self._spaces: list[Mapping[str, Any]] = []
        self._unwatch: Callable[[], None] = lambda: None
        self._patches = contextlib.ExitStack()
        self.channels = {
            "compilations": "available",
            "ops": "available",
            "log lines": "available",
            "recompile reasons": "available",
            "graph breaks": "available",
            "guards": "available",
            "graphs": "available",
            "executed regions": "available",
            "artefacts": self._watch_bytecode(),
        }
        self._backend = find_backend(implementation.backend)

    def compile(
        self, program: Callable[..., Any], options: Mapping[str, Any]
    ) -> Callable[..., Any]:
        """What torch.compile returns for the program, or the other entry to Dynamo that `entry` names."""
        # The profile's options are for its own backend, and a scenario may bring another.
        usual = {} if "backend" in options else self.implementation.options
        both = {**usual, **options.get("options", {})}
        own = {"options": both} if both else {}
        keywords: dict[str, Any] = {"backend": self._backend, **options, **own}
        entry = keywords.pop("entry", "compile")
        if entry == "compile":
            compiled: Callable[..., Any] = torch.compile(program, **keywords)
            return compiled
        if entry == "in_place":
            module: Any = program
            module.compile(**keywords)
            return program
        # The older entries know no options: they are bound as torch.compile binds them.
        if bound := keywords.pop("options", None):
            wrapper: Any = torch._TorchCompileWrapper  # noqa: SLF001 - likewise
            keywords["backend"] = wrapper(keywords["backend"], None, bound, None)
        older: Callable[..., Any] = getattr(torch._dynamo, entry)(**keywords)(program)  # noqa: SLF001 - likewise
        return older

    def compile_backward(
        self, program: Callable[..., Any], options: Mapping[str, Any], *, dynamic_capture: bool
    ) -> Callable[..., Any]:
        """The program, run as it is, with every backward pass in it captured and then compiled."""
        autograd = importlib.import_module("torch._dynamo.compiled_autograd")
        keywords = {"fullgraph": True, "dynamic": True, **options}

        def compile_captured(graph: GraphModule) -> Callable[..., Any]:
            self._spaces.append(graph.forward.__globals__)
            return self.compile(graph, keywords)

        def run(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the program's own
            with autograd._enable(compile_captured, dynamic=dynamic_capture):  # noqa: SLF001 - has no public name
                return program(*args, **kwargs)

        return run

    def ahead(
        self,
        program: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> Callable[..., Any]:
        """The program, compiled ahead of time for arguments like these.

        What is compiled of a module is its `forward`, and the module stays an argument; so does the instance of
        a bound method.
        """
        compiled: Any = self.compile(program, {"fullgraph": True, **options})
        if isinstance(program, torch.nn.Module):
            compiled = compiled.forward
        ready: Callable[..., Any] = compiled.aot_compile((args, dict(kwargs)))
        self._ready.append(getattr(getattr(ready, "_artifacts", None), "compiled_fn", None))
        return ready

    def save(self, ready: Callable[..., Any], path: str) -> None:
        """Save what `ahead` gave."""
        ready.save_compiled_function(path)  # type: ignore[attr-defined]

    def load(self, path: str, options: Mapping[str, Any]) -> Callable[..., Any]:
        """What was saved, ready to be called."""
        with open(path, "rb") as file:  # noqa: PTH123 - what users are told to pass
            ready: Callable[..., Any] = torch.compiler.load_compiled_function(file, **options)
        return ready

    def config(self, module: str, flags: Mapping[str, Any]) -> None:
        """Set flags of one of torch's configuration modules until `close`."""
        self._patches.enter_context(importlib.import_module(module).patch(**flags))

    def reset(self) -> None:
        """Forget what was compiled."""
        torch.compiler.reset()

    def close(self) -> None:
        """Give the flags back their values and stop observing."""
        self._patches.close()
        self._trace.close()
        self._unwatch()

    def guards(self) -> list[str]:
        """The guards of every compilation so far."""
        return [compilation.guards for compilation in self._trace.since() if compilation.guards]

    def graphs(self) -> Sequence[CapturedGraph]:
        """Every graph captured so far."""
        return [graph for compilation in self._trace.since() for graph in compilation.graphs]

    @contextlib.contextmanager
    def watch(self) -> Iterator[Sighting]:
        """See what one call compiles and executes; the sighting is complete when the context ends."""
        seen = Sighting()
        mark = self._trace.mark()
        watching = self._enter_regions()
        try:
            yield seen
        finally:
            if watching:
                seen.regions = _count_regions()
            self._read(mark, seen)

    def _enter_regions(self) -> bool:
        try:
            _enable_profiler_legacy(_CONFIG)
        except (RuntimeError, AttributeError) as error:
            self.channels["executed regions"] = f"unavailable, because {error}"
            return False
        return True

    def _read(self, mark: int, seen: Sighting) -> None:
        compilations = self._trace.since(mark)
        # Ahead of time, no metrics name a function.
        done = [
            each for each in compilations if not each.failure and (each.function or each.graphs)
        ]
        if done:
            seen.graphs = sum(len(each.graphs) for each in done)
            seen.ops = sum(each.ops for each in done)
        seen.captures = sum(bool(each.backward) for each in compilations) or None
        seen.evidence["compilations"] = [each.evidence() for each in compilations]
        if seen.regions is not None:
            seen.evidence["regions"] = seen.regions

    def _watch_bytecode(self) -> str:
        try:
            from torch._dynamo.convert_frame import (  # noqa: PLC0415 - private, may move
                register_bytecode_hook,
            )
        except ImportError as error:
            return f"unavailable, because {error}"
        self._unwatch = register_bytecode_hook(self._keep_code).remove
        return "available"

    def _keep_code(self, code: CodeType, new_code: CodeType) -> CodeType | None:  # noqa: ARG002
        self._codes.append(new_code)
        return None

    def artefacts(self) -> list[str]:
        """What the backend returned for each graph: "the captured graph" or a qualified name."""
        made = (each for code in self._codes for each in _artefacts(code, self._spaces))
        return [_name(each) for each in (*made, *self._ready) if each is not None]


_CONFIG = ProfilerConfig(
    ProfilerState.CPU,
    False,  # noqa: FBT003 - shapes; the C++ constructor takes no keywords
    False,  # noqa: FBT003 - memory
    False,  # noqa: FBT003 - stacks
    False,  # noqa: FBT003 - flops
    False,  # noqa: FBT003 - modules
    torch._C._profiler._ExperimentalConfig(),  # noqa: SLF001 - the constructor demands one
)


def _count_regions() -> int:
    threads = _disable_profiler_legacy()
    return sum(event.name().startswith(_REGION) for events in threads for event in events)


def find_backend(backend: str) -> Any:  # noqa: ANN401 - a name or a callable
    """What torch.compile takes as backend: the registered name, or the object at `module:attribute`.

    Raises:
        ImportError: the module cannot be imported or has no such attribute.
        torch._dynamo.exc.InvalidBackend: torch knows no backend of that name.
    """
    if ":" in backend:
        return resolve(backend)
    torch._dynamo.lookup_backend(backend)  # noqa: SLF001 - the public list leaves some out
    return backend


def _artefacts(code: CodeType, spaces: Sequence[Mapping[str, Any]]) -> Iterator[object]:
    names = [name for name in code.co_names if name.startswith("__compiled_fn")]
    for space in spaces if names else ():
        if names[0] in space:
            yield from (space[name] for name in names if name in space)
            return
    # Newest first, and a few at a time: the scenario's own module is among the last that were imported, and touching
    # thousands of modules, or but their names, would copy their pages into every forked child.
    for module in _newest_modules() if names else ():
        space = getattr(sys.modules[module], "__dict__", {})
        if names[0] in space:
            yield from (space[name] for name in names if name in space)
            return


def _newest_modules() -> Iterator[str]:
    # Each list is made in one piece, because other threads may be importing.
    yield from list(itertools.islice(reversed(sys.modules), 32))
    yield from reversed(list(sys.modules))


def _name(artefact: object) -> str:
    while hasattr(artefact, _ORIGINAL):
        artefact = getattr(artefact, _ORIGINAL)
    owner = getattr(artefact, "__self__", artefact)
    if isinstance(owner, GraphModule) or type(owner).__name__ == _SAVED_GRAPH:
        return CAPTURED
    kind = artefact if hasattr(artefact, "__qualname__") else type(artefact)
    return f"{getattr(kind, '__module__', None) or '?'}.{getattr(kind, '__qualname__', '?')}"


#: What Dynamo makes of a graph that is saved as it was captured.
_SAVED_GRAPH = "GraphModuleSerializableCallable"
