"""Mutants that make of sparse tensors what they are not: dense ones, or those of the first call. Far side."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from mutants.base import Around, Run


def is_sparse(value: Any) -> bool:
    """Whether a value is a tensor that only has some entries."""
    return isinstance(value, Tensor) and value.layout is not torch.strided


class MakesDense(Around):
    """Sparse arguments are made dense before the call."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        given = (each.to_dense() if is_sparse(each) else each for each in args)
        return compiled(*given, **kwargs)


class GradientsAreDense(Around):
    """The gradients of sparse arguments are dense."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        differentiated: Any = _Differentiated
        given = (differentiated.apply(each) if is_sparse(each) else each for each in args)
        return compiled(*given, **kwargs)


class _Differentiated(torch.autograd.Function):
    """What it is given, with a dense gradient."""

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        """The same entries."""
        return value.clone()

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        """A dense gradient."""
        return gradient.to_dense()


class EntriesAreFrozen(Around):
    """Sparse tensors that a program is given, captures or makes have the entries of the first call's."""

    def spoil(self) -> None:
        self._first: dict[object, Tensor] = {}
        self._within = False
        original = Tensor.to_sparse

        @torch.compiler.disable  # type: ignore[untyped-decorator]
        def to_sparse(value: Tensor, *args: Any, **kwargs: Any) -> Any:
            made = original(value, *args, **kwargs)
            known = self._within and not isinstance(value, FakeTensor)
            return self._of_first("made", made) if known else made

        self.patch(Tensor, "to_sparse", to_sparse)

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        given = [self._of_first(place, each) for place, each in enumerate(args)]
        with self._captured(program):
            self._within = True
            try:
                return compiled(*given, **kwargs)
            finally:
                self._within = False

    def _of_first(self, place: object, value: Any) -> Any:
        if not is_sparse(value) or value.requires_grad:
            return value
        return self._first.setdefault((place, value.layout, value.shape), value.clone())

    @contextlib.contextmanager
    def _captured(self, program: Any) -> Iterator[None]:
        """Let the lists that a function captures hold what they held in the first call."""
        cells = (program.__closure__ or ()) if isinstance(program, FunctionType) else ()
        lists = [cell.cell_contents for cell in cells if isinstance(cell.cell_contents, list)]
        before = [list(each) for each in lists]
        for number, each in enumerate(lists):
            each[:] = [self._of_first((number, i), value) for i, value in enumerate(each)]
        try:
            yield
        finally:
            for each, values in zip(lists, before, strict=True):
                each[:] = values
