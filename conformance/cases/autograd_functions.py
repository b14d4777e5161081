"""Are the forward and backward of a torch.autograd.Function followed in compiled code?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


def leaf(s: Subject, *size: int) -> Tensor:
    """Random numbers that need gradients."""
    return s.randn(*size).requires_grad_()


class Rule(Function):
    """A function with a rule of its own for its gradients."""

    if TYPE_CHECKING:

        @classmethod
        def apply(cls, *args: Any) -> Any:
            """What torch's stubs leave without types."""


class Odd(Rule):
    """A product whose gradients are not those of a product, so that nobody can guess them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, power: int, name: str | None = None) -> Tensor:
        """Keeps both tensors, a new one, and plain values."""
        ctx.save_for_backward(x, y, x + y)
        ctx.power, ctx.negative = power, name == "negative"
        return x * y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        """Three times the gradient, and that times the sum to a power."""
        x, _, total = ctx.saved_tensors
        sign = -1 if ctx.negative else 1
        return grads[0] * 3 * sign, grads[0] * total**ctx.power + x, None, None


@scenario(
    ref="torch.autograd.Function / forward and backward",
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
    """Gradients are those of a Function's own backward, with the tensors and values that its forward kept in ctx."""
    program = s.compile(lambda x, y, power, name: Odd.apply(x * 1, y, power, name).sin())
    for power, name in (2, None), (2, "negative"), (3, None), (2, None):
        x, y = leaf(s, 3), leaf(s, 3)
        program(x, y, power, name).sum().backward()
        s.note("gradients", (x.grad, y.grad))


@scenario(
    ref="torch.autograd.Function / forward and backward",
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
def rule_is_used_twice(s: Subject) -> None:
    """A Function that is applied several times in a program keeps what each application saved."""

    def program(x: Tensor, y: Tensor, times: int) -> Tensor:
        for power in range(times):
            x = Odd.apply(x, y, power + 1)
        return x.sum()

    compiled = s.compile(program)
    for times in 1, 2, 3, 2:
        x, y = leaf(s, 3), leaf(s, 3)
        compiled(x, y, times).backward()
        s.note("gradients", (x.grad, y.grad))


@scenario(
    ref="torch.autograd.Function / forward and backward",
    expect="""
call 1: compiles 2 graphs, equals eager
call 2: compiles, equals eager
call 3: reuses, equals eager
gradients: equals eager
""",
)
def one_tensor_is_passed_twice(s: Subject) -> None:
    """A tensor passed twice to a Function gets the sum of both gradients; two distinct tensors get one each."""
    program, found = s.compile(lambda x, y: Odd.apply(x, y, 2).sum()), []
    for distinct in False, True, False:
        x = leaf(s, 3)
        y = leaf(s, 3) if distinct else x
        program(x, y).backward()
        found.append((x.grad, y.grad))
    s.note("gradients", found)


class Split(Rule):
    """Setup apart from the forward pass, with a gradient for each need."""

    @staticmethod
    def forward(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """A product and where it is positive."""
        product = x * y
        return product, product > 0

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        """Keeps inputs and outputs; the second output has no gradient."""
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(*inputs, *output)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """A thousand more where both inputs need a gradient."""
        x, y, _, positive = ctx.saved_tensors
        both = 1000 if all(ctx.needs_input_grad) else 0
        wanted = [grads[0] * each * positive + both for each in (y, x)]
        first, second = (
            g if n else None for g, n in zip(wanted, ctx.needs_input_grad, strict=True)
        )
        return first, second


@scenario(
    ref="torch.autograd.Function / setup_context",
    expect="""
calls 1-3: compiles, equals eager
call 4: reuses, equals eager
gradients: equals eager
""",
)
def setup_is_apart(s: Subject) -> None:
    """A Function with setup_context knows in each call, by needs_input_grad, which inputs need gradients."""
    program, found = s.compile(lambda x, y: Split.apply(x, y * 1)), []
    for flags in (True, True), (True, False), (False, True), (True, True):
        x, y = (s.randn(3).requires_grad_(flag) for flag in flags)
        product, _ = program(x, y)
        product.sum().backward()
        found.append((x.grad, y.grad))
    s.note("gradients", found)


class Written(Rule):
    """Writes its input and says so."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        """The input itself, multiplied."""
        x.mul_(factor)
        ctx.mark_dirty(x)
        ctx.factor = factor
        return x

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        """Ten times what is right."""
        return grads[0] * ctx.factor * 10, None


@scenario(
    ref="torch.autograd.Function / mark_dirty",
    expect="""
call 1: compiles, mutates argument 0, equals eager
call 2: reuses, mutates argument 0, equals eager
call 3: reuses, mutates argument 0, equals eager
gradients: equals eager
""",
)
def written_input_is_returned(s: Subject) -> None:
    """An input that a Function mutates and marks dirty is mutated for the caller, with its backward's gradient."""
    program, found = s.compile(lambda y: Written.apply(y, 2.0).sum()), []
    for _ in range(3):
        x = leaf(s, 3)
        y = x * 1
        (program(y) + y.sum()).backward()
        found.append(x.grad)
    s.note("gradients", found)


class Pair(Rule):
    """Two results; tells by its gradient which of them were used."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, materialize: bool) -> tuple[Tensor, Tensor]:  # noqa: FBT001 - torch passes by position
        """The double and the triple."""
        ctx.set_materialize_grads(materialize)
        ctx.more = 11.0
        return x * 2, x * 3

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, None]:
        """Seven for each gradient that is missing, and eleven."""
        missing = sum(each is None for each in grads)
        present = [each for each in grads if each is not None]
        return sum(present, start=torch.full_like(present[0], 7.0 * missing + ctx.more)), None


@scenario(
    ref="torch.autograd.Function / set_materialize_grads",
    axes={"materialize": (True, False)},
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    gradients: equals eager
    """,
)
def missing_gradients_are_none_or_zero(s: Subject) -> None:
    """For an unused output, a Function's backward gets zeros, or None with set_materialize_grads(False)."""

    def program(x: Tensor, used: int) -> Any:
        return Pair.apply(x, s.axis("materialize"))[used].sum()

    compiled, found = s.compile(program), []
    for used in 0, 1, 0:
        x = leaf(s, 3)
        compiled(x, used).backward()
        found.append(x.grad)
    s.note("gradients", found)


class Stop(Rule):
    """Has no gradient for its first input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        """The sum."""
        ctx.factor = 2
        return x + y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor]:
        """Nothing, and the double."""
        return None, grads[0] * ctx.factor


@scenario(
    ref="torch.autograd.Function / gradients that are None",
    expect="""
call 1: compiles, equals eager
call 2: reuses, equals eager
gradients: equals eager
""",
)
def none_stops_the_gradient(s: Subject) -> None:
    """Where a Function's backward returns None, no gradient flows on there; gradients by other paths still count."""
    program, found = s.compile(lambda x, y, z: Stop.apply(x * z, y) + z.exp()), []
    for _ in range(2):
        x, y, z = leaf(s, 3), leaf(s, 3), leaf(s, 3)
        program(x, y, z).sum().backward()
        found.append([0 if each.grad is None else each.grad for each in (x, y, z)])
    s.note("gradients", found)


@scenario(
    ref="torch.autograd.Function / grad mode",
    expect="""
call 1: compiles, equals eager
call 2: compiles, equals eager
call 3: reuses, equals eager
call 4: reuses, equals eager
gradients: equals eager
""",
)
def rule_is_for_recorded_calls(s: Subject) -> None:
    """The same Function runs in calls under no_grad, whose results need no gradients, and in calls without it."""
    program, x, y = s.compile(lambda x, y: Odd.apply(x, y, 2)), leaf(s, 3), leaf(s, 3)
    for recorded in False, True, False, True:
        with torch.set_grad_enabled(recorded):
            z = program(x, y)
        if recorded:
            z.sum().backward()
    s.note("gradients", (x.grad, y.grad))


def five(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
    """Another rule for `Stop`."""
    return grads[0] * ctx.factor * 5, None


@scenario(
    ref="torch.autograd.Function / forward and backward",
    expect="""
call 1: compiles, equals eager
call 2: compiles, equals eager
call 3: reuses, equals eager
gradients: equals eager
""",
)
def rule_is_replaced(s: Subject) -> None:
    """If a Function's backward is replaced between calls, the one that is in place is used."""
    program, found = s.compile(lambda x: Stop.apply(x, x.detach()).sum()), []
    for rule in Stop.backward, five, Stop.backward:
        x = leaf(s, 3)
        with mock.patch.object(Stop, "backward", staticmethod(rule)):
            program(x).backward()
        found.append(0 if x.grad is None else x.grad)
    s.note("gradients", found)
