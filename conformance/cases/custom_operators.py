"""Do custom operators act in compiled code as they were declared: opaque, mutating, differentiable?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.library import custom_op

from harness.scenario import Subject, scenario

#: What the operators below read and write beside their arguments.
SETTINGS: dict[str, Any] = {"factor": 2.0, "calls": []}


def like(x: Tensor, *_: object) -> Tensor:
    """What an operator whose result looks like its first argument says of it."""
    return torch.empty_like(x)


@custom_op("touchstone::scale_as_set", mutates_args=())
def scale_as_set(x: Tensor) -> Tensor:
    """Multiplies by a number that no compiler can know."""
    SETTINGS["calls"].append(tuple(x.shape))
    return x * float(SETTINGS["factor"])


scale_as_set.register_fake(like)


@scenario(
    ref="torch.library.custom_op / opaque operators",
    expect="""
    change: the operator is to multiply by 2.0
    call 1: compiles, equals eager
    runs of the operator: equals eager
    change: the operator is to multiply by 3.0
    call 2: reuses, equals eager
    runs of the operator: equals eager
    change: the operator is to multiply by 2.0
    call 3: reuses, equals eager
    runs of the operator: equals eager
    """,
)
def operator_is_opaque(s: Subject) -> None:
    """The code of a custom operator runs once in each call, and reads Python state as it is at that time."""
    program = s.compile(lambda x: scale_as_set(x + 1) - 1)
    SETTINGS["calls"].clear()
    for factor in 2.0, 3.0, 2.0:
        s.change(f"the operator is to multiply by {factor}")
        SETTINGS["factor"] = factor
        program(s.randn(3))
        s.note("runs of the operator", list(SETTINGS["calls"]))


@custom_op("touchstone::odd_product", mutates_args=())
def odd_product(x: Tensor, y: Tensor, power: int) -> Tensor:
    """A product whose gradients are not those of a product."""
    return x * y**power


odd_product.register_fake(like)


def keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    """Keep what the rule below needs."""
    ctx.save_for_backward(*inputs[:2], output)
    ctx.power = inputs[2]


def differentiate(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    """Gradients that nobody can guess, for those that need them."""
    x, y, output = ctx.saved_tensors
    wanted = ctx.needs_input_grad
    return (
        gradient * output * 3 if wanted[0] else None,
        gradient * x * ctx.power + y if wanted[1] else None,
        None,
    )


odd_product.register_autograd(differentiate, setup_context=keep)


@scenario(
    ref="torch.library.register_autograd / in compiled code",
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: compiles, equals eager
    gradients: equals eager
    call 3: compiles, equals eager
    gradients: equals eager
    call 4: reuses, equals eager
    gradients: equals eager
    """,
)
def own_rule_is_followed(s: Subject) -> None:
    """The gradients of a custom operator are those of its registered backward, for arguments that need them."""
    program = s.compile(lambda x, y, power: odd_product(x.sin(), y, power).exp())
    for needs, power in (
        ((True, True), 2),
        ((False, True), 2),
        ((True, False), 3),
        ((True, True), 2),
    ):
        x, y = (s.randn(3).requires_grad_(need) for need in needs)
        program(x, y, power).sum().backward()
        s.note("gradients", (x.grad, y.grad))


@custom_op("touchstone::accumulate", mutates_args={"out", "log"})
def accumulate(x: Tensor, out: Tensor, log: Tensor | None = None) -> Tensor:
    """Adds to one tensor, and counts in another if there is one."""
    before = out.clone()
    out.add_(x)
    if log is not None:
        log.add_(1)
    return before


accumulate.register_fake(lambda _, out, log=None: like(out, log))


@scenario(
    ref="torch.library.custom_op / mutated arguments",
    expect="""
    call 1: compiles, mutates argument 1, mutates argument 2, equals eager
    call 2: compiles, mutates argument 1, equals eager
    call 3: reuses, mutates argument 1, mutates argument 2, equals eager
    """,
)
def arguments_are_written(s: Subject) -> None:
    """Arguments that a custom operator declares as mutated, views included, are written in the program's order."""

    def program(x: Tensor, total: Tensor, log: Tensor | None) -> Tensor:
        first = accumulate(x, total[1:], log)
        total.mul_(2)
        second = accumulate(x * 2, total[:2], log)
        return torch.cat([first + second * 10, total])

    compiled, log = s.compile(program), s.zeros(1)
    for count in log, None, log:
        compiled(s.randn(2), s.randn(3), count)


@custom_op("touchstone::shift_all", mutates_args={"tensors"})
def shift_all(tensors: list[Tensor], amount: float) -> None:
    """Adds a number to each of some tensors."""
    for each in tensors:
        each.add_(amount)


shift_all.register_fake(lambda *_: None)


@scenario(
    ref="torch.library.custom_op / mutated arguments",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, mutates argument 0[0], equals eager
    call 2: compiles, mutates argument 0[0], mutates argument 0[1], equals eager
    call 3: reuses, mutates argument 0[0], mutates argument 0[1], equals eager
    call 4: compiles, mutates argument 0[0], mutates argument 0[1], mutates argument 0[2], equals eager
    """,
)
def lists_of_arguments_are_written(s: Subject) -> None:
    """A custom operator that mutates a list of tensors mutates all that it is passed, intermediate ones included."""

    def program(tensors: list[Tensor]) -> Tensor:
        inner = tensors[0] * 2
        shift_all([*tensors, inner], 1.5)
        shift_all(tensors[:1], -1.0)
        return inner + tensors[-1]

    compiled = s.compile(program)
    for size in 1, 2, 2, 3:
        compiled([s.randn(2) for _ in range(size)])


@custom_op("touchstone::describe", mutates_args=())
def describe(  # noqa: PLR0913 - takes arguments of all kinds
    x: Tensor,
    weights: list[float],
    other: Tensor | None = None,
    *,
    mode: str = "plain",
    sizes: list[int] | None = None,
    flag: bool = False,
    dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    """Takes arguments of all kinds."""
    y = x * sum(weights) + len(mode) + (other if other is not None else -1)
    return y.to(dtype or x.dtype), x.new_full(tuple(sizes or (1, 2)), float(flag))


@describe.register_fake
def _(x: Tensor, *_: Any, dtype: Any = None, sizes: Any = None, **__: Any) -> Any:
    return torch.empty_like(x, dtype=dtype or x.dtype), x.new_empty(tuple(sizes or (1, 2)))


@scenario(
    ref="torch.library.custom_op / arguments and results",
    needs=("symbolic_scalars", "dynamic_shapes"),
    expect="""
    calls 1-4: compiles, equals eager
    call 5: reuses, equals eager
    """,
)
def arguments_of_all_kinds_arrive(s: Subject) -> None:
    """A custom operator gets numbers, strings, lists, flags, dtypes and defaults as the program passes them."""
    program = s.compile(lambda x, kwargs: describe(x.neg(), **kwargs))
    for kwargs in (
        {"weights": [1.0]},
        {"weights": [1.0, 2.5], "mode": "another"},
        {"weights": [1.0], "other": s.ones(3), "sizes": [2, 2], "flag": True},
        {"weights": [2.0], "dtype": torch.float64, "sizes": [3]},
        {"weights": [2.0], "dtype": torch.float64, "sizes": [3]},
    ):
        program(s.randn(3), kwargs)


@custom_op("touchstone::positives", mutates_args=())
def positives(x: Tensor) -> Tensor:
    """As many numbers as are positive."""
    return x[x > 0].clone()


@positives.register_fake
def _(x: Tensor) -> Tensor:
    return x.new_empty(torch.library.get_ctx().new_dynamic_size())


@scenario(
    ref="torch.library.register_fake / sizes that depend on data",
    expect="""
    call 1: compiles 2 graphs, equals eager
    call 2: compiles, equals eager
    call 3: compiles, equals eager
    call 4: reuses, equals eager
    """,
)
def size_depends_on_data(s: Subject) -> None:
    """A custom operator whose result has a data-dependent size gives eager's size in each call, zero included."""
    program = s.compile(lambda x: positives(x * 1) * 2 + x.sum())
    for x in s.randn(8), s.ones(8), s.ones(8) * -1, s.randn(8):
        program(x)


@custom_op("touchstone::strides_of", mutates_args=())
def strides_of(x: Tensor) -> Tensor:
    """How the argument is laid out."""
    return torch.tensor(x.stride(), device=x.device)


@strides_of.register_fake
def _(x: Tensor) -> Tensor:
    return x.new_empty(x.dim(), dtype=torch.int64)


@scenario(
    ref="torch.library.custom_op / layout of arguments",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: compiles, equals eager
    """,
)
def layout_is_kept(s: Subject) -> None:
    """A custom operator gets its arguments with eager's strides, also those that the program computed."""

    def program(x: Tensor) -> tuple[Tensor, ...]:
        turned = (x * 2).transpose(0, 1)
        spread = x.unsqueeze(1).expand(-1, 5, -1, -1)
        return strides_of(x), strides_of(turned), strides_of(turned + 1), strides_of(spread)

    compiled = s.compile(program)
    for x in s.randn(2, 3, 4), s.randn(2, 3, 4), s.randn(4, 3, 2).transpose(0, 2):
        compiled(x)


@custom_op("touchstone::record", mutates_args=())
def record(x: Tensor, name: str) -> None:
    """Keeps a note of a tensor, and gives nothing."""
    SETTINGS["calls"].append((name, float(x.sum())))


record.register_fake(lambda *_: None)


@scenario(
    ref="torch.library.custom_op / effects",
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    what was recorded: equals eager
    call 2: reuses, mutates argument 0, equals eager
    what was recorded: equals eager
    """,
)
def operator_without_results_runs(s: Subject) -> None:
    """A custom operator that returns nothing runs all the same, in its place in the program."""

    def program(x: Tensor) -> Tensor:
        record(x, "before")
        x.mul_(2)
        record(x, "after")
        return x + 1

    compiled = s.compile(program)
    SETTINGS["calls"].clear()
    for _ in range(2):
        compiled(s.ones(3))
        s.note("what was recorded", list(SETTINGS["calls"]))


@custom_op("touchstone::without_fake", mutates_args=())
def without_fake(x: Tensor) -> Tensor:
    """Does not say what its result looks like."""
    return x.flip(0)


@scenario(
    ref="torch.library.register_fake / missing",
    needs=("torch_compile",),
    tiers={"outcome": "diverge: what is compiled must know what its operators return"},
    expect="""
    call 1: raises torch._dynamo.exc.TorchRuntimeError while tracing
    call 2: raises torch._dynamo.exc.TorchRuntimeError while tracing
    """,
)
def result_is_not_described(s: Subject) -> None:
    """A program with a custom operator that has no fake implementation is refused, each time that it is called."""
    program = s.compile(lambda x: without_fake(x * 2) + 1)
    for _ in range(2):
        s.attempt(program, s.randn(3))


@custom_op("touchstone::twice", mutates_args=())
def twice(x: Tensor) -> Tensor:
    """Twice a vector; for batches there is another rule."""
    return x * 2


twice.register_fake(like)


@twice.register_vmap
def _(info: Any, dims: Any, x: Tensor) -> Any:
    return twice(x) + info.batch_size, dims[0]


@scenario(
    ref="torch.library.register_vmap / in compiled code",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    """,
)
def rule_for_batches_is_followed(s: Subject) -> None:
    """A custom operator follows its registered vmap rule under torch.vmap, and elsewhere it does not."""
    program = s.compile(lambda x: torch.vmap(twice, in_dims=1)(x) + twice(x).t())
    for _ in range(2):
        program(s.randn(2, 3))
