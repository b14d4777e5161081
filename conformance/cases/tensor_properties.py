"""Is code that was compiled for one kind of tensor (dtype, strides, gradients ...) not used for another kind?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@scenario(
    ref="torch.compiler: core concepts / guards on tensors",
    expect="""
    calls 1-5: compiles, equals eager
    call 6: reuses, equals eager
    call 7: reuses, equals eager
    """,
)
def dtype_varies(s: Subject) -> None:
    """Each dtype has a graph of its own, which is reused when the dtype comes back."""

    def program(x: Tensor) -> tuple[Any, ...]:
        scaled = x * 2 if x.is_floating_point() else x // 2
        return scaled, x.dtype, x.element_size(), torch.promote_types(x.dtype, torch.int32)

    compiled = s.compile(program)
    for dtype in torch.float32, torch.float64, torch.int64, torch.bool, torch.bfloat16:
        compiled(s.arange(4).to(dtype))
    for dtype in torch.bool, torch.float64:
        compiled(s.ones(4, dtype=dtype))


@scenario(
    ref="torch.compiler: core concepts / guards on tensors",
    axes={"asked": ("compared", "among", "key")},
    expect="""
    calls 1-4: compiles, equals eager
    call 5: reuses, equals eager
    call 6: reuses, equals eager
    """,
)
def branch_asks_for_the_dtype(s: Subject) -> None:
    """A branch on the dtype, by ==, in a tuple or as a key of a dict, is taken by the dtype of each call."""
    factors = {torch.float64: 3, torch.int64: 5}

    def program(x: Tensor) -> Tensor:
        if s.axis("asked") == "key":
            return x * factors.get(x.dtype, 7)
        if s.axis("asked") == "among":
            return x * 3 if x.dtype in (torch.float64, torch.int64) else x + 7
        return x * 3 if x.dtype == torch.float32 else x + 7

    compiled = s.compile(program)
    for dtype in torch.float32, torch.float64, torch.int64, torch.int32, torch.float64, torch.int64:
        compiled(s.arange(4).to(dtype))


@scenario(
    ref="torch.compiler: core concepts / guards on tensors",
    expect="""
    calls 1-4: compiles, equals eager
    call 5: reuses, equals eager
    call 6: reuses, equals eager
    """,
)
def number_of_dimensions_varies(s: Subject) -> None:
    """Each number of dimensions has a graph of its own, which is reused when the number comes back."""

    def program(x: Tensor) -> tuple[Any, ...]:
        return x.sum(-1), x.dim(), x.softmax(0) if x.dim() else x + 1, tuple(x.shape)

    compiled, x = s.compile(program), s.randn(2, 2, 2)
    for tensor in x[0], x[0, 0], x, x[0, 0, 0], x[1], x[0, 1, 1]:
        compiled(tensor)


@scenario(
    ref="torch.compiler: core concepts / guards on tensors",
    expect="""
    call 1: compiles, result[1] shares storage with argument 0, equals eager
    calls 2-4: compiles, equals eager
    call 5: compiles, result[1] shares storage with argument 0, equals eager
    call 6: reuses, result[1] shares storage with argument 0, equals eager
    """,
)
def layout_varies(s: Subject) -> None:
    """Tensors of one shape with different strides are read, flattened and described by their own strides."""

    def program(x: Tensor) -> tuple[Any, ...]:
        lies = x.is_contiguous(), x.is_contiguous(memory_format=torch.channels_last), x.stride()
        return x * 2, x.reshape(-1), *lies

    compiled, x = s.compile(program), s.randn(2, 2, 3, 2)
    for tensor in (
        x,
        x.to(memory_format=torch.channels_last),
        x.transpose(1, 3).contiguous().transpose(1, 3),
        x[:1].expand(2, 2, 3, 2),
        s.randn(2, 2, 3, 4)[..., ::2],
        s.randn(2, 2, 3, 2),
    ):
        compiled(tensor)


@scenario(
    ref="torch.compiler: recompilation / what is guarded",
    expect="""
    call 1: compiles, equals eager
    calls 2-6: reuses, equals eager
    """,
)
def offset_varies(s: Subject) -> None:
    """A view may begin at any offset of its storage, aligned or not, at the cost of one graph."""
    program, base = s.compile(lambda x: (x * 2).sum() + x[0]), s.randn(64)
    for start in 0, 16, 1, 3, 30:
        program(base[start : start + 24])
    program(s.randn(24))


@scenario(
    ref="torch.compiler: core concepts / guards on tensors",
    expect={
        # Until torch 2.15 the question was answered outside of the graph.
        "torch<2.15": """
        call 1: compiles, equals eager
        calls 2-4: reuses, equals eager
        """,
        "otherwise": """
        calls 1-3: compiles, equals eager
        call 4: reuses, equals eager
        """,
    },
)
def offset_is_asked(s: Subject) -> None:
    """A program that asks for storage_offset() gets that of the tensor of the call."""
    program, base = s.compile(lambda x: (x * 2, x.storage_offset())), s.randn(16)
    for start in 0, 4, 1, 0:
        program(base[start : start + 8])


@scenario(
    ref="torch.compiler: core concepts / guards on tensors",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    """,
)
def need_of_gradients_is_asked(s: Subject) -> None:
    """A program that asks for requires_grad gets that of the tensor of the call."""
    program, leaf = s.compile(lambda x: (x * 2, x.requires_grad)), s.randn(3).requires_grad_()
    for tensor in s.randn(3), leaf, leaf.detach(), leaf:
        program(tensor)


@scenario(
    ref="torch.compiler: core concepts / guards on tensors",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    """,
)
def leaf_is_told_from_a_result(s: Subject) -> None:
    """A program that asks for is_leaf gets that of the tensor of the call."""
    program = s.compile(lambda x: x.detach() + (100 if x.is_leaf else 1))
    leaf = s.randn(3).requires_grad_()
    for tensor in leaf, leaf * 2, leaf:
        program(tensor)


@scenario(
    ref="torch.compiler: core concepts / guards on tensors",
    expect="""
    call 1: compiles, equals eager
    change: a gradient is added
    call 2: compiles, equals eager
    change: a gradient is added
    call 3: reuses, equals eager
    change: the gradient is replaced, then cleared
    call 4: reuses, equals eager
    call 5: reuses, equals eager
    """,
)
def gradient_appears(s: Subject) -> None:
    """A program that reads an argument's .grad finds the one that it has at the time of the call, or None."""

    def program(x: Tensor) -> Tensor:
        return x.detach() * 2 if x.grad is None else x.detach() - x.grad

    compiled, leaf = s.compile(program), s.randn(3).requires_grad_()
    compiled(leaf)
    for factor in 2, 3:
        s.change("a gradient is added")
        (leaf * factor).sum().backward()
        compiled(leaf)
    s.change("the gradient is replaced, then cleared")
    leaf.grad = s.ones(3)
    compiled(leaf)
    leaf.grad = None
    compiled(leaf)


@scenario(
    ref="torch.compiler: core concepts / guards on tensors",
    expect="""
    calls 1-4: compiles, equals eager
    call 5: reuses, equals eager
    """,
)
def parameter_takes_the_place(s: Subject) -> None:
    """Whether an argument is an nn.Parameter or a plain tensor is seen anew in each call."""

    def program(x: Tensor) -> tuple[Any, ...]:
        return x * 2, isinstance(x, torch.nn.Parameter), type(x).__name__

    compiled = s.compile(program)
    for tensor in s.randn(3), s.randn(3).requires_grad_():
        compiled(tensor)
        compiled(torch.nn.Parameter(s.randn(3), requires_grad=tensor.requires_grad))
    compiled(s.randn(3))


@scenario(
    ref="torch.compiler: core concepts / guards on attributes",
    expect="""
    call 1: compiles, equals eager
    change: a tensor is marked
    call 2: compiles, equals eager
    change: a tensor is marked
    call 3: compiles, equals eager
    call 4: reuses, equals eager
    change: the mark is removed
    call 5: reuses, equals eager
    """,
)
def tensor_has_an_attribute(s: Subject) -> None:
    """A Python attribute that was set on a tensor is that of the tensor of the call, or missing."""
    program = s.compile(lambda x: x * getattr(x, "factor", 2) if hasattr(x, "factor") else -x)
    plain, marked = s.randn(3), s.randn(3)
    program(plain)
    for factor in 3.0, 5.0:
        s.change("a tensor is marked")
        marked.factor = factor  # type: ignore[attr-defined]
        program(marked)
    program(plain)
    s.change("the mark is removed")
    del marked.factor  # type: ignore[attr-defined]
    program(marked)


#: Tensors of one shape and dtype, some of which are only to be read as something else.
READINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "plain": lambda x: x,
    "conjugate": lambda x: x.conj(),
    "resolved": lambda x: x.conj().resolve_conj(),
    "twice": lambda x: x.conj().conj(),
}


@scenario(
    ref="torch.compiler: core concepts / guards on tensors",
    expect="""
    call 1: compiles 2 graphs, equals eager
    call 2: compiles 2 graphs, equals eager
    calls 3-5: reuses, equals eager
    """,
)
def conjugate_is_passed(s: Subject) -> None:
    """A complex tensor with its conjugate bit set, by conj(), has the conjugate values in the program."""
    program = s.compile(lambda x: (x * 2, x.is_conj(), x.imag * 2))
    x = torch.complex(s.randn(3), s.randn(3))
    for name in "plain", "conjugate", "resolved", "twice", "conjugate":
        program(READINGS[name](x))


@scenario(
    ref="torch.compiler: core concepts / guards on tensors",
    expect="""
    calls 1-3: compiles 2 graphs, equals eager
    call 4: reuses, equals eager
    call 5: reuses, equals eager
    """,
)
def negative_view_is_passed(s: Subject) -> None:
    """A tensor with its negative bit set, as conj().imag has, has the negated values in the program."""
    program = s.compile(lambda x: (x * 2, x.is_neg(), x.sum()))
    x = torch.complex(s.randn(3), s.randn(3))
    for tensor in x.imag, x.conj().imag, x.imag + 0, x.conj().imag.resolve_neg(), x.conj().imag:
        program(tensor)


@scenario(
    ref="torch.compiler: recompilation / what is guarded",
    expect="""
    call 1: compiles, equals eager
    calls 2-5: reuses, equals eager
    """,
)
def unused_tensor_varies(s: Subject) -> None:
    """A tensor that the program does not read may be of any shape and dtype, at the cost of one graph."""
    program, x = s.compile(lambda x, _: x * 2), s.randn(3)
    for unused in s.ones(2), s.ones(5), s.ones(2, 2), s.ones(2, dtype=torch.int32), x:
        program(x, unused)
