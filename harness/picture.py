"""Pictures: what a value looked like at one moment, and which property of two pictures differs. Far side.

Knows the properties that the contract speaks of. Must not know scenarios or who made the values. A picture
holds copies, so that later changes of the value do not change it.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType
from typing import Any

import torch

#: Relative and absolute tolerance per dtype: those of torch.testing.assert_close; other dtypes are exact.
TOLERANCES: Mapping[torch.dtype, tuple[float, float]] = {
    torch.float16: (1e-3, 1e-5),
    torch.bfloat16: (1.6e-2, 1e-5),
    torch.float32: (1.3e-6, 1e-5),
    torch.float64: (1e-7, 1e-7),
    torch.complex64: (1.3e-6, 1e-5),
    torch.complex128: (1e-7, 1e-7),
}

_PLAIN = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type(None),
    torch.dtype,
    torch.device,
    torch.layout,
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A property of a place in which a picture is not the oracle's, with the two texts."""

    property: str
    place: str
    expected: str
    told: str

    def __str__(self) -> str:
        return f"{self.property} of {self.place}"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A place in a value and its properties, by name; `data` only for tensors that have numbers."""

    place: str
    properties: Mapping[str, str]
    data: torch.Tensor | None = None


Picture = tuple[Leaf, ...]

#: The step from a leaf of autograd to its gradient.
GRAD = ".grad"


def leaves(value: object, place: str, seen: tuple[int, ...] = ()) -> Iterator[tuple[str, object]]:
    """Every place inside a value that the contract speaks of, containers before their contents."""
    yield place, value
    if isinstance(value, torch.Tensor) and value.requires_grad and _is_leaf(value):
        yield f"{place}{GRAD}", value.grad
    if id(value) in seen:
        return
    for step, item in _inside(value):
        yield from leaves(item, f"{place}{step}", (*seen, id(value)))


def _is_leaf(tensor: torch.Tensor) -> bool:
    """Whether a tensor is a leaf of autograd; a view that autograd refuses, since its base was written, is none."""
    try:
        return tensor.is_leaf
    except RuntimeError:
        return False


def _inside(value: object) -> Iterator[tuple[str, object]]:
    """The parts of a value, each with the step that leads to it."""
    if isinstance(value, torch.Tensor | torch.Size | type) or (
        callable(value) and not _has_state(value)
    ):
        return
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, tuple | list | deque):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, torch.nn.Module):
        yield from ((f".{name}", each) for name, each in value.named_parameters())
        yield from ((f".{name}", each) for name, each in value.named_buffers())
    elif _has_state(value):
        yield from ((f".{name}", item) for name, item in vars(value).items())


def _has_state(value: object) -> bool:
    """Whether a value is an instance of a class that somebody wrote, with attributes to look at."""
    return (
        isinstance(value, torch.nn.Module)
        or dataclasses.is_dataclass(value)
        or (
            hasattr(value, "__dict__")
            and not isinstance(value, FunctionType | ModuleType | MethodType)
        )
    )


def tensors(value: object, place: str) -> list[tuple[str, torch.Tensor]]:
    """The tensors among the leaves of a value, with their places; gradients are no value of their own."""
    return [
        (where, leaf)
        for where, leaf in leaves(value, place)
        if isinstance(leaf, torch.Tensor) and not where.endswith(GRAD)
    ]


def take(value: object, place: str) -> Picture:
    """A picture of a value as it is now."""
    return tuple(_leaf(leaf, where) for where, leaf in leaves(value, place))


def _leaf(value: object, place: str) -> Leaf:  # noqa: PLR0911 - one for each kind of value
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, torch.Tensor):
        return _tensor(value, place, kind)
    if isinstance(value, _PLAIN) or type(value) is torch.Size:
        return Leaf(place, {"type": kind, "value": repr(value)})
    if isinstance(value, range):
        return Leaf(place, {"type": kind, "value": repr(value)})
    if isinstance(value, set | frozenset):
        return Leaf(place, {"type": kind, "value": repr(sorted(map(repr, value)))})
    if isinstance(value, dict):
        return Leaf(place, {"type": kind, "keys": repr(list(value))})
    if isinstance(value, tuple | list | deque):
        return Leaf(place, {"type": kind, "length": str(len(value))})
    if type(value).__module__ == "numpy":
        return _array(value, place, kind)
    return Leaf(place, {"type": kind})


def _array(value: Any, place: str, kind: str) -> Leaf:  # noqa: ANN401 - of numpy, which may be missing
    properties = {"type": kind, "dtype": str(getattr(value, "dtype", ""))}
    if getattr(value, "dtype", None) is None or value.dtype.kind not in "biufc":
        return Leaf(place, {**properties, "value": repr(value)})
    properties["shape"] = str(list(value.shape))
    return Leaf(place, properties, torch.as_tensor(value.copy()))


def _tensor(value: torch.Tensor, place: str, kind: str) -> Leaf:
    plain = value.layout is torch.strided
    properties = {
        "type": kind,
        "dtype": str(value.dtype).removeprefix("torch."),
        "shape": str(list(value.shape)),
        "device": str(value.device),
        "layout": str(value.layout).removeprefix("torch."),
        "stride": str(_significant(value)) if plain else "",
        "requires_grad": str(value.requires_grad),
    }
    data = None if value.is_meta else value.detach().clone()
    return Leaf(place, properties, data)


def _significant(value: torch.Tensor) -> list[int | None]:
    """Strides of the dimensions in which a step can be taken; None for the others."""
    if value.numel() == 0:
        return [None] * value.dim()
    return [
        stride if size > 1 else None
        for size, stride in zip(value.shape, value.stride(), strict=True)
    ]


def compare(
    expected: Picture,
    told: Picture,
    *,
    values: bool = True,
    tolerances: Mapping[torch.dtype, tuple[float, float]] = TOLERANCES,
) -> list[Difference]:
    """The properties in which `told` is not `expected`, at most one a place, the most telling first.

    Args:
        expected: the oracle's picture.
        told: the implementation's picture.
        values: whether the numbers of tensors must be close as well.
        tolerances: how close, relatively and absolutely, for each dtype; others must be equal.
    """
    found: list[Difference] = []
    for left, right in zip(expected, told, strict=False):
        if left.place != right.place:
            return [*found, Difference("structure", left.place, left.place, right.place)]
        differing = [
            Difference(
                name, left.place, left.properties.get(name, ""), right.properties.get(name, "")
            )
            for name in {**left.properties, **right.properties}
            if left.properties.get(name) != right.properties.get(name)
        ]
        if differing:
            found += differing[:1] if differing[0].property == "type" else differing
        elif values and left.data is not None and right.data is not None:
            found += _values(left, right, tolerances)
    if len(expected) != len(told) and not found:
        place = expected[0].place if expected else told[0].place
        found.append(
            Difference("structure", place, f"{len(expected)} leaves", f"{len(told)} leaves")
        )
    return found


def _values(
    left: Leaf, right: Leaf, tolerances: Mapping[torch.dtype, tuple[float, float]]
) -> list[Difference]:
    assert left.data is not None
    assert right.data is not None
    rtol, atol = tolerances.get(left.data.dtype, (0.0, 0.0))
    try:
        torch.testing.assert_close(
            right.data, left.data, rtol=rtol, atol=atol, equal_nan=True, check_stride=False
        )
    except AssertionError:
        return [Difference("value", left.place, describe(left.data), describe(right.data))]
    return []


def changed(before: Picture, after: Picture) -> list[str]:
    """The places whose tensors are not what they were, bit for bit; that gradients accumulate is no news."""
    return [
        right.place
        for left, right in zip(before, after, strict=False)
        if left.data is not None
        and right.data is not None
        and not right.place.endswith(GRAD)
        and (left.properties != right.properties or not _same(left.data, right.data))
    ]


def _same(left: torch.Tensor, right: torch.Tensor) -> bool:
    if left.layout is not torch.strided:
        return bool(torch.equal(left.to_dense(), right.to_dense()))
    if left.shape != right.shape:
        return False
    return bool(torch.allclose(left, right, rtol=0, atol=0, equal_nan=True))


def aliases(
    arguments: Sequence[tuple[str, torch.Tensor]], results: Sequence[tuple[str, torch.Tensor]]
) -> list[str]:
    """How the results' tensors coincide with the arguments and with each other, as effects of a call."""
    found: list[str] = []
    objects: dict[int, str] = {}
    storages: dict[int, str] = {}
    for place, tensor in arguments:
        objects.setdefault(id(tensor), place)
        storages.setdefault(_storage(tensor), place)
    for place, tensor in results:
        memory = _storage(tensor)
        if id(tensor) in objects:
            found.append(f"{place} is {objects[id(tensor)]}")
        elif memory in storages and memory:
            found.append(f"{place} shares storage with {storages[memory]}")
        objects.setdefault(id(tensor), place)
        storages.setdefault(memory, place)
    return found


def _storage(tensor: torch.Tensor) -> int:
    """Where a tensor's memory begins; 0 for none."""
    try:
        storage = tensor.untyped_storage()
        return storage.data_ptr() if storage.nbytes() > 0 else 0
    except (NotImplementedError, RuntimeError):  # sparse and other layouts have no storage
        return 0


def describe(value: object) -> str:  # noqa: PLR0911 - one for each kind of value
    """A short text of a value for stories and evidence: numbers to six digits, no addresses."""
    if isinstance(value, torch.Tensor):
        if value.is_meta:
            return f"meta tensor of shape {list(value.shape)}"
        try:
            numbers = value.detach().to("cpu").to_dense().reshape(-1)
        except (RuntimeError, NotImplementedError):  # a layout that has no dense form
            return f"{str(value.layout).removeprefix('torch.')} tensor of shape {list(value.shape)}"
        shown: Any = [_number(each) for each in numbers[:12].tolist()]
        text = f"[{', '.join(shown)}{', ...' if numbers.numel() > len(shown) else ''}]"
        shape = "" if value.dim() == 1 else f" of shape {list(value.shape)}"
        dtype = (
            "" if value.dtype is torch.float32 else f" {str(value.dtype).removeprefix('torch.')}"
        )
        return f"{text}{shape}{dtype}"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, tuple | list):
        inside = ", ".join(describe(each) for each in value)
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {describe(each)}" for key, each in value.items()) + "}"
    return str(value)


def _number(value: complex | str) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
