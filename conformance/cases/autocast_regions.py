"""Is autocast obeyed inside a compiled program: in its blocks, in its gradients and across graph breaks?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


@scenario(
    ref="torch.amp.autocast / in compiled code",
    needs=("autocast",),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    """,
)
def policy_is_followed(s: Subject) -> None:
    """In an autocast block of a program, in nested ones and after it, operations have the dtypes that eager gives."""
    weight = s.randn(3, 3)

    def program(x: Tensor, dtype: torch.dtype) -> tuple[Tensor, ...]:
        with torch.autocast(s.device, dtype=dtype):
            low = x @ weight
            with torch.autocast(s.device, enabled=False):
                full = low.float() @ weight
            mixed = torch.cat([low, full])
            again = weight @ low + full
        return low, full, mixed, again.softmax(0), x @ weight

    compiled = s.compile(program)
    for dtype in torch.bfloat16, torch.float16, torch.bfloat16:
        compiled(s.randn(3, 3), dtype)


@scenario(
    ref="torch.amp.autocast / in compiled code",
    needs=("autocast",),
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: compiles, equals eager
    gradients: equals eager
    call 3: reuses, equals eager
    gradients: equals eager
    """,
)
def gradients_have_the_dtype_of_their_leaves(s: Subject) -> None:
    """A weight used twice under autocast gets one gradient of its own dtype, with autocast enabled or not."""
    weight = (s.arange(9).remainder(3) - 1).reshape(3, 3).requires_grad_()
    program = s.compile(lambda x: (x @ weight) @ weight)
    for enabled in True, False, True:
        x = s.arange(6).remainder(4).reshape(2, 3).requires_grad_()
        with torch.autocast(s.device, dtype=torch.bfloat16, enabled=enabled):
            y = program(x)
        y.float().sum().backward()
        s.note("gradients", (x.grad, weight.grad))
        weight.grad = None


@scenario(
    ref="torch.amp.autocast / in compiled code",
    needs=("autocast",),
    expect="""
    call 1: compiles 3 graphs, equals eager
    call 2: reuses, equals eager
    """,
)
def state_holds_across_a_break(s: Subject) -> None:
    """An autocast block also holds in a helper under torch.compiler.disable, and after it, up to its end."""
    weight, device = s.randn(3, 3), s.device
    helper: Any = torch.compiler.disable(lambda x: x @ weight)

    def program(x: Tensor) -> tuple[Tensor, ...]:
        with torch.autocast(device, dtype=torch.bfloat16):
            y = helper(x @ weight)
            z = y.float() @ weight
        return y, z, helper(x), x @ weight

    compiled = s.compile(program)
    for _ in range(2):
        compiled(s.randn(3, 3))


@scenario(
    ref="torch.compiler: backward / autocast behaviour",
    needs=("autocast", "dynamo_config"),
    axes={"assumed": ("same_as_forward", "off")},
    expect={
        "assumed=same_as_forward": """
        call 1: compiles, equals eager
        gradient outside of autocast, and under it (diverge) = [256, 256]
        call 2: reuses, equals eager
        gradient outside of autocast, and under it (diverge) = [256, 256]
        """,
        "otherwise": """
        call 1: compiles, equals eager
        gradient outside of autocast, and under it (diverge) = [257, 257]
        call 2: reuses, equals eager
        gradient outside of autocast, and under it (diverge) = [257, 257]
        """,
    },
)
def backward_pass_has_the_precision_assumed(s: Subject) -> None:
    """A backward pass has the precision that backward_pass_autocast says, whatever autocast state it runs under."""
    s.config("torch._functorch.config", backward_pass_autocast=s.axis("assumed"))
    weight, device = s.full((1, 1), 257), s.device

    def program(x: Tensor) -> Tensor:
        with torch.autocast(device, enabled=False):
            return x @ weight

    compiled = s.compile(program)
    for _ in range(2):
        x = s.ones(1, 1).requires_grad_()
        with torch.autocast(device, dtype=torch.bfloat16):
            y = compiled(x)
            under = torch.autograd.grad(y, x, retain_graph=True)[0].item()
        outside = torch.autograd.grad(y, x)[0].item()
        s.tell("gradient outside of autocast, and under it", [outside, under], tier="diverge")
