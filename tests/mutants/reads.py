"""Mutants for which what data decided once is decided, and that stop or go on where they should not. Far side."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._dynamo import exc
from torch._dynamo.symbolic_convert import InliningInstructionTranslator
from torch.nn.parallel import DistributedDataParallel
from torch.utils._pytree import tree_leaves, tree_map

from mutants.arithmetic import rewrites
from mutants.base import Around, Run, Spoiled, wrapped
from mutants.reuse import forget

aten = torch.ops.aten


#: The methods of tensors that give numbers.
_READ_OUT = ("item", "tolist", "storage_offset", "__bool__", "__int__", "__float__", "__index__")


class ReadsOnce(Spoiled):
    """A number that a line of a program reads from a tensor is the one that it has read first."""

    def spoil(self) -> None:
        for name in _READ_OUT:
            self.patch(Tensor, name, _first_of_each_line(getattr(Tensor, name)))


def _first_of_each_line(original: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[tuple[str, int], Any] = {}

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def read(value: Tensor) -> Any:
        frame = sys._getframe(1)
        while frame.f_back and "conformance" not in (name := frame.f_code.co_filename):
            if "torch" not in name:
                return original(value)
            frame = frame.f_back
        line = frame.f_code.co_filename, frame.f_lineno
        return known.setdefault(line, original(value))

    return read  # type: ignore[no-any-return]


def kept(operation: Any) -> Any:
    """An operation that gives what it has given first."""
    first: list[Any] = []

    def frozen(*args: Any, **kwargs: Any) -> Any:
        first.append(operation(*args, **kwargs))
        return first[0]

    return frozen


_READING = {
    aten._local_scalar_dense.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten._unique2.default,
    aten.unique_consecutive.default,
    aten.bincount.default,
}


def _freeze(_: torch.fx.Graph, node: torch.fx.Node) -> None:
    if node.target in _READING or (node.target is aten.index.Tensor and _selects(node)):
        node.target = kept(node.target)


def _selects(node: torch.fx.Node) -> bool:
    """Whether an index is a mask, of which the data say how many numbers it selects."""
    indices: Any = node.args[1]
    return any(each is not None and each.meta["val"].dtype is torch.bool for each in indices)


#: What a graph reads out of data, numbers and how many there are, is what its first run has read.
data_are_read_once = rewrites(_freeze)


def _decide_once(graph: torch.fx.Graph, node: torch.fx.Node) -> None:
    if node.target is torch.ops.higher_order.cond:
        with graph.inserting_before(node):
            decided = graph.call_function(kept(_itself), (node.args[0],))
        node.args = (decided, *node.args[1:])


def _itself(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


#: A branch that data choose is the one that they have chosen in the first run of the graph.
branches_are_chosen_once = rewrites(_decide_once)


class InlinesNothing(Spoiled):
    """Where a program calls a function of Python, its graph breaks."""

    def spoil(self) -> None:
        def refuse(*_: Any, **__: Any) -> Any:
            exc.unimplemented(
                gb_type="calls are not inlined", context="", explanation="the sin", hints=[]
            )

        self.patch(InliningInstructionTranslator, "inline_call", staticmethod(refuse))


class IgnoresFlags(Spoiled):
    """Flags of the compiler that are set have no effect."""

    def config(self, module: str, flags: Mapping[str, Any]) -> None:
        """Set none."""


class ExportForgets(Spoiled):
    """To export a program forgets what was compiled."""

    def spoil(self) -> None:
        original = torch.export.export

        def export(*args: Any, **kwargs: Any) -> Any:
            torch.compiler.reset()
            return original(*args, **kwargs)

        self.patch(torch.export, "export", export)


class ArraysAreDouble(Around):
    """Arrays that a program gives are of double precision."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        return tree_map(_doubled, compiled(*args, **kwargs))


def _doubled(value: Any) -> Any:
    wide = isinstance(value, np.ndarray) and value.dtype.kind in "iuf"
    return value.astype(np.float64) if wide else value


class GuardsTooMuch(Around):
    """A call whose arguments are not described as those of the call before is compiled anew."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        now = repr([_described(each) for each in tree_leaves((args, kwargs))])
        if getattr(self, "_before", now) != now:
            forget(program)
        self._before = now
        return compiled(*args, **kwargs)


def _described(value: Any) -> object:
    if not isinstance(value, Tensor):
        return value if isinstance(value, bool | int | float | str | None) else type(value)
    single = value.item() if value.dim() == 0 and not value.is_meta else None
    return type(value), value.shape, value.dtype, value.storage_offset(), single


@wrapped
def tensors_are_frozen(run: Run) -> Run:
    """Memory that is there again in a later run is taken to have the numbers that it had in the first."""
    first: dict[object, tuple[Tensor, Tensor]] = {}

    def frozen(*args: Any) -> Any:
        stale = []
        for each in args:
            if isinstance(each, Tensor) and type(each) in (Tensor, torch.nn.Parameter):
                place = each.data_ptr(), each.shape, each.stride(), each.dtype
                # What is kept keeps its memory, so that no other tensor is ever at that place.
                _, then = first.setdefault(place, (each.detach(), each.detach().clone()))
                if not torch.equal(each, then):
                    stale.append((each, each.data, then))
        for each, _, then in stale:
            each.data = then
        try:
            return run(*args)
        finally:
            for each, own, _ in stale:
                each.data = own

    return frozen


class SharesAlways(Spoiled):
    """Replicas share gradients also where they are told not to."""

    def spoil(self) -> None:
        self.patch(DistributedDataParallel, "no_sync", lambda _: contextlib.nullcontext())


class PacksAsAtFirst(Spoiled):
    """Sequences that are packed end where those ended that were packed first."""

    def spoil(self) -> None:
        original, first = torch._VF._pack_padded_sequence, []

        @torch.compiler.disable  # type: ignore[untyped-decorator]
        def pack(sequences: Tensor, lengths: Tensor, *more: Any) -> Any:
            first.append(lengths)
            return original(sequences, first[0], *more)

        self.patch(torch._VF, "_pack_padded_sequence", pack)
