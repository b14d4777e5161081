"""Mutants that compute with numbers of some kinds otherwise than eager does. Far side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from mutants.base import Run, rewritten, wrapped
from mutants.results import of_results

aten = torch.ops.aten


@wrapped
def nans_are_zero(run: Run) -> Run:
    return of_results(_without_nans)(run)


def _without_nans(value: Tensor) -> Tensor:
    special = value.is_floating_point() and bool(value.isnan().any())
    return torch.where(value.isnan(), torch.zeros_like(value), value) if special else value


@wrapped
def zeros_have_no_sign(run: Run) -> Run:
    """A zero that comes in is a positive one."""

    def unsigned(*args: Any) -> Any:
        return run(*(_without_sign(each) for each in args))

    return unsigned


def _without_sign(value: Any) -> Any:
    if not isinstance(value, Tensor) or not value.is_floating_point() or value.requires_grad:
        return value
    return value + 0.0 if bool(((value == 0) & value.signbit()).any()) else value


@wrapped
def whole_numbers_are_fractions(run: Run) -> Run:
    """Whole numbers are kept as fractions of single precision."""
    return of_results(_through_floats)(run)


def _through_floats(value: Tensor) -> Tensor:
    if value.dtype is not torch.int64 or bool((value.abs() < 1 << 24).all()):
        return value
    return value.float().to(torch.int64)


def rewrites(change: Callable[[torch.fx.Graph, Node], None]) -> Any:
    """A backend that changes each operation of its forward and backward graphs."""

    def spoil(module: GraphModule, _: int) -> None:
        for node in list(module.graph.nodes):
            if node.op == "call_function":
                change(module.graph, node)
        module.recompile()

    return rewritten(spoil, spoil)


def _cut_off(_: torch.fx.Graph, node: Node) -> None:
    if node.kwargs.get("rounding_mode") == "floor":
        node.kwargs = {**node.kwargs, "rounding_mode": "trunc"}
    others: dict[Any, Any] = {
        aten.remainder.Scalar: aten.fmod.Scalar,
        aten.remainder.Tensor: aten.fmod.Tensor,
        aten.floor_divide.default: _truncated,
        aten.floor.default: aten.trunc.default,
    }
    node.target = others.get(node.target, node.target)


def _truncated(left: Any, right: Any) -> Any:
    return torch.div(left, right, rounding_mode="trunc")


#: What is divided and rounded down is rounded towards zero.
divides_towards_zero = rewrites(_cut_off)


def _overloads(*names: str) -> set[Any]:
    packets = [getattr(aten, name) for name in names]
    return {getattr(packet, overload) for packet in packets for overload in packet.overloads()}


_MAY_BE_ZERO = _overloads(
    "round", "trunc", "ceil", "neg", "mul", "div", "add", "sub", "rsub", "sqrt"
)


def _lose_sign(_: torch.fx.Graph, node: Node) -> None:
    if node.target in _MAY_BE_ZERO and "out" not in node.kwargs:
        node.target = _unsigned(node.target)


def _unsigned(operation: Any) -> Any:
    def computed(*args: Any, **kwargs: Any) -> Any:
        found = operation(*args, **kwargs)
        return found + 0.0 if isinstance(found, Tensor) and found.is_floating_point() else found

    return computed


#: A zero that a graph computes is a positive one.
new_zeros_have_no_sign = rewrites(_lose_sign)


def _round_up(_: torch.fx.Graph, node: Node) -> None:
    if node.target is aten.round.default:
        node.target = _to_the_next


def _to_the_next(value: Tensor) -> Tensor:
    return torch.floor(value + 0.5).to(value.dtype)


#: Halves are rounded up, not to the even number.
rounds_halves_up = rewrites(_round_up)


def _convert(value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    wanted: Any = kwargs.get("dtype") or value.dtype
    fractions = wanted.is_floating_point or wanted.is_complex or wanted is torch.bool
    if value.is_floating_point() and not fractions:
        value = value.round()
    return aten._to_copy.default(value, *args, **kwargs)  # type: ignore[no-any-return]


def _round_conversions(_: torch.fx.Graph, node: Node) -> None:
    if node.target is aten._to_copy.default:
        node.target = _convert


#: A fraction that is converted to a whole number is rounded, not cut off.
conversions_round = rewrites(_round_conversions)


def _widened(operation: Any) -> Any:
    def promoted(*args: Any, **kwargs: Any) -> Any:
        found = [each for each in args if isinstance(each, Tensor)]
        if len(args) < 2 or not found:
            return operation(*args, **kwargs)
        common = found[0].dtype
        for each in args[:2]:
            kind = each.dtype if isinstance(each, Tensor) else torch.tensor(each).dtype
            common = torch.promote_types(common, kind)
        wide = (each.to(common) if isinstance(each, Tensor) else each for each in args)
        return operation(*wide, **kwargs)

    return promoted


_BINARY = _overloads("add", "sub", "mul", "div", "pow", "maximum", "minimum", "where", "eq", "lt")


def _promote(_: torch.fx.Graph, node: Node) -> None:
    if node.target in _BINARY and "out" not in node.kwargs:
        node.target = _widened(node.target)


#: A number beside a tensor counts as a tensor of its own dtype does.
numbers_have_a_dtype = rewrites(_promote)


def _clamp(_: torch.fx.Graph, node: Node) -> None:
    if node.target is aten.index.Tensor:
        node.target = _clamped_index
    elif node.target in (aten.index_select.default, aten.gather.default):
        node.target = _clamping(node.target)


def _clamped_index(value: Tensor, indices: Any) -> Any:
    kept = [
        each if each is None or each.dtype is torch.bool else each.clamp(0, value.shape[place] - 1)
        for place, each in enumerate(indices)
    ]
    return aten.index.Tensor(value, kept)


def _clamping(operation: Any) -> Any:
    def clamped(value: Tensor, dim: int, index: Tensor, *more: Any, **kwargs: Any) -> Any:
        return operation(value, dim, index.clamp(0, value.shape[dim] - 1), *more, **kwargs)

    return clamped


#: An index before the first entry, or after the last one, leads to that.
indices_are_clamped = rewrites(_clamp)


def _convert_bits(_: torch.fx.Graph, node: Node) -> None:
    if node.target is aten.view.dtype:
        node.target = torch.Tensor.to


#: What is read as another dtype is converted to it.
bits_are_converted = rewrites(_convert_bits)


def _average_squares(_: torch.fx.Graph, node: Node) -> None:
    if node.target in (aten.var.correction, aten.var.default, aten.var.dim):
        node.target = _naive(node.target)
    elif node.target in (aten.sum.default, aten.mean.default):
        node.target = _one_by_one(node.target)


def _naive(operation: Any) -> Any:
    def variance(value: Tensor, *args: Any, **kwargs: Any) -> Any:
        precise = operation(value, *args, **kwargs)
        if value.dtype is not torch.float32 or precise.dim():
            return precise
        count = value.numel()
        return ((value**2).mean() - value.mean() ** 2) * (count / max(1, count - 1))

    return variance


def _one_by_one(operation: Any) -> Any:
    def summed(value: Tensor, *args: Any, **kwargs: Any) -> Any:
        if value.dtype is not torch.float32 or value.numel() < 1000:
            return operation(value, *args, **kwargs)
        total = value.reshape(-1).cumsum(0, dtype=torch.float32)[-1]
        total = total.bfloat16().float()
        return total / value.numel() if operation is aten.mean.default else total

    return summed


#: Sums of many numbers, and variances, lose the digits that take care to keep.
great_sums_are_rough = rewrites(_average_squares)


_SPREADS = {
    getattr(packet, overload)
    for packet in (aten.var, aten.std, aten.var_mean, aten.std_mean)
    for overload in ("correction", "default", "dim")
}


def _correcting(change: Callable[[Any], Any]) -> Any:
    """A backend whose variances are as a change of each of the operations makes them."""

    def exchange(_: torch.fx.Graph, node: Node) -> None:
        if node.target in _SPREADS:
            node.target = change(node.target)

    return rewrites(exchange)


def _corrected_by(correction: int) -> Callable[[Any], Any]:
    def change(operation: Any) -> Any:
        def spread(*args: Any, **kwargs: Any) -> Any:
            return operation(*args, **{**kwargs, "correction": correction})

        return spread

    return change


#: A variance is by as many as there are numbers.
spreads_are_biased = _correcting(_corrected_by(0))

#: A variance is by one less than there are numbers.
spreads_are_unbiased = _correcting(_corrected_by(1))


def _counted_at_first(operation: Any) -> Any:
    first: list[float] = []

    def spread(value: Tensor, *args: Any, **kwargs: Any) -> Any:
        found = operation(value, *args, **kwargs)
        if not isinstance(found, Tensor):
            return found
        asked = kwargs.get("correction")
        numbers = value.numel() / found.numel() - (1 if asked is None else asked)
        first.append(numbers)
        squared = operation.overloadpacket is aten.var
        return found * (numbers / first[0]) ** (1 if squared else 0.5)

    return spread


#: A variance is by the number of those that there were in the first run of its graph.
spreads_count_as_at_first = _correcting(_counted_at_first)


@wrapped
def low_precision_is_lower(run: Run) -> Run:
    """Numbers of low precision lose their last three bits."""
    return of_results(_coarse)(run)


def _coarse(value: Tensor) -> Tensor:
    if value.dtype not in (torch.float16, torch.bfloat16) or not value.is_contiguous():
        return value
    with torch.no_grad():
        rough = (value.detach().view(torch.int16) & ~7).view(value.dtype)
        return value + (rough - value.detach())


@wrapped
def conjugates_are_lost(run: Run) -> Run:
    """A tensor that is only marked as conjugate is read as it lies in memory."""

    def unmarked(*args: Any) -> Any:
        return run(*(_unconjugated(each) for each in args))

    return unmarked


def _unconjugated(value: Any) -> Any:
    return torch.conj(value) if isinstance(value, Tensor) and value.is_conj() else value


def _real(_: torch.fx.Graph, node: Node) -> None:
    if node.target in (aten._conj.default, aten._conj_physical.default, aten.conj_physical.default):
        node.target = aten.clone.default
    elif node.target in (aten.angle.default, aten.abs.default):
        node.target = _of_real_part(node.target)


def _of_real_part(operation: Any) -> Any:
    def measured(value: Tensor) -> Any:
        return operation(torch.real(value) if value.is_complex() else value)

    return measured


#: Imaginary parts are passed over by what conjugates, and by what measures.
imaginary_parts_are_lost = rewrites(_real)


def _draw_further(graph: torch.fx.Graph, node: Node) -> None:
    if str(node.target).startswith(("aten.rand.", "aten.rand_like.", "aten.uniform.")):
        with graph.inserting_after(node):
            wide = graph.call_function(aten.mul.Tensor, (node, 1.5))
        wide.meta.update(node.meta)
        node.replace_all_uses_with(wide, delete_user_cb=lambda user: user is not wide)


#: Draws of a fraction leave their bounds.
draws_leave_their_bounds = rewrites(_draw_further)


def _double(_: torch.fx.Graph, node: Node) -> None:
    made = (aten.full.default, aten.scalar_tensor.default, aten.arange.default, aten.ones.default)
    parts = any(isinstance(each, complex) for each in node.args)
    if node.target in made and not parts and node.kwargs.get("dtype") in (torch.float32, None):
        node.kwargs = {**node.kwargs, "dtype": torch.float64}


#: Tensors that a graph makes from fractions are of double precision.
new_tensors_are_double = rewrites(_double)


def _transposed(operation: Any) -> Any:
    def reshaped(value: Tensor, *args: Any, **kwargs: Any) -> Any:
        return value.reshape(operation(value, *args, **kwargs).shape)

    return reshaped


_TRANSPOSING = (aten.t.default, aten.transpose.int, aten.permute.default, aten.movedim.int)


def _reshape(_: torch.fx.Graph, node: Node) -> None:
    if node.target in _TRANSPOSING:
        node.target = _transposed(node.target)


#: What is transposed has its new shape, and its numbers in the old order.
transposes_are_lost = rewrites(_reshape)


def _swap_condition(_: torch.fx.Graph, node: Node) -> None:
    if node.target is aten.where.self:
        node.target = _chosen_by_masks


def _chosen_by_masks(condition: Tensor, value: Tensor, other: Tensor) -> Tensor:
    if value.dtype is torch.bool:
        return torch.where(value, condition, other)
    return torch.where(condition, value, other)


#: Where a mask is chosen from, it is itself the condition.
masks_are_conditions = rewrites(_swap_condition)


def _average(_: torch.fx.Graph, node: Node) -> None:
    if node.target is aten.sum.default:
        node.target = aten.mean.default


#: What is to be summed is averaged.
sums_are_averages = rewrites(_average)
