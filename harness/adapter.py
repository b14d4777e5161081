"""The protocol of adapters: how Touchstone uses a compiler's front end and what it can see of it. Far side.

Knows what every front end can be asked for, and how one is made for an implementation. Must not know any
particular front end, scenarios or stories. docs/adapters.md has the whole of it with a worked example.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.model import Implementation
from harness.trace import CapturedGraph


class NotOffered(Exception):  # noqa: N818 - it is not an error not to offer something
    """The front end has no such thing; the trial is `unsupported`, and the message says what it needs."""


@dataclass(slots=True)
class Sighting:
    """What was seen of one call.

    Attributes:
        graphs: how many graphs the call had compiled; None where nothing was compiled.
        ops: call nodes in them; None where they are not counted.
        captures: how many backward passes were captured to be compiled; None where none was.
        regions: how often compiled code was executed; None where that cannot be seen.
        evidence: what a report shows.
    """

    graphs: int | None = None
    ops: int | None = None
    captures: int | None = None
    regions: int | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


class Adapter:
    """A front end that compiles programs.

    Subclasses define `compile` and `watch`. Everything else has a default: what a front end does not offer raises
    `NotOffered`, which makes a trial `unsupported`.

    Attributes:
        channels: each channel of observation to "available" or to why it is not.
    """

    def __init__(self, implementation: Implementation) -> None:
        self.implementation = implementation
        self.channels: dict[str, str] = {}

    def compile(
        self, program: Callable[..., Any], options: Mapping[str, Any]
    ) -> Callable[..., Any]:
        """The program, compiled: a function or module that is called as the program is.

        Args:
            program: a function, a bound method or a `torch.nn.Module`.
            options: keywords of `Subject.compile`, such as `dynamic` and `fullgraph`. One that the front end does
                not have raises `NotOffered`, unless it asks for what the front end always does.
        """
        raise NotImplementedError

    def watch(self) -> contextlib.AbstractContextManager[Sighting]:
        """See what happens while the context is open; the sighting is complete when it closes."""
        raise NotImplementedError

    def artefacts(self) -> list[str]:
        """What stands for each compiled graph: `harness.model.CAPTURED` or a qualified name; it may be incomplete."""
        return []

    def compile_backward(
        self, program: Callable[..., Any], options: Mapping[str, Any], *, dynamic_capture: bool
    ) -> Callable[..., Any]:
        """The program, run as it is, with each backward pass in it captured and compiled."""
        raise NotOffered(f"{_kind(self)} does not compile backward passes")

    def ahead(
        self,
        program: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> Callable[..., Any]:
        """The program, compiled for arguments like these before it is called."""
        raise NotOffered(f"{_kind(self)} does not compile ahead of time")

    def save(self, ready: Callable[..., Any], path: str) -> None:
        """Save what `ahead` gave."""
        raise NotOffered(f"{_kind(self)} does not save programs")

    def load(self, path: str, options: Mapping[str, Any]) -> Callable[..., Any]:
        """What was saved, ready to be called."""
        raise NotOffered(f"{_kind(self)} does not load programs")

    def config(self, module: str, flags: Mapping[str, Any]) -> None:
        """Set flags of one of the front end's configuration modules until `close`."""
        raise NotOffered(f"{_kind(self)} has no flags of {module}")

    def reset(self) -> None:
        """Forget what was compiled."""
        raise NotOffered(f"{_kind(self)} cannot forget what it compiled")

    def guards(self) -> Sequence[str]:
        """The conditions of reuse of every compilation so far, as text."""
        return ()

    def graphs(self) -> Sequence[CapturedGraph]:
        """Every graph captured so far."""
        return ()

    def phase(self, error: BaseException) -> str:
        """Who raised an exception that left a compiled program: trace, compile, backward, or run."""
        return phase(error)

    def close(self) -> None:
        """Give back what the adapter holds."""


def _kind(adapter: Adapter) -> str:
    return type(adapter).__name__


def introduce(implementation: Implementation) -> None:
    """Import the modules that a profile names; one of them may bring the device that tensors are to be on.

    Raises:
        Exception: whatever importing them raises.
    """
    for module in implementation.modules:
        importlib.import_module(module)


def modules(implementation: Implementation) -> Sequence[str]:
    """What is imported to have the implementation; our own adapters, and what a certificate adds, apart."""
    backend, _, attribute = implementation.backend.rpartition(":")
    named = [each for each in implementation.modules if not each.startswith("harness.")]
    return (*named, *((backend,) if attribute and backend else ()))


def make(implementation: Implementation) -> Adapter:
    """The adapter that a profile names; torch.compile's where it names none.

    Raises:
        Exception: whatever importing the implementation raises.
    """
    introduce(implementation)
    named = implementation.adapter or "harness.torch_compile:TorchCompile"
    made = resolve(named)(implementation)
    if not isinstance(made, Adapter):
        raise TypeError(f"{named} gives {made!r}, expected a subclass of harness.adapter.Adapter")
    return made


def resolve(name: str) -> Any:  # noqa: ANN401 - whatever is there
    """The object at `module:attribute`.

    Raises:
        ImportError: the module cannot be imported or has no such attribute.
    """
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except AttributeError as error:
        raise ImportError(f"module {module!r} has no attribute {attribute!r}") from error


def phase(error: BaseException) -> str:
    """Who raised an exception that left a compiled program: trace, compile, backward, or run."""
    dynamo = sys.modules.get("torch._dynamo.exc")
    if dynamo and isinstance(error, dynamo.BackendCompilerFailed):
        return "compile"
    if dynamo and isinstance(error, dynamo.TorchDynamoException | dynamo.FailOnRecompileLimitHit):
        return "trace"
    places = [(frame.filename.replace("\\", "/"), frame.name) for frame in frames(error)]
    if any(name == "call_user_compiler" for _, name in places):
        return "compile"
    if any("torch/_dynamo/convert_frame" in file for file, _ in places):
        return "trace"
    if any(file.endswith("torch/autograd/graph.py") for file, _ in places):
        return "backward"
    return "run"


def frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Where an exception came from, the outermost frame first."""
    return list(traceback.extract_tb(error.__traceback__))
