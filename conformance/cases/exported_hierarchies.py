"""Is an exported program with inferred sizes, or with its hierarchy restored, still the program when it is compiled?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.export import Dim

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

#: With so many columns, `Columns` sums up.
MANY = 3


class Columns(torch.nn.Module):
    """What it does is decided by its columns, and depends on its rows."""

    def forward(self, x: Tensor) -> Tensor:
        """A running sum or the argument, by the number of rows."""
        return (x.cumsum(0) if x.shape[1] == MANY else x) / x.shape[0]


@scenario(
    ref="torch.export / dynamic shapes",
    needs=("export", "dynamic_shapes"),
    expect="""
    export: succeeds
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    call 4: raises torch._dynamo.exc.TorchRuntimeError while tracing
    """,
)
def inferred_sizes_are_served(s: Subject) -> None:
    """A module exported with Dim.AUTO serves all sizes that it does not decide by when compiled, and refuses others."""
    net, example = s.place(Columns()), s.rand(4, MANY)
    sizes = {"x": {0: Dim.AUTO, 1: Dim.AUTO}}
    made = s.act("export", lambda: torch.export.export(net, (example,), dynamic_shapes=sizes))
    program = s.compile(made.module() if made else net, dynamic=True)
    for rows in 4, 2, 20:
        program(s.rand(rows, MANY))
    s.attempt(program, s.rand(4, MANY + 1))


class Block(torch.nn.Module):
    """One linear layer, shifted."""

    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)
        self.register_buffer("shift", torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output and the shift."""
        return self.linear(x).tanh() + self.shift  # type: ignore[no-any-return]


class Twice(torch.nn.Module):
    """Two blocks, the first of which is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Block(), Block()

    def forward(self, x: Tensor) -> Tensor:
        """Three calls of blocks."""
        return self.first(self.second(self.first(x) * 2)) - x  # type: ignore[no-any-return]


def replace_weight(net: Any, other: Block) -> None:
    """Put another parameter into the first block."""
    net.first.linear.weight = other.linear.weight


def replace_buffer(net: Any, _: Block) -> None:
    """Put another buffer into the second block."""
    net.second.shift = net.second.shift * 3


def replace_block(net: Any, other: Block) -> None:
    """Put another block in the place of the second."""
    net.second = other


#: What becomes another thing between calls.
REPLACE: dict[str, Callable[[Any, Block], None]] = {
    "parameter": replace_weight,
    "buffer": replace_buffer,
    "submodule": replace_block,
}


@scenario(
    ref="torch.export / modules",
    needs=("export",),
    axes={"replaced": ("parameter", "buffer", "submodule")},
    expect={
        "replaced=submodule": """
        export: succeeds
        call 1: compiles, equals eager
        gradients: equals eager
        change: it is replaced
        call 2: compiles, equals eager
        gradients: equals eager
        call 3: reuses, equals eager
        gradients: equals eager
        """,
        "otherwise": """
        export: succeeds
        call 1: compiles, equals eager
        gradients: equals eager
        change: it is replaced
        call 2: reuses, equals eager
        gradients: equals eager
        call 3: reuses, equals eager
        gradients: equals eager
        """,
    },
)
def what_is_replaced_in_the_hierarchy_counts(s: Subject) -> None:
    """A parameter, buffer or submodule replaced in an unflattened module is the one that it uses when compiled."""
    net, other, example = s.place(Twice()), s.place(Block()), s.randn(2, 3)
    kept = ("first", "second")
    made = s.act("export", lambda: export_blocks(net, example, kept))
    module = torch.export.unflatten(made) if made else net
    program = s.compile(module)
    for change in None, REPLACE[s.axis("replaced")], None:
        if change:
            s.change("it is replaced")
            change(module, other)
        program(s.randn(2, 3)).square().sum().backward()
        state = sorted(module.named_parameters())
        s.note("gradients", {name: each.grad for name, each in state})


def export_blocks(net: torch.nn.Module, example: Tensor, kept: tuple[str, ...]) -> Any:
    """What is exported, with the signatures of some of its submodules."""
    return torch.export.export(net, (example,), preserve_module_call_signature=kept)
