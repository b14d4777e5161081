"""Does an AOTInductor package that was made of an exported program compute what the program does?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch._inductor import aoti_compile_and_package, aoti_load_package
from torch.export import Dim

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


class Rows(torch.nn.Module):
    """One linear layer, a buffer that it writes to, and a number of rows."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 16)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """The layer's output by its number of rows, and how often it was asked."""
        self.calls.add_(1)
        return {"rows": self.linear(x) / x.shape[0], "calls": self.calls.clone()}


def package(net: torch.nn.Module, x: Tensor, path: str) -> str:
    """Export a module for two to nine rows, and make a package of it."""
    exported = torch.export.export(net, (x,), dynamic_shapes={"x": {0: Dim("rows", min=2, max=9)}})
    return aoti_compile_and_package(exported, package_path=path)


@scenario(
    ref="torch.export: AOTInductor",
    needs=("export", "aot_inductor", "dynamic_shapes"),
    expect="""
    package: succeeds
    change: a fresh process goes on
    load: succeeds
    result of 4 rows: equals eager
    result of 2 rows: equals eager
    result of 9 rows: equals eager
    """,
)
def package_serves_its_sizes_elsewhere(s: Subject) -> None:
    """A package is loaded in another process with its weights, serves its range of sizes, and updates its buffers."""
    net, x, path = s.place(Rows()), s.randn(4, 3), s.path("rows.pt2")
    s.act("package", lambda: package(net, x, path))
    s.elsewhere(call_package, path, net)


def call_package(s: Subject, path: str, net: Rows) -> None:
    """Load a package and call it with several sizes."""
    loaded: Any = s.act("load", lambda: aoti_load_package(path)) or net
    with torch.no_grad():
        for rows in 4, 2, 9:
            s.note(f"result of {rows} rows", loaded(s.randn(rows, 3)))


class Layers(torch.nn.Module):
    """Two linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(3, 16), torch.nn.Linear(16, width)

    def forward(self, x: Tensor) -> Tensor:
        """One after the other."""
        return self.second(self.first(x).tanh())  # type: ignore[no-any-return]


@scenario(
    ref="torch.export: AOTInductor",
    needs=("export", "aot_inductor"),
    axes={"width": (16, 2)},
    expect="""
    package: succeeds
    load: succeeds
    result: equals eager
    load constants: succeeds
    result: equals eager
    load constants: succeeds
    result: equals eager
    """,
)
def constants_of_a_package_are_replaced(s: Subject) -> None:
    """A loaded package computes with the weights that load_constants has given it last, all of them or some."""
    net, x, path = s.place(Layers(s.axis("width"))), s.randn(4, 3), s.path("layers.pt2")
    s.act(
        "package",
        lambda: aoti_compile_and_package(torch.export.export(net, (x,)), package_path=path),
    )
    loaded: Any = s.act("load", lambda: aoti_load_package(path))
    for names in (), tuple(net.state_dict()), ("second.weight", "first.bias"):
        new = {name: s.randn(*net.state_dict()[name].shape) for name in names}
        if new:
            net.load_state_dict(new, strict=False)
            whole = len(new) == len(net.state_dict())
            s.act("load constants", partial(load_constants, loaded, new, whole=whole))
        with torch.no_grad():
            s.note("result", (loaded or net)(s.randn(4, 3)))


def load_constants(loaded: Any, new: dict[str, Tensor], *, whole: bool) -> None:
    """Give a package other weights."""
    loaded.load_constants(new, check_full_update=whole)
