"""Are the gradients of compiled programs those of eager, and is what eager refuses refused?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def leaf(s: Subject, *size: int) -> Tensor:
    """Random numbers that need gradients."""
    return s.randn(*size).requires_grad_()


def outcome(act: Callable[[], object], words: str = "") -> str:
    """The exception that something raises, by words that it says, else by its class; empty if it succeeds."""
    try:
        act()
    except RuntimeError as error:
        return words if words and words in str(error) else type(error).__name__
    return ""


@scenario(
    ref="torch.compiler: backward",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    gradients: equals eager
    change: the gradients are cleared, one to None and one to 0
    call 4: reuses, equals eager
    gradients: equals eager
    """,
)
def gradients_accumulate(s: Subject) -> None:
    """Gradients of arguments and parameters add up over passes, and start anew once they are cleared."""
    layer, x = s.place(nn.Linear(3, 2)), leaf(s, 4, 3)
    program = s.compile(lambda x: layer(x).tanh())
    for scale in 1, 2, 3:
        (program(x).sum() * scale).backward()
    s.note("gradients", [x.grad, *(each.grad for each in layer.parameters())])
    s.change("the gradients are cleared, one to None and one to 0")
    x.grad, layer.weight.grad = None, s.zeros(2, 3)
    program(x).sum().backward()
    s.note("gradients", [x.grad, *(each.grad for each in layer.parameters())])


@scenario(
    ref="torch.compiler: core concepts / guards on gradients",
    axes={"in_need": ("xy y x none xy", "none x y xy none")},
    expect="""
    calls 1-4: compiles, equals eager
    call 5: reuses, equals eager
    gradients: equals eager
    """,
)
def who_needs_gradients_varies(s: Subject) -> None:
    """Exactly the arguments that require grad in a call get gradients, and the result requires grad if any does."""
    program, found = s.compile(lambda x, y: x * y + y.exp()), []
    for in_need in s.axis("in_need").split():
        x, y = (s.randn(3).requires_grad_(name in in_need) for name in "xy")
        if (z := program(x, y)).requires_grad:
            z.sum().backward()
        found.append((x.grad, y.grad))
    s.note("gradients", found)


@scenario(
    ref="torch.compiler: core concepts / guards on the grad mode",
    axes={"mode": ("no_grad", "inference_mode")},
    expect="""
    call 1: compiles, equals eager
    differentiating raises: equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    differentiating raises: equals eager
    call 4: reuses, equals eager
    gradient: equals eager
    """,
)
def grad_mode_of_the_call_counts(s: Subject) -> None:
    """Results of calls under no_grad or inference_mode cannot be differentiated; those of other calls can."""
    program, x, off = s.compile(lambda x: (x * x).sum()), leaf(s, 3), getattr(torch, s.axis("mode"))
    for recorded in False, True, False, True:
        if recorded:
            program(x).backward()
        else:
            with off():
                s.note("differentiating raises", outcome(program(x).backward))
    s.note("gradient", x.grad)


@scenario(
    ref="torch.compiler: backward",
    expect="""
    calls 1-3: compiles, equals eager
    call 4: reuses, equals eager
    outcomes and gradients: equals eager
    """,
)
def grad_mode_is_switched_inside(s: Subject) -> None:
    """What a program computes under no_grad is a constant to its gradients; what follows is recorded again."""

    def program(x: Tensor, *, record: bool) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            scale = x.exp()
        with torch.set_grad_enabled(record):
            part = x * scale
        return part, (part + x * x.detach()).sum()

    compiled, found = s.compile(program), []
    for grad, record in (True, True), (True, False), (False, True), (True, True):
        x = leaf(s, 3)
        with torch.set_grad_enabled(grad):
            _, total = compiled(x, record=record)
        found.append((outcome(total.backward), x.grad))
    s.note("outcomes and gradients", found)


@scenario(
    ref="torch.compiler: FAQ / gradients of results that are not used",
    axes={"used": ("second", "both")},
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    """,
)
def results_are_used_in_part(s: Subject) -> None:
    """Whichever outputs go into a loss, each leaf gets the gradient of that loss."""
    program = s.compile(lambda x, y: (x * 2, x * y, (x > 0).sum()))
    for _ in range(2):
        first, second, count = program(x := leaf(s, 3), y := leaf(s, 3))
        loss = second if s.axis("used") == "second" else first * second * count
        loss.sum().backward()
        s.note("gradients", (x.grad, y.grad))


@scenario(
    ref="torch.compiler: backward / results without gradients",
    expect="""
    calls 1-3: compiles, equals eager
    """,
)
def results_differ_in_need(s: Subject) -> None:
    """Outputs that require no grad in eager, such as detached ones, require none beside outputs that do."""

    def program(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        return x * y, x.argmax(), x > y, y * 2, x.detach() * 2, (x * 3).detach(), x.round().long()

    compiled = s.compile(program)
    for needs in (True, False), (False, True), (False, False):
        x, y = (s.randn(3).requires_grad_(need) for need in needs)
        compiled(x, y)


@scenario(
    ref="torch.compiler: backward / several backward passes",
    axes={"retain": (True, False)},
    expect="""
    call 1: compiles, equals eager
    outcome of the second pass, and gradients: equals eager
    call 2: reuses, equals eager
    outcome of the second pass, and gradients: equals eager
    """,
)
def second_pass_needs_what_was_saved(s: Subject) -> None:
    """A second backward pass through one result adds the same gradients with retain_graph=True, else it raises."""
    program = s.compile(lambda x, y: (x * y).sin().sum())
    for _ in range(2):
        x, y = leaf(s, 3), leaf(s, 3)
        loss = program(x, y)
        loss.backward(retain_graph=s.axis("retain"))
        s.note(
            "outcome of the second pass, and gradients", (outcome(loss.backward), x.grad, y.grad)
        )


@scenario(
    ref="torch.autograd.grad / create_graph, of what AOTAutograd has compiled",
    expect="""
    call 1: compiles, equals eager
    gradient: equals eager
    its own gradient (diverge) = refuses double backward
    call 2: reuses, equals eager
    gradient: equals eager
    its own gradient (diverge) = refuses double backward
    """,
)
def gradients_are_differentiated(s: Subject) -> None:
    """With create_graph=True a gradient is right, and differentiating it again (double backward) is refused."""
    program = s.compile(lambda x: (x * x * x).sum())
    for _ in range(2):
        x = leaf(s, 3)
        (gradient,) = torch.autograd.grad(program(x), x, create_graph=True)
        s.note("gradient", gradient)
        refused = outcome(gradient.sum().backward, "double backward")
        right = "right" if x.grad is not None and torch.allclose(x.grad, 6 * x) else "wrong"
        s.tell("its own gradient", f"refuses {refused}" if refused else right, tier="diverge")


@scenario(
    ref="torch.compiler: backward / what is saved",
    axes={"written": ("leaf", "other leaf", "result", "unsaved")},
    expect={
        "written=result": """
        call 1: compiles, equals eager
        outcome and gradient: equals eager
        call 2: reuses, mutates result_1, equals eager
        outcome and gradient: equals eager
        call 3: reuses, equals eager
        outcome and gradient: equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        outcome and gradient: equals eager
        call 2: reuses, equals eager
        outcome and gradient: equals eager
        call 3: reuses, equals eager
        outcome and gradient: equals eager
        """,
    },
)
def saved_values_are_protected(s: Subject) -> None:
    """A backward pass raises if a tensor that it needs was mutated after the call; other writes are harmless."""
    program, weight = s.compile(lambda x, weight, bias: (x * weight).exp() + bias), leaf(s, 3)
    for write in True, False, True:
        x, bias = leaf(s, 3), leaf(s, 3)
        y = program(x, weight, bias)
        written = {"leaf": weight, "other leaf": x, "result": y, "unsaved": bias}[s.axis("written")]
        if write:
            with torch.no_grad():
                written.mul_(2)
        s.note("outcome and gradient", (outcome(y.sum().backward), weight.grad))


@scenario(
    ref="torch.compiler: backward / what is saved",
    expect="""
    call 1: compiles, mutates argument 1, mutates argument 2, equals eager
    gradient: equals eager
    call 2: reuses, mutates argument 1, mutates argument 2, equals eager
    gradient: equals eager
    call 3: reuses, mutates argument 1, mutates argument 2, equals eager
    gradient: equals eager
    """,
)
def arguments_that_are_saved_are_written(s: Subject) -> None:
    """A program that computes with its argument and then mutates it has the gradients of the older values."""

    def program(weight: Tensor, x: Tensor, count: Tensor) -> Tensor:
        y = weight * (x * 1) * count.clone()
        x.mul_(5)
        count.add_(1)
        return y + weight * x

    compiled, weight, x, count = s.compile(program), leaf(s, 3), s.randn(3), s.ones(3)
    for _ in range(3):
        compiled(weight, x, count).sum().backward()
        s.note("gradient", weight.grad)
        x = x.clone()


@scenario(
    ref="torch.compiler: backward / results that are written",
    axes={"factor": ("number", "constant", "leaf")},
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    gradients: equals eager
    call 2: reuses, mutates argument 0, equals eager
    gradients: equals eager
    """,
)
def non_leaf_is_written(s: Subject) -> None:
    """An in-place write into an argument that is not a leaf is part of what is differentiated."""

    def program(y: Tensor, factor: Any) -> Tensor:
        y.mul_(factor)
        y[1:].exp_()
        return y.sum()

    compiled, kind = s.compile(program), s.axis("factor")
    for _ in range(2):
        x = leaf(s, 3)
        factor = s.randn(3).requires_grad_(kind == "leaf")
        y = x * 2
        (compiled(y, 3 if kind == "number" else factor) + y.sum()).backward()
        s.note("gradients", (x.grad, factor.grad))


@scenario(
    ref="torch.compiler: backward / inside of compiled code",
    axes={"how": ("backward", "grad")},
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    call 3: compiles, equals eager
    gradients: equals eager
    """,
)
def backward_is_part_of_the_program(s: Subject) -> None:
    """A program that calls backward() or torch.autograd.grad leaves the gradients that eager leaves, each time."""
    layer, how = s.place(nn.Linear(3, 1)), s.axis("how")

    def program(x: Tensor) -> Any:
        loss = layer(x).square().mean()
        if how == "grad":
            return torch.autograd.grad(loss, list(layer.parameters()))
        loss.backward()
        return loss

    compiled = s.compile(program)
    for size in 2, 2, 5:
        compiled(s.randn(size, 3))
        s.note("gradients", [each.grad for each in layer.parameters()])


@scenario(
    ref="torch.compiler: backward / requires_grad_ in compiled code",
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    outcome, argument and gradient: equals eager
    call 2: compiles, equals eager
    outcome, argument and gradient: equals eager
    call 3: reuses, mutates argument 0, equals eager
    outcome, argument and gradient: equals eager
    """,
)
def need_is_declared_inside(s: Subject) -> None:
    """A tensor on which a program calls requires_grad_() gets its gradient when the caller runs backward()."""

    def program(x: Tensor, *, need: bool) -> Tensor:
        x.requires_grad_(need)
        return (x * x).sum()

    compiled = s.compile(program)
    for need in True, False, True:
        total = compiled(x := s.randn(3), need=need)
        s.note("outcome, argument and gradient", (outcome(total.backward), x, x.grad))


@scenario(
    ref="torch.compiler: backward / numbers that are no numbers",
    expect="""
    call 1: compiles, equals eager
    gradient: equals eager
    call 2: reuses, equals eager
    gradient: equals eager
    """,
)
def special_numbers_have_gradients(s: Subject) -> None:
    """Where a derivative is infinite or NaN the gradient is eager's, and so are those of the other elements."""

    def program(x: Tensor) -> Tensor:
        a, b, c, d, e, f = x
        return torch.stack([a.sqrt(), b.log(), c.abs(), d.relu(), e.where(e > 0, 1 / e), f**0.5])

    compiled = s.compile(program)
    for values in (0.0, 1.0, -1.0), (float("inf"), float("nan"), 0.0):
        compiled(x := torch.tensor([values] * 6, device=s.device).requires_grad_()).sum().backward()
        s.note("gradient", x.grad)


@scenario(
    ref="torch.compiler: backward / layout of gradients",
    axes={"incoming": ("transposed", "expanded", "part")},
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    gradients: equals eager
    """,
)
def gradients_come_in_any_layout(s: Subject) -> None:
    """The gradient given to backward() may have any strides, also others than in the first pass."""
    program, found = s.compile(lambda x: (x @ x.t()).tanh()), []
    layouts: dict[str, Callable[[], Tensor]] = {
        "plain": lambda: s.randn(3, 3),
        "transposed": lambda: s.randn(3, 3).t(),
        "expanded": lambda: s.randn(1, 3).expand(3, 3),
        "part": lambda: s.randn(6, 6)[::2, 1::2],
    }
    for incoming in "plain", s.axis("incoming"), "plain":
        x = leaf(s, 3, 2)
        program(x).backward(layouts[incoming]())
        found.append(x.grad)
    s.note("gradients", found)


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    gradients: equals eager
    """,
)
def sizes_vary_between_forward_and_backward(s: Subject) -> None:
    """Backward passes that run late, and out of order, use the sizes and values of their own calls."""
    program = s.compile(lambda x, factor: (x * factor).exp().sum() * len(x))
    leaves = [leaf(s, size) for size in (2, 3, 5, 4)]
    losses = [program(x, number + 2.0) for number, x in enumerate(leaves)]
    for position in 2, 0, 3, 1:
        losses[position].backward()
    s.note("gradients", [x.grad for x in leaves])
