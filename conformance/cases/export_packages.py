"""Does an AOTInductor package that was made of an exported program compute what the program does?"""

from __future__ import annotations

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
