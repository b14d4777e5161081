"""Does a program that was compiled ahead of time give eager's results, here and in other processes?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


def add(x: Tensor, y: Tensor) -> Tensor:
    """The sum of two tensors."""
    return x + y


@scenario(
    ref="torch.compiler: ahead-of-time compilation / round trip",
    seed=("test_aot_compile_basic_fn_inductor",),
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 2: reuses, equals eager
    """,
)
def function_round_trip(s: Subject) -> None:
    """A function that was compiled ahead of time and saved runs in another process without being compiled again."""
    ready = s.ahead(add, (s.randn(3, 4), s.randn(3, 4)))
    ready(s.randn(3, 4), s.randn(3, 4))
    ready.save(s.path("add"))
    s.elsewhere(call_loaded, s.path("add"))


def call_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and call it."""
    loaded = s.load(path)
    loaded(s.randn(3, 4), s.randn(3, 4))
