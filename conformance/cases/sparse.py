"""Do sparse tensors go in and out of compiled programs with eager's entries, layouts and gradients?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def entries(s: Subject, layout: str) -> Tensor:
    """A matrix with few entries, others in each call."""
    dense: Tensor = torch.relu(s.randn(4, 4))
    return dense.to_sparse_csr() if layout == "csr" else dense.to_sparse()


def multiply(x: Tensor, y: Tensor) -> Tensor:
    """A product between two dense computations."""
    z = y.sin() + 1
    product: Tensor = torch.sparse.mm(x, z)
    return product.cos() * 2


def fill(x: Tensor, y: Tensor) -> Tensor:
    """The whole matrix, beside the dense one."""
    z = y.sin() + 1
    return x.to_dense() @ z - y


def scale(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """A sparse result, and a dense one."""
    z = y.sin() + 1
    return x * 2, z


USES: dict[str, Callable[[Tensor, Tensor], object]] = {
    "multiply": multiply,
    "fill": fill,
    "scale": scale,
}


@scenario(
    ref="torch.sparse",
    axes={"layout": ("coo", "csr"), "use": ("multiply", "fill", "scale")},
    tiers={"compiles": "may: how much of a program is compiled beside sparse tensors varies"},
    expect="""
    call 1: compiles, equals eager
    calls 2-4: reuses, equals eager
    """,
)
def sparse_argument_is_read(s: Subject) -> None:
    """A sparse COO or CSR argument is used with the entries of each call, and sparse results stay sparse."""
    program = s.compile(USES[s.axis("use")])
    for _ in range(3):
        program(entries(s, s.axis("layout")), s.randn(4, 3))
    other = "coo" if s.axis("layout") == "csr" else "csr"
    program(entries(s, other), s.randn(4, 3))


@scenario(
    ref="torch.sparse",
    tiers={"compiles": "may: how much of a program is compiled beside sparse tensors varies"},
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    call 3: reuses, equals eager
    gradients: equals eager
    """,
)
def sparse_argument_has_gradients(s: Subject) -> None:
    """Gradients of torch.sparse.mm reach the dense argument and the sparse one, in its own layout."""
    program = s.compile(multiply)
    for _ in range(3):
        x, y = entries(s, "coo").requires_grad_(), s.randn(4, 3).requires_grad_()
        program(x, y).sum().backward()
        s.note("gradients", [x.grad, y.grad])


@scenario(
    ref="torch.sparse",
    tiers={"compiles": "may: how much of a program is compiled beside sparse tensors varies"},
    expect="""
    call 1: compiles, equals eager
    change: it has other values
    call 2: reuses, equals eager
    change: it has other entries
    call 3: reuses, equals eager
    change: a dense tensor takes its place
    call 4: reuses, equals eager
    """,
)
def captured_sparse_tensor_is_replaced(s: Subject) -> None:
    """A sparse tensor in a closure may have its values changed in place, or be replaced by another or a dense one."""
    held = [entries(s, "coo").coalesce()]

    def program(y: Tensor) -> Tensor:
        z = y.sin() + 1
        return (held[0] @ z).cos()

    compiled = s.compile(program)
    compiled(s.randn(4, 3))
    s.change("it has other values")
    held[0].values().mul_(-2)
    compiled(s.randn(4, 3))
    for what, layout in ("it has other entries", "coo"), ("a dense tensor takes its place", ""):
        s.change(what)
        held[0] = entries(s, layout) if layout else s.randn(4, 4)
        compiled(s.randn(4, 3))


@scenario(
    ref="torch.sparse",
    tiers={"compiles": "may: how much of a program is compiled beside sparse tensors varies"},
    expect="""
    call 1: compiles, equals eager
    calls 2-4: reuses, equals eager
    """,
)
def sparse_tensor_is_made_inside(s: Subject) -> None:
    """A program that calls to_sparse() computes with the entries that its data have in each call."""

    def program(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        made = (x - 1).relu().to_sparse()
        return torch.sparse.mm(made, y) + 1, made

    compiled = s.compile(program)
    for shift in 1, 0, 2, -9:
        compiled(s.randn(4, 4) + shift, s.randn(4, 3))
