"""Packages of machine code, made ahead of time: do they run where nothing is compiled?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch._dynamo.aot_compile import ModelInput

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


def add(x: Tensor, y: Tensor) -> Tensor:
    """The sum of two tensors."""
    return x + y


class Linear(torch.nn.Module):
    """Holds one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        return self.linear(x)  # type: ignore[no-any-return]


@scenario(
    ref="torch.compiler: ahead-of-time compilation / AOTInductor",
    seed=("test_aot_compile_with_aoti", "test_aot_compile_with_aoti_torch_compile"),
    needs=("ahead_of_time", "fullgraph", "aot_inductor"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    it is a package = True
    call 2: reuses, equals eager
    """,
)
def packaged_function_round_trip(s: Subject) -> None:
    """A function compiled with use_aoti=True is saved as a package, and runs from it in another process."""
    ready = s.ahead(add, (s.randn(3, 4), s.randn(3, 4)), options={"use_aoti": True})
    ready(s.randn(3, 4), s.randn(3, 4))
    ready.save(s.path("add"))
    s.elsewhere(add_packaged, s.path("add"))


def add_packaged(s: Subject, path: str) -> None:
    """Load what was saved, and call it with two tensors."""
    loaded = s.load(path)
    s.tell("it is a package", is_package(loaded))
    loaded(s.randn(3, 4), s.randn(3, 4))


def is_package(ready: Any) -> bool:
    """Whether what was loaded says that AOTInductor has made it."""
    artefacts = getattr(ready, "_artifacts", None)
    return bool(getattr(artefacts, "backend_name", "") == "aotinductor")


@scenario(
    ref="torch.compiler: ahead-of-time compilation / AOTInductor",
    seed=("test_aot_compile_with_aoti_module",),
    needs=("ahead_of_time", "fullgraph", "aot_inductor"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    it is a package = True
    call 2: reuses, equals eager
    gradients: equals eager
    """,
)
def packaged_module_trains(s: Subject) -> None:
    """A module compiled with use_aoti=True is saved as a package, and trains from it with other weights elsewhere."""
    model, inputs = package(s), [ModelInput((s.randn(4, 3),), {}, [])]
    s.act("compile ahead of time", lambda: model._aot_compile(inputs))  # noqa: SLF001 - has no public name
    model(s.randn(4, 3))
    s.act("save", lambda: model._save_aot_compiled_module(s.path("module")))  # noqa: SLF001 - likewise
    s.elsewhere(train_packaged, s.path("module"))


def package(s: Subject) -> Any:
    """A new module, to be compiled in whole into a package."""
    return s.compile(s.place(Linear()), fullgraph=True, ahead=True, options={"use_aoti": True})


def train_packaged(s: Subject, path: str) -> None:
    """Load what was saved into an instance that has just been made, and differentiate it."""
    model = package(s)
    s.act("load", lambda: model._load_aot_compiled_module(Path(path).read_bytes()))  # noqa: SLF001 - likewise
    ready = getattr(model.forward, "compiled_results", ())
    s.tell("it is a package", all(is_package(each) for each in ready))
    model(s.randn(4, 3)).sum().backward()
    s.note("gradients", [each.grad for each in model.parameters()])
