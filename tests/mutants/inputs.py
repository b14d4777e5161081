"""Mutants that take what they are given for something else. Far side."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mutants.base import Around, Run, wrapped


@wrapped
def numbers_are_narrow(run: Run) -> Run:
    """Symbolic whole numbers have 32 bits."""

    def narrowed(*args: Any) -> Any:
        return run(*(_in_32_bits(each) if type(each) is int else each for each in args))

    return narrowed


def _in_32_bits(number: int) -> int:
    return (number + 2**31) % 2**32 - 2**31


@wrapped
def negation_is_lost(run: Run) -> Run:
    """A tensor that is only marked as negative is read as it lies in memory."""

    def unmarked(*args: Any) -> Any:
        return run(*(_as_in_memory(each) if isinstance(each, Tensor) else each for each in args))

    return unmarked


def _as_in_memory(value: Tensor) -> Tensor:
    return torch._neg_view(value) if value.is_neg() else value


class IgnoresMarks(Around):
    """Tensors lose what they are marked with before each call."""

    def call(self, compiled: Run, program: Run, calls: int, args: Any, kwargs: Any) -> Any:
        for each in args:
            if isinstance(each, Tensor):
                for mark in [name for name in vars(each) if "dynamo_" in name]:
                    delattr(each, mark)
        return compiled(*args, **kwargs)


@wrapped
def absent_data_are_zeros(run: Run) -> Run:
    """A tensor that holds no data is taken for one of zeros."""

    def filled(*args: Any) -> Any:
        return run(*(_filled(each) for each in args))

    return filled


def _filled(value: Any) -> Any:
    absent = isinstance(value, Tensor) and value.is_meta
    return torch.zeros_like(value, device="cpu") if absent else value
