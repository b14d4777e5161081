"""Sights: what one call showed, and what it did to the world around it. Far side.

Knows how to look without disturbing, and that a failure to look is ours. Must not know the stories.
"""

from __future__ import annotations

import contextlib
import ctypes
import random
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from harness import picture
from harness.picture import Picture


@dataclass(frozen=True, slots=True)
class Sight:
    """What one call showed: result, arguments afterwards, effects, or the exception."""

    result: Picture = ()
    arguments: Picture = ()
    effects: tuple[str, ...] = ()
    error: str = ""
    message: str = ""


class ObserverError(Exception):
    """Looking at a value failed: that is ours, and says nothing about the implementation."""


class UnseenError(ObserverError):
    """Looking at what a call left failed; where the oracle's could be looked at, that is the implementation's."""


@contextlib.contextmanager
def observing(kind: type[ObserverError] = ObserverError) -> Iterator[None]:
    """Turn whatever goes wrong inside into an `ObserverError`, or another kind of it."""
    try:
        yield
    except Exception as error:
        raise kind(f"a value could not be observed: {error!r}") from error


class Kept:
    """The results that the body still holds: later calls must leave them alone.

    Holds them weakly, because keeping a result alive can change what an implementation does with its memory.
    """

    def __init__(self) -> None:
        self._results: list[tuple[str, weakref.ref[torch.Tensor], Picture]] = []

    def add(self, results: Sequence[tuple[str, torch.Tensor]], call: int) -> None:
        """Remember what the results of a call look like now."""
        for place, tensor in results:
            label = place.replace("result", f"result_{call}", 1)
            self._results.append((label, weakref.ref(tensor), picture.take(tensor, label)))

    def changes(self) -> list[str]:
        """The earlier results that are not what they were, as effects; they are news only once."""
        found: list[str] = []
        still: list[tuple[str, weakref.ref[torch.Tensor], Picture]] = []
        for label, reference, before in self._results:
            tensor = reference()
            if tensor is None:
                continue
            now = picture.take(tensor, label)
            if picture.changed(before, now):
                found.append(f"mutates {label}")
            still.append((label, reference, now))
        self._results = still
        return found


def ambient() -> dict[str, object]:
    """The state of the process that a program may change, and that a compiler must not."""
    return {
        "grad_mode": torch.is_grad_enabled(),
        "default_dtype": torch.get_default_dtype(),
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "inference_mode": torch.is_inference_mode_enabled(),
        "threads": torch.get_num_threads(),
        "matmul_precision": torch.get_float32_matmul_precision(),
        "random_state": _content(torch.default_generator.get_state()),
        "python_random_state": random.getstate(),
    }


def changed(before: Mapping[str, object]) -> list[str]:
    """The names of the state that is not what it was."""
    return [name for name, value in ambient().items() if value != before[name]]


def _content(tensor: torch.Tensor) -> bytes:
    """The bytes of a tensor in the CPU's memory, read without any operation that a mode could see."""
    return ctypes.string_at(tensor.data_ptr(), tensor.nbytes)


def take_all(arguments: Sequence[tuple[str, Any]]) -> Picture:
    """One picture of several values with their places."""
    return tuple(leaf for place, value in arguments for leaf in picture.take(value, place))


def mutations(before: Picture, after: Picture) -> tuple[str, ...]:
    """What changed between two pictures, as effects of a call."""
    return tuple(f"mutates {place}" for place in picture.changed(before, after))


def message_of(error: BaseException) -> str:
    """The text of an exception, whatever it takes."""
    try:
        return str(error)
    except Exception as unreadable:  # noqa: BLE001 - an exception whose text raises is theirs
        return f"<its text cannot be read: {type(unreadable).__name__}>"
