"""Do while_loop, scan, map and selective checkpointing give eager's results in compiled code?"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch
from torch._higher_order_ops import associative_scan, scan
from torch._higher_order_ops import map as map_parts
from torch.utils.checkpoint import (
    CheckpointPolicy,
    checkpoint,
    create_selective_checkpoint_contexts,
)

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


#: As often as a loop runs at most.
STEPS = 6


@scenario(
    ref="torch.while_loop / in compiled code",
    expect="""
    call 1: compiles, equals eager
    calls 2-5: reuses, equals eager
    """,
)
def loop_runs_as_often_as_data_say(s: Subject) -> None:
    """A torch.while_loop runs as often as the data of its call say, also never, in one graph for all calls."""

    def program(x: Tensor, limit: Tensor) -> Any:
        def goes_on(x: Tensor, times: Tensor) -> Tensor:
            return (x.sum() < limit) & (times < STEPS)

        return torch.while_loop(goes_on, lambda x, times: (x * 2, times + 1), (x, limit.long() * 0))

    compiled = s.compile(program)
    for limit in 3.0, 30.0, 1000.0, -1.0, 12.0:
        compiled(s.ones(3), s.full((), limit))


@scenario(
    ref="torch.while_loop / in compiled code",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    """,
)
def loop_captures_tensors(s: Subject) -> None:
    """A torch.while_loop computes with the tensors that it captures, as they are at the time of the call."""
    weight = s.ones(1)

    def program(x: Tensor) -> Any:
        def step(number: Tensor, y: Tensor) -> Any:
            return number - 1, y.sin() + weight * number

        return torch.while_loop(lambda number, _: number > 0, step, (x.long().sum(), x.clone()))

    compiled = s.compile(program)
    for size in 3, 4, 5, 2:
        compiled(s.ones(size))
        weight.add_(1)


@scenario(
    ref="torch.scan / in compiled code",
    axes={"reverse": (False, True)},
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    call 3: compiles, equals eager
    gradients: equals eager
    """,
)
def state_is_carried_along(s: Subject) -> None:
    """A scan carries its state from step to step, forwards or in reverse, and has eager's gradients."""
    weight = s.randn(2).requires_grad_()

    def program(start: Tensor, parts: Tensor) -> Any:
        def step(state: Tensor, part: Tensor) -> Any:
            state = (state * weight + part).tanh()
            return state, state * 2

        return scan(step, start, parts, dim=0, reverse=s.axis("reverse"))

    compiled = s.compile(program)
    for length in 3, 3, 1:
        start, parts = s.randn(2).requires_grad_(), s.randn(length, 2).requires_grad_()
        last, each = compiled(start, parts)
        (last.sum() + each.square().sum()).backward()
        s.note("gradients", (start.grad, parts.grad, weight.grad))


@scenario(
    ref="torch.associative_scan / in compiled code",
    axes={"reverse": (False, True)},
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: compiles, equals eager
    call 4: compiles, equals eager
    """,
)
def parts_are_combined(s: Subject) -> None:
    """An associative_scan gives at each place the combination of all up to it, in either direction, at any length."""

    def combine(left: Any, right: Any) -> Any:
        return left[0] * right[0], left[1] * right[0] + right[1]

    reverse = s.axis("reverse")

    def program(a: Tensor, b: Tensor) -> Any:
        return associative_scan(combine, (a, b), 1, reverse=reverse, combine_mode="generic")

    compiled = s.compile(program, dynamic=False)
    for length in 4, 4, 3, 2:
        compiled(s.rand(2, length), s.randn(2, length))


@scenario(
    ref="torch.map / in compiled code",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: compiles, equals eager
    gradients: equals eager
    call 3: reuses, equals eager
    gradients: equals eager
    call 4: compiles, equals eager
    gradients: equals eager
    """,
)
def parts_are_mapped(s: Subject) -> None:
    """A function that is mapped over the rows of a tensor gives for each row what it gives alone, gradients too."""
    weight = s.randn(2).requires_grad_()
    program = s.compile(lambda x, y: map_parts(lambda part, y: (part * weight + y).sin(), x, y))
    for length in 3, 4, 5, 1:
        x, y = s.randn(length, 2).requires_grad_(), s.randn(2)
        program(x, y).square().sum().backward()
        s.note("gradients", (x.grad, weight.grad))
        weight.data.neg_()


def operator(name: str, runs: list[int]) -> Any:
    """An operator of that name that notes how often it runs."""

    def bend(x: Tensor) -> Tensor:
        runs.append(len(x))
        return x.sin()

    made = torch.library.custom_op(
        f"touchstone::{name}", bend, mutates_args=(), schema="(Tensor x) -> Tensor"
    )
    made.register_fake(torch.empty_like)
    made.register_autograd(
        lambda ctx, gradient: gradient * ctx.saved_tensors[0].cos(),
        setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs),  # noqa: ARG005 - torch passes it
    )
    return made


def policy(_: Any, op: Any, *__: Any, **___: Any) -> CheckpointPolicy:
    """Keeps what is called so."""
    keep = "kept" in str(op)
    return CheckpointPolicy.MUST_SAVE if keep else CheckpointPolicy.MUST_RECOMPUTE


def contexts() -> Any:
    """What makes a checkpoint follow the policy."""
    return create_selective_checkpoint_contexts(policy)


@scenario(
    ref="torch.utils.checkpoint.create_selective_checkpoint_contexts / in compiled code",
    expect="""
    call 1: compiles, equals eager
    gradient and runs: equals eager
    call 2: reuses, equals eager
    gradient and runs: equals eager
    """,
)
def policy_says_what_is_kept(s: Subject) -> None:
    """In selective checkpointing, operators that the policy saves run once, others again in the backward pass."""
    runs: dict[str, list[int]] = {"kept": [], "dropped": []}
    kept, dropped = (operator(name, runs[name]) for name in runs)

    def program(x: Tensor) -> Any:
        part = functools.partial(checkpoint, use_reentrant=False, context_fn=contexts)
        return part(lambda x: dropped(kept(x * 2)).exp(), x).sum()

    compiled = s.compile(program)
    for _ in range(2):
        x = s.randn(3).requires_grad_()
        compiled(x).backward()
        s.note("gradient and runs", (x.grad, runs))
