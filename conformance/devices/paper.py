"""A device made of Python: memory of the CPU under the dispatch key PrivateUse1. Far side.

Importing this module makes the device `paper` known to torch. Its tensors have storages with real addresses, so aliases
are as visible as on hardware; each operator without a kernel here runs on the CPU, on the same memory. What a tensor's
device is, is a label of its memory, and DLPack can change it: torch takes kDLExtDev for PrivateUse1
(aten/src/ATen/DLConvertor.cpp).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils import _pytree, backend_registration

NAME = "paper"

#: What autocast computes in its lower precision.
_REDUCED = ("matmul", "mm", "bmm", "addmm", "linear")

#: Operators that only say how memory is looked at.
_METADATA = (
    "as_strided",
    "view",
    "view.dtype",
    "view_as_real",
    "view_as_complex",
    "unfold",
    "_reshape_alias",
    "set_",
    "set_.source_Storage",
    "set_.source_Storage_storage_offset",
    "set_.source_Tensor",
)

#: DLPack's device types, and where a DLManagedTensor keeps them: behind the pointer to its data.
_CPU, _EXTENSION, _PLACE = 1, 12, ctypes.sizeof(ctypes.c_void_p)

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype = ctypes.c_void_p
_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


class _Module(backend_registration._DummyBackendModule):
    """What torch asks of `torch.paper`."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.float16, torch.bfloat16]

    def get_rng_state(self, _device: object = None) -> torch.Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor, _device: object = None) -> None:
        torch.set_rng_state(state)


def _relabel(tensor: torch.Tensor, kind: int) -> torch.Tensor:
    """The same memory with the same sizes and strides, on another device."""
    capsule = torch._C._to_dlpack(tensor)
    address = _pointer(capsule, b"dltensor")
    assert address is not None
    ctypes.c_int.from_address(address + _PLACE).value = kind
    made: torch.Tensor = torch._C._from_dlpack(capsule)
    return _lay(made, tensor.size(), tensor.stride(), 0)


def _lay(
    tensor: torch.Tensor, size: Sequence[int], stride: Sequence[int], offset: int
) -> torch.Tensor:
    if tensor.size() == size and tensor.stride() == stride and tensor.storage_offset() == offset:
        return tensor
    laid: torch.Tensor = torch.ops.aten.as_strided_.default(tensor, size, stride, offset)
    return laid


def _metadata(op: torch._ops.OpOverload) -> Callable[..., object]:
    """The CPU's kernel itself, for operators that read and write no memory: results keep device and storage."""
    keys = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)
    return lambda *args, **kwargs: op.redispatch(keys, *args, **kwargs)


def _empty(
    size: Sequence[int],
    *,
    dtype: torch.dtype | None = None,
    memory_format: torch.memory_format | None = None,
    **_: object,
) -> torch.Tensor:
    made = torch.empty(size, dtype=dtype, memory_format=memory_format or torch.contiguous_format)
    return _relabel(made, _EXTENSION)


def _empty_strided(
    size: Sequence[int], stride: Sequence[int], *, dtype: torch.dtype | None = None, **_: object
) -> torch.Tensor:
    return _relabel(torch.empty_strided(size, stride, dtype=dtype), _EXTENSION)


def _copy(source: torch.Tensor, target: torch.Tensor, *_: object) -> torch.Tensor:
    _lower(target).copy_(_lower(source))
    return target


def _lower(value: Any) -> Any:  # noqa: ANN401 - any argument of any operator
    if isinstance(value, torch.Tensor) and value.device.type == NAME:
        if value.numel() == 0:  # an operator may resize it; there is no memory to share
            return torch.empty_strided(value.size(), value.stride(), dtype=value.dtype)
        return _relabel(value, _CPU)
    if isinstance(value, torch.device) and value.type == NAME:
        return torch.device("cpu")
    return value


def _on_cpu(op: torch._ops.OpOverload, *args: object, **kwargs: object) -> object:
    """Run an operator on the CPU, on the memory of its arguments; results keep what its schema says of aliases."""
    lowered, options = _pytree.tree_map(_lower, (_wrap(op, args), kwargs))
    for argument in op._schema.arguments:
        if argument.is_out:  # an operator may resize it
            options[argument.name] = torch.empty(0, dtype=options[argument.name].dtype)
    results = op(*lowered, **options)
    given = _by_alias(op, args, kwargs)
    seen = _by_alias(op, lowered, options)
    returns = op._schema.returns
    if not returns:
        return None
    if len(returns) == 1:
        return _raise(results, returns[0], given, seen)
    return tuple(
        _raise(each, what, given, seen) for each, what in zip(results, returns, strict=True)
    )


def _wrap(op: torch._ops.OpOverload, args: Sequence[object]) -> tuple[object, ...]:
    """Numbers that stand for tensors, which torch unwraps on the way to a kernel in Python, as tensors again."""
    wanted = [isinstance(argument.type, torch.TensorType) for argument in op._schema.arguments]
    return tuple(
        _number(each) if tensor and isinstance(each, bool | int | float | complex) else each
        for each, tensor in zip(args, wanted, strict=False)
    )


def _number(value: complex) -> torch.Tensor:
    great = isinstance(value, int) and value >= 1 << 63
    return torch.tensor(value, dtype=torch.uint64 if great else None)


def _by_alias(
    op: torch._ops.OpOverload, args: Sequence[object], kwargs: Mapping[str, object]
) -> dict[str, torch.Tensor]:
    """The arguments that results may be or alias, by the name that the schema gives the alias."""
    found: dict[str, torch.Tensor] = {}
    for place, argument in enumerate(op._schema.arguments):
        value = args[place] if place < len(args) else kwargs.get(argument.name)
        if argument.alias_info and isinstance(value, torch.Tensor):
            found.update(dict.fromkeys(argument.alias_info.before_set, value))
    return found


def _raise(
    result: Any,  # noqa: ANN401 - any result of any operator
    what: Any,  # noqa: ANN401 - torch._C.Argument
    given: Mapping[str, torch.Tensor],
    seen: Mapping[str, torch.Tensor],
) -> object:
    if isinstance(result, list):
        return [_raise(each, what, given, seen) for each in result]
    if not isinstance(result, torch.Tensor):
        return result
    name = next(iter(what.alias_info.before_set), "") if what.alias_info else ""
    if name not in given:
        return _relabel(result, _EXTENSION)
    source = given[name]
    if not what.alias_info.is_write:
        raise NotImplementedError(f"the device `{NAME}` has no kernel for this view")
    if (
        result.size() != source.size()
    ):  # it was empty, or `out`: the memory of the result is its own
        _adopt(source, _relabel(result, _EXTENSION))
    elif result.data_ptr() != source.data_ptr():
        _lower(source).copy_(result)
    return source


def _adopt(tensor: torch.Tensor, other: torch.Tensor) -> None:
    """Make a tensor look at another's memory in the other's way."""
    size, stride, offset = other.size(), other.stride(), other.storage_offset()
    torch.ops.aten.set_.source_Storage_storage_offset(
        tensor, other.untyped_storage(), offset, size, stride
    )


def _resize(
    tensor: torch.Tensor, size: Sequence[int], *, memory_format: torch.memory_format | None = None
) -> torch.Tensor:
    wanted = torch.empty(
        size, dtype=tensor.dtype, memory_format=memory_format or torch.contiguous_format
    )
    had = tensor.untyped_storage().nbytes() - tensor.storage_offset() * tensor.element_size()
    if (
        wanted.untyped_storage().nbytes() > had
    ):  # memory of paper does not grow: what was there moves
        flat = _lower(tensor.as_strided((had // tensor.element_size(),), (1,)))
        wanted.as_strided((flat.numel(),), (1,)).copy_(flat)
        _adopt(tensor, _relabel(wanted, _EXTENSION))
        return tensor
    return _lay(tensor, wanted.size(), wanted.stride(), int(tensor.storage_offset()))


def _convolve(*args: object) -> object:
    """What torch wants of a device instead of a kernel for `convolution`."""
    return _on_cpu(torch.ops.aten.convolution.default, *args)


def _convolve_backward(gradient: torch.Tensor, *args: object) -> object:
    image, weight, *others = args
    sizes = [gradient.size(1)]
    backward = torch.ops.aten.convolution_backward.default
    return _on_cpu(backward, gradient, image, weight, sizes, *others)


def _sum(*terms: torch.Tensor | None) -> torch.Tensor:
    first, *others = (each for each in terms if each is not None)
    return sum(others, first)


def _step_lstm(
    gates: torch.Tensor,
    recurrent: torch.Tensor,
    cell: torch.Tensor,
    bias: torch.Tensor | None = None,
    recurrent_bias: torch.Tensor | None = None,
) -> tuple[torch.Tensor, ...]:
    """A step of an LSTM, which torch asks of a device of an extension whole; the open gates are for its derivative."""
    raw = _sum(gates, recurrent, bias, recurrent_bias)
    let_in, keep, new, let_out = raw.chunk(4, 1)
    opened = let_in.sigmoid(), keep.sigmoid(), new.tanh(), let_out.sigmoid()
    let_in, keep, new, let_out = opened
    after = keep * cell + let_in * new
    return let_out * after.tanh(), after, torch.cat(opened, 1)


def _step_lstm_backward(  # noqa: PLR0913, PLR0917 - as torch calls it
    gradient: torch.Tensor | None,
    cell_gradient: torch.Tensor | None,
    before: torch.Tensor,
    after: torch.Tensor,
    opened: torch.Tensor,
    has_bias: bool,  # noqa: FBT001 - as torch calls it
) -> tuple[torch.Tensor | None, ...]:
    if gradient is None and cell_gradient is None:
        return None, None, None
    let_in, keep, new, let_out = opened.chunk(4, 1)
    shown = after.tanh()
    of_shown = torch.zeros_like(after) if gradient is None else gradient
    of_cell = _sum(of_shown * let_out * (1 - shown * shown), cell_gradient)
    raw = torch.cat(
        (
            of_cell * new * let_in * (1 - let_in),
            of_cell * before * keep * (1 - keep),
            of_cell * let_in * (1 - new * new),
            of_shown * shown * let_out * (1 - let_out),
        ),
        1,
    )
    return raw, of_cell * keep, raw.sum(0) if has_bias else None


def _step_gru(
    gates: torch.Tensor,
    recurrent: torch.Tensor,
    state: torch.Tensor,
    bias: torch.Tensor | None = None,
    recurrent_bias: torch.Tensor | None = None,
) -> tuple[torch.Tensor, ...]:
    """A step of a GRU, as for an LSTM."""
    reset, keep, new = _sum(gates, bias).chunk(3, 1)
    reset_too, keep_too, recalled = _sum(recurrent, recurrent_bias).chunk(3, 1)
    reset, keep = (reset + reset_too).sigmoid(), (keep + keep_too).sigmoid()
    new = (new + reset * recalled).tanh()
    return new + keep * (state - new), torch.cat((reset, keep, new, recalled, state), 1)


def _step_gru_backward(
    gradient: torch.Tensor,
    held: torch.Tensor,
    has_bias: bool,  # noqa: FBT001 - as torch calls it
) -> tuple[torch.Tensor | None, ...]:
    reset, keep, new, recalled, state = held.chunk(5, 1)
    of_new = gradient * (1 - keep) * (1 - new * new)
    of_keep = gradient * (state - new) * keep * (1 - keep)
    of_reset = of_new * recalled * reset * (1 - reset)
    raw = torch.cat((of_reset, of_keep, of_new), 1)
    recurrent = torch.cat((of_reset, of_keep, of_new * reset), 1)
    biases = (raw.sum(0), recurrent.sum(0)) if has_bias else (None, None)
    return raw, recurrent, gradient * keep, *biases


def _reduce(packet: torch._ops.OpOverloadPacket) -> Callable[..., object]:
    """What autocast makes of an operator: its floating tensors are cast first."""
    key = torch._C._parse_dispatch_key("AutocastPrivateUse1")
    assert key is not None
    autocast = torch._C.DispatchKeySet(key)

    def cast(value: object, dtype: torch.dtype) -> object:
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            return value.to(dtype)
        return value

    def run(*args: object, **kwargs: object) -> object:
        dtype = torch.get_autocast_dtype(NAME)
        with torch._C._ExcludeDispatchKeyGuard(autocast):
            cast_args, cast_options = _pytree.tree_map(
                lambda each: cast(each, dtype), (args, kwargs)
            )
            return packet.default(*cast_args, **cast_options)

    return run


backend_registration._setup_privateuseone_for_python_backend(NAME, _Module())


_clone: Callable[[Any], Any] = torch.UntypedStorage.clone


def _clone_storage(storage: Any) -> Any:  # noqa: ANN401 - any of torch's kinds of storage
    """A storage with the same bytes: torch asks for an allocator of the device, of which there is none in Python."""
    if storage.device.type != NAME:
        return _clone(storage)
    held = torch.empty(0, dtype=torch.uint8, device=NAME).set_(storage)
    return _relabel(_lower(held).clone(), _EXTENSION).untyped_storage()


torch.UntypedStorage.clone = _clone_storage  # type: ignore[method-assign]


def _tag(storage: Any) -> str | None:  # noqa: ANN401 - any of torch's kinds of storage
    return NAME if storage.device.type == NAME else None


def _restore(storage: Any, location: str) -> Any:  # noqa: ANN401 - any of torch's kinds of storage
    if not location.startswith(NAME):
        return None
    held = torch.empty(0, dtype=torch.uint8).set_(storage)
    return _relabel(held, _EXTENSION).untyped_storage()


torch.serialization.register_package(5, _tag, _restore)  # before torch's own for any device

# Registrations live as long as their libraries.
_KERNELS = torch.library.Library("aten", "IMPL")
_FALLBACK = torch.library.Library("_", "IMPL")


def _register(name: str, kernel: Callable[..., object], key: str = "PrivateUse1") -> None:
    """Make a function the kernel of an operator. Dynamo does not look into it, as it would not into a real device's."""
    _KERNELS.impl(name, torch.compiler.disable(kernel), key)


for _name in _METADATA:
    _packet, _, _overload = _name.partition(".")
    _op = getattr(getattr(torch.ops.aten, _packet), _overload or "default")
    _register(_name, _metadata(_op))
for _name in _REDUCED:
    _register(_name, _reduce(getattr(torch.ops.aten, _name)), "AutocastPrivateUse1")
_register("empty.memory_format", _empty)
_register("empty_strided", _empty_strided)
_register("resize_", _resize)
_register("_copy_from", _copy)
_register("convolution_overrideable", _convolve)
_register("convolution_backward_overrideable", _convolve_backward)
_register("_thnn_fused_lstm_cell", _step_lstm)
_register("_thnn_fused_lstm_cell_backward_impl", _step_lstm_backward)
_register("_thnn_fused_gru_cell", _step_gru)
_register("_thnn_fused_gru_cell_backward", _step_gru_backward)
_FALLBACK.fallback(torch.compiler.disable(_on_cpu), "PrivateUse1")
_FALLBACK.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
