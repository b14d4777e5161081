"""An operator of a program's own cannot be called without an argument that it may write and that has a
default.

Scenario: custom_operators/arguments_are_written
Kind: refused
Seen: torch 2.12.1; eager, aot_eager, inductor; torch 2.13.0, 2.14.1, 2.15.0; inductor
Shows: Error
Root: in torch 2.12, adinplaceorview_impl (torch/_library/custom_ops.py) counts a write to each argument
    that may be written, by its position, also where the argument is its default and therefore not passed.
    Since 2.13, Inductor alone fails: `<built-in function getitem> is not an OpOverload`.
Upstream: none found
"""

import sys

import torch


@torch.library.custom_op("findings::add_into", mutates_args=("total",))
def add_into(x: torch.Tensor, total: torch.Tensor | None = None) -> torch.Tensor:
    if total is not None:
        total.add_(x)
    return x + 1


@add_into.register_fake
def _(x, total=None):
    return torch.empty_like(x)


compiled = torch.compile(lambda x: add_into(x), backend=sys.argv[1])
compiled(torch.ones(1))
