"""What becomes of a leaf that a program needs only for outputs that go unused?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


def split(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    """Only the second result needs the second leaf, and none needs the third."""
    return x * 2 + z.detach(), x * y, (x > 0).sum()


def told(gradient: Tensor | None) -> str:
    """Whether there is a gradient, and whether it is 0."""
    if gradient is None:
        return "none"
    return "some" if gradient.any() else "zeros"


@scenario(
    ref="torch.compiler: backward / unused output gradients",
    axes={"used": ("first", "count")},
    expect="""
    call 1: compiles, equals eager
    gradients where there are any: equals eager
    gradients (diverge) = [some, zeros, none]
    call 2: reuses, equals eager
    gradients where there are any: equals eager
    gradients (diverge) = [some, zeros, none]
    """,
)
def leaf_of_an_unused_result_gets_zeros(s: Subject) -> None:
    """A leaf that only an unused output needs gets a gradient of zeros, and one that no output needs gets None."""
    program = s.compile(split)
    for _ in range(2):
        leaves = [s.randn(3).requires_grad_() for _ in range(3)]
        first, _, count = program(*leaves)
        (first * count if s.axis("used") == "count" else first).sum().backward()
        found = [each.grad for each in leaves]
        s.note("gradients where there are any", [s.zeros(3) if g is None else g for g in found])
        s.tell("gradients", [told(each) for each in found], tier="diverge")


def asked(result: Tensor, *leaves: Tensor) -> str:
    """What comes of asking for the gradients of these leaves, all of which must have one."""
    try:
        return " and ".join(map(told, torch.autograd.grad(result.sum(), leaves, retain_graph=True)))
    except RuntimeError as error:
        if "not have been used" not in str(error):
            raise
        return type(error).__name__


@scenario(
    ref="torch.compiler: backward / unused output gradients",
    expect="""
    call 1: compiles, equals eager
    one that an unused result needs (diverge) = some and zeros
    one that no result needs: equals eager
    call 2: reuses, equals eager
    one that an unused result needs (diverge) = some and zeros
    one that no result needs: equals eager
    """,
)
def gradient_of_a_leaf_without_part_is_asked_for(s: Subject) -> None:
    """For a leaf that only an unused output needs, autograd.grad gives zeros; for one that none needs it raises."""
    program = s.compile(split)
    for _ in range(2):
        x, y, z = (s.randn(3).requires_grad_() for _ in range(3))
        result, _, _ = program(x, y, z)
        s.tell("one that an unused result needs", asked(result, x, y), tier="diverge")
        s.note("one that no result needs", asked(result, x, z))


class TwoHeads(torch.nn.Module):
    """Two heads on one trunk."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.left, self.right = (torch.nn.Linear(2, 2) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What each head makes of it."""
        y = self.trunk(x)
        return self.left(y), self.right(y)


@scenario(
    ref="torch.compiler: backward / unused output gradients",
    axes={"decay": (True, False)},
    tiers={"outcome": "diverge: the gradient of what goes unused is 0, not None"},
    expect={
        "decay=True": """
        call 1: compiles, equals eager
        layers in use: equals eager
        unused head is as before (diverge) = False
        call 2: reuses, differs from eager in value of result[1]
        layers in use: equals eager
        unused head is as before (diverge) = False
        """,
        "otherwise": """
        call 1: compiles, equals eager
        layers in use: equals eager
        unused head is as before (diverge) = True
        call 2: reuses, equals eager
        layers in use: equals eager
        unused head is as before (diverge) = True
        """,
    },
)
def unused_head_decays(s: Subject) -> None:
    """With weight decay, weights of a head whose output goes unused decay as well; without it they stay."""
    model = s.place(TwoHeads())
    program = s.compile(model)
    rate = 0.5 if s.axis("decay") else 0.0
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, weight_decay=rate)
    for _ in range(2):
        before = model.right.weight.clone()
        optimizer.zero_grad()
        program(s.randn(2, 2))[0].square().sum().backward()
        optimizer.step()
        s.note("layers in use", [*model.trunk.parameters(), *model.left.parameters()])
        same = torch.equal(model.right.weight, before)
        s.tell("unused head is as before", same, tier="diverge")
