"""Is a program that is compiled with fullgraph=True one graph, or refused where it cannot be?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


#: Gives back what it is given; it breaks the graph wherever it is called.
pause: Any = torch.compiler.disable(lambda value: value)

#: Ways to break a graph.
BREAKS: dict[str, Callable[[Tensor], object]] = {
    "explicit": lambda _: torch._dynamo.graph_break(),  # noqa: SLF001 - the documented name
    "disabled": pause,
    "branch": lambda x: 1 if x.sum() > 0 else 2,
}


@scenario(
    ref="torch.compiler: fullgraph / graph breaks",
    needs=("fullgraph", "torch_compile"),
    axes={"kind": ("explicit", "disabled", "branch")},
    expect="""
    call 1: compiles, equals eager
    call 2: raises torch._dynamo.exc.Unsupported while tracing
    call 3: reuses, equals eager
    call 4: raises torch._dynamo.exc.Unsupported while tracing
    """,
)
def break_is_refused(s: Subject) -> None:
    """With fullgraph=True, a call that would break the graph raises, each time; others are compiled and reused."""
    break_graph = BREAKS[s.axis("kind")]

    def program(x: Tensor, loud: bool) -> Tensor:  # noqa: FBT001 - the program's own
        if loud:
            break_graph(x)
        return x * 2

    compiled = s.compile(program, fullgraph=True)
    for loud in False, True, False, True:
        s.attempt(compiled, s.ones(3), loud)


@scenario(
    ref="torch.compiler: fullgraph / graph breaks",
    needs=("fullgraph", "torch_compile"),
    expect="""
    call 1 of the strict one: raises torch._dynamo.exc.Unsupported while tracing
    call 2 of the lenient one: compiles 2 graphs, equals eager
    call 3 of the strict one: raises torch._dynamo.exc.Unsupported while tracing
    call 4 of the lenient one: reuses, equals eager
    call 5 of the strict one: raises torch._dynamo.exc.Unsupported while tracing
    call 6 of the lenient one: compiles 2 graphs, equals eager
    """,
)
def refusal_is_the_wrappers_own(s: Subject) -> None:
    """A program that is refused with fullgraph=True is compiled in pieces by another torch.compile without it."""

    def program(x: Tensor) -> Any:
        return pause(x + 1) * 2

    strict = s.compile(program, fullgraph=True, name="the strict one")
    lenient = s.compile(program, name="the lenient one")
    for size in 2, 2, 3:
        s.attempt(strict, s.randn(size))
        lenient(s.randn(size))


class Block(torch.nn.Module):
    """Two layers, and a number that grows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(width, width) for _ in range(2))
        self.calls = 0

    def forward(self, x: Tensor, **scales: float) -> Tensor:
        """Calls, loops, closures, dicts, formatted texts and comprehensions."""
        self.calls += 1

        def scale(y: Tensor, name: str = "a") -> Tensor:
            return y * scales.get(name, 1.0)

        for number, layer in enumerate(self.layers, start=1):
            x = scale(layer(x), "ab"[number - 1]) + number
        sizes = {f"size {number}": size for number, size in enumerate(x.shape)}
        with torch.no_grad():
            weight = sum(each.weight.sum() for each in self.layers)  # type: ignore[misc, operator]
        return torch.stack([x, x.sin()]).sum(0) * max(sizes.values()) + weight


@scenario(
    ref="torch.compiler: fullgraph / one graph",
    needs=("fullgraph",),
    expect="""
    calls 1-3: compiles, equals eager
    calls: equals eager
    """,
)
def program_is_one_graph(s: Subject) -> None:
    """Calls, loops, closures, containers and `with` blocks of Python do not keep a program from being one graph."""
    block = s.place(Block(3))
    program = s.compile(block, fullgraph=True)
    for scale in 2.0, 2.0, 3.0:
        program(s.randn(3, 3), a=scale)
    s.note("calls", block.calls)


def break_strictly(x: Tensor, where: str) -> Any:
    """Breaks the graph in a strict region, or outside of it."""
    y = x + 1
    if where == "before":
        y = pause(y)
    with torch._dynamo.error_on_graph_break(True):  # noqa: FBT003, SLF001 - the documented name
        y = inner(y * 2, where)
    return pause(y) if where == "after" else y


def inner(x: Tensor, where: str) -> Any:
    """Breaks the graph, or has it broken where that is allowed again."""
    if where == "inside":
        x = pause(x)
    return allowed(x, where) * 3


@torch._dynamo.error_on_graph_break(False)  # noqa: FBT003, SLF001 - the documented name
def allowed(x: Tensor, where: str) -> Any:
    """Breaks the graph where that is allowed."""
    return pause(x) if where == "allowed" else x


@scenario(
    ref="torch.compiler: error_on_graph_break / regions",
    needs=("torch_compile",),
    axes={"where": ("before", "inside", "allowed", "after")},
    expect={
        "where=before": """
        call 1: compiles, equals eager
        call 2: compiles 2 graphs, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        """,
        "where=inside": """
        call 1: compiles, equals eager
        call 2: raises torch._dynamo.exc.Unsupported while tracing
        call 3: reuses, equals eager
        call 4: raises torch._dynamo.exc.Unsupported while tracing
        """,
        "where=allowed": """
        call 1: compiles, equals eager
        call 2: compiles 3 graphs, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        """,
    },
)
def region_is_strict(s: Subject) -> None:
    """In error_on_graph_break(True) a graph break raises; before and after it, and in a False part, it does not."""
    program = s.compile(break_strictly)
    for where in "", s.axis("where"), "", s.axis("where"):
        s.attempt(program, s.randn(2), where)


@scenario(
    ref="torch.compiler: error_on_graph_break / fullgraph takes precedence",
    needs=("fullgraph", "torch_compile"),
    expect="""
    call 1: compiles, result is argument 0, equals eager
    call 2: raises torch._dynamo.exc.Unsupported while tracing
    call 3: reuses, result is argument 0, equals eager
    """,
)
def lenient_region_in_a_full_graph(s: Subject) -> None:
    """With fullgraph=True, error_on_graph_break(False) does not allow graph breaks."""
    program = s.compile(allowed, fullgraph=True)
    for where in "", "allowed", "":
        s.attempt(program, s.randn(2), where)


@scenario(
    ref="torch.compile: fullgraph",
    needs=("fullgraph", "torch_compile", "dynamo_config"),
    axes={"why": ("stance", "flag")},
    torch=">=2.12",
    expect={
        # Torch 2.12 runs it in eager.
        "why=flag, torch>=2.13": """
        call 1: runs uncompiled, raises RuntimeError while running
        change: compiling is switched on again
        reset
        call 2: compiles, equals eager
        """,
        "otherwise": """
        call 1: runs uncompiled, equals eager
        change: compiling is switched on again
        reset
        call 2: compiles, equals eager
        """,
    },
)
def nothing_is_compiled(s: Subject) -> None:
    """With fullgraph=True, a call raises while config.disable is set (torch 2.13 on), and runs under force_eager."""
    program, by_flag = s.compile(lambda x: x + 1, fullgraph=True), s.axis("why") == "flag"
    if by_flag:
        s.config(disable=True)
    with torch.compiler.set_stance("default" if by_flag else "force_eager"):
        s.attempt(program, s.randn(2))
    s.change("compiling is switched on again")
    if by_flag:
        s.config(disable=False)
    s.reset()
    program(s.randn(2))
