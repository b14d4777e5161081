"""Torch's structured trace, read while it is written. Far side.

Knows the records of logger `torch.__trace` (the channel behind TORCH_TRACE; the same on torch 2.9 to 2.15).
Must not know what they are good for. Reading it puts nothing between torch and the implementation.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_SIGNATURE = re.compile(r"def forward\(self(?:, )?(?P<inputs>.*?)\) ?(?:->|:)", re.DOTALL)
_INPUT = re.compile(r'(?P<name>\w+) ?: "(?P<kind>[^"]*)"|(?P<bare>\w+)')
_STACK_COMMENT = re.compile(r"\s+# .*$")


@dataclass(frozen=True, slots=True)
class CapturedGraph:
    """A graph that Dynamo handed to the backend: its text and its inputs, such as "f32[2, 3]" or "Sym(s77)"."""

    text: str
    inputs: tuple[str, ...]


@dataclass(slots=True)
class Compilation:
    """One compilation of one frame, gathered from its records.

    Attributes:
        id: Dynamo's compile id: frame/attempt, such as "0/1".
        function: name of the code object.
        attempt: Dynamo may restart a compilation; the last attempt is what the code is made of.
        graphs: those handed to the backend in the last attempt that got that far.
        discarded: how many were handed to it in attempts before that one.
        ops: call nodes in those graphs.
        guards: the guard tree as text.
        reason: why existing code could not be reused; "" for a first compilation.
        backward: the captured graph of a backward pass, if compiled autograd made one here.
        breaks: why a graph ended early, one text each.
        failure: type and reason, if the compilation failed.
    """

    id: str
    function: str = ""
    attempt: int = 0
    discarded: int = 0
    graphs: list[CapturedGraph] = field(default_factory=list)
    ops: int = 0
    guards: str = ""
    reason: str = ""
    backward: str = ""
    breaks: list[str] = field(default_factory=list)
    failure: str = ""

    def restart(self, attempt: int) -> None:
        """Take note of the attempt that a record belongs to."""
        if attempt > self.attempt:
            self.attempt = attempt
            self.discarded += len(self.graphs)
            self.graphs = []

    def evidence(self) -> dict[str, Any]:
        """What a report shows of it."""
        return {
            "id": self.id,
            "function": self.function,
            "ops": self.ops,
            "graphs": [graph.text for graph in self.graphs],
            "guards": _without_stacks(self.guards),
            "reason": self.reason,
            "backward": self.backward,
            "breaks": self.breaks,
            "discarded": self.discarded,
            "failure": self.failure,
        }


class Trace(logging.Handler):
    """Collects the records from the moment that it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self._records: list[tuple[Mapping[str, Any], str]] = []

    def open(self) -> None:
        """Start to collect."""
        logging.getLogger("torch.__trace").addHandler(self)

    def close(self) -> None:
        """Collect no more."""
        logging.getLogger("torch.__trace").removeHandler(self)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record; called by torch."""
        metadata: Mapping[str, Any] = getattr(record, "metadata", {})
        if any(kind in metadata for kind in _READERS):
            self._records.append((metadata, getattr(record, "payload", None) or ""))

    def mark(self) -> int:
        """A position to read from later."""
        return len(self._records)

    def since(self, mark: int = 0) -> list[Compilation]:
        """The compilations that the records from a position on speak of, in order."""
        found: dict[str, Compilation] = {}
        for metadata, payload in self._records[mark:]:
            identity = _identity(metadata)
            compilation = found.setdefault(identity, Compilation(identity))
            compilation.restart(metadata.get("attempt") or 0)
            for kind, reader in _READERS.items():
                if kind in metadata:
                    reader(compilation, metadata[kind], payload)
        return list(found.values())


def _identity(metadata: Mapping[str, Any]) -> str:
    autograd = metadata.get("compiled_autograd_id")
    prefix = "" if autograd is None else f"!{autograd}/"
    return f"{prefix}{metadata.get('frame_id', '-')}/{metadata.get('frame_compile_id', '-')}"


def _read_graph(compilation: Compilation, _: object, payload: str) -> None:
    compilation.graphs.append(CapturedGraph(payload.strip(), inputs(payload)))


def _read_backward(compilation: Compilation, _: object, payload: str) -> None:
    compilation.backward = payload.strip()


def _read_guards(compilation: Compilation, _: object, payload: str) -> None:
    compilation.guards = payload.strip()


def _without_stacks(guards: str) -> str:
    rows = (_STACK_COMMENT.sub("", row) for row in guards.splitlines())
    return "\n".join(row for row in rows if row.strip())


def _read_artifact(compilation: Compilation, metadata: Mapping[str, Any], payload: str) -> None:
    if metadata.get("name") == "recompile_reasons":
        compilation.reason = payload.strip()
    elif metadata.get("name") == "dynamo_graph_break_reason":
        compilation.breaks.append(payload.strip())


def _read_metrics(compilation: Compilation, metadata: Mapping[str, Any], _: str) -> None:
    compilation.function = metadata.get("co_name") or ""
    compilation.ops = metadata.get("graph_op_count") or 0
    if metadata.get("fail_type"):
        compilation.failure = (
            f"{metadata['fail_type']}: {metadata.get('fail_reason') or ''}".strip()
        )


_READERS: Mapping[str, Any] = {
    "dynamo_output_graph": _read_graph,
    "compiled_autograd_graph": _read_backward,
    "dynamo_cpp_guards_str": _read_guards,
    "artifact": _read_artifact,
    "compilation_metrics": _read_metrics,
}


def inputs(graph: str) -> tuple[str, ...]:
    """The kinds of a printed graph's inputs, without strides and devices; the bare name where none is given."""
    found = _SIGNATURE.search(graph)
    if not found:
        return ()
    return tuple(
        _shape(each["kind"]) if each["kind"] is not None else each["bare"]
        for each in _INPUT.finditer(found["inputs"])
    )


def _shape(kind: str) -> str:
    """`f32[2, 3][3, 1]cpu` without what depends on layout and device: `f32[2, 3]`."""
    found = re.match(r"(.*?\w+\[[^\]]*\])", kind)
    return found[1] if found else kind
