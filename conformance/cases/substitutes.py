"""Do substitutes of functions, functions kept out of graphs, and the default backend do in each call as they should?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor
    from torch.fx import GraphModule


#: Who ran, in the call that was made last.
WHO: list[str] = []


def grown(name: str) -> Callable[[Tensor, int], Tensor]:
    """A function that writes down who it is, and cannot be captured unless it is a substitute."""

    def grow(x: Tensor, times: int) -> Tensor:
        if name == "original":
            torch._dynamo.graph_break()  # noqa: SLF001 - has no public name
        WHO.append(name)
        for _ in range(times):
            x = x * 2 + 1
        return x

    return grow


@scenario(
    ref="torch.compiler.substitute_in_graph",
    needs=("torch_compile", "fullgraph"),
    expect="""
    call 1: compiles, equals eager
    who ran (diverge) = [substitute]
    call 2: reuses, equals eager
    who ran (diverge) = [substitute]
    call 3: compiles, equals eager
    who ran (diverge) = [substitute]
    call 4: reuses, equals eager
    who ran (diverge) = [substitute]
    called directly: equals eager
    who ran directly: equals eager
    """,
)
def substitute_is_captured(s: Subject) -> None:
    """A substitute given to substitute_in_graph runs in each compiled call, and the function itself elsewhere."""
    grow = torch.compiler.substitute_in_graph(grown("original"))(grown("substitute"))
    program = s.compile(lambda x, times: grow(x, times) * 3, fullgraph=True, dynamic=False)
    for times in 1, 1, 3, 1:
        WHO.clear()
        program(s.randn(3), times)
        s.tell("who ran", list(WHO), tier="diverge")
    WHO.clear()
    s.note("called directly", grow(s.randn(3), 2))
    s.note("who ran directly", WHO)


FACTORS = [2.0]
LOG: list[int] = []


def scale(x: Tensor) -> Tensor:
    """A substitute that reads and writes globals."""
    LOG.append(len(x))
    return x * FACTORS[0]


def surrounded(factors: list[float], log: list[int]) -> Callable[[Tensor], Tensor]:
    """A substitute that reads and writes what it captures."""

    def scale_captured(x: Tensor) -> Tensor:
        log.append(len(x))
        return x * factors[0]

    return scale_captured


@scenario(
    ref="torch.compiler.substitute_in_graph",
    needs=("torch_compile", "fullgraph"),
    axes={"what": ("captured", "global")},
    expect="""
    call 1: compiles, equals eager
    what it has written: equals eager
    call 2: reuses, equals eager
    what it has written: equals eager
    change: what it reads is another number
    call 3: compiles, equals eager
    what it has written: equals eager
    """,
)
def substitute_has_its_surroundings(s: Subject) -> None:
    """A substitute reads globals and its closure as they are at each call, and what it writes to them stays."""
    FACTORS[0] = 2.0
    original = surrounded(FACTORS, LOG)
    is_global = s.axis("what") == "global"
    substitute = scale if is_global else surrounded(FACTORS, LOG)
    torch.compiler.substitute_in_graph(original)(substitute)
    program = s.compile(lambda x: original(x) + 1, fullgraph=True)
    for number in 2.0, 2.0, 5.0:
        if number != FACTORS[0]:
            s.change("what it reads is another number")
            FACTORS[0] = number
        LOG.clear()
        program(s.randn(3))
        s.note("what it has written", LOG)


#: What takes the place of a function, one after the other.
REPLACEMENTS = (
    "a function with another substitute takes its place",
    "a function without one takes its place",
    "the first function is back",
)


@scenario(
    ref="torch.compiler.substitute_in_graph",
    needs=("torch_compile", "fullgraph"),
    expect="""
    call 1: compiles, equals eager
    change: a function with another substitute takes its place
    call 2: compiles, equals eager
    change: a function without one takes its place
    call 3: compiles, equals eager
    change: the first function is back
    call 4: reuses, equals eager
    refused: equals eager
    call 5: reuses, equals eager
    """,
)
def function_with_a_substitute_is_replaced(s: Subject) -> None:
    """When a function is replaced by another, calls use the new one's substitute; a second substitute is refused."""
    first, second = (lambda x: x + 1), (lambda x: x - 1)
    torch.compiler.substitute_in_graph(first)(lambda x: 1 + x)
    torch.compiler.substitute_in_graph(second)(lambda x: -(1 - x))
    held: list[Callable[[Tensor], Tensor]] = [first]
    program = s.compile(lambda x: held[0](x * 2) * 3, fullgraph=True)
    program(s.randn(3))
    for what, function in zip(REPLACEMENTS, (second, torch.sin, first), strict=True):
        s.change(what)
        held[0] = function
        program(s.randn(3))
    s.note("refused", refuses_another(first))
    program(s.randn(3))


def refuses_another(function: Callable[[Tensor], Tensor]) -> bool:
    """Whether a further substitute is refused."""
    try:
        torch.compiler.substitute_in_graph(function)(lambda x: x * 100)
    except ValueError:
        return True
    return False


def draw(x: Tensor, log: list[str]) -> Tensor:
    """Draws between two effects."""
    log.append("before")
    y = torch.bernoulli(x.sigmoid()) * 2
    log.append("after")
    return y + x.sin()


@scenario(
    ref="torch._dynamo.disallow_in_graph",
    needs=("torch_compile",),
    exact="what is kept out of graphs stands between two of them",
    expect="""
    keep it out: succeeds
    call 1: compiles 2 graphs, changes random_state, equals eager
    effects: equals eager
    call 2: reuses, changes random_state, equals eager
    effects: equals eager
    allow it again: succeeds
    reset
    call 3: compiles, changes random_state, resembles eager
    """,
)
def function_is_kept_out(s: Subject) -> None:
    """A function under disallow_in_graph runs between two graphs, and draws eager's random numbers."""
    drawn, dynamo = torch.bernoulli, cast("Any", torch._dynamo)  # noqa: SLF001 - the documented name
    s.act("keep it out", lambda: dynamo.disallow_in_graph(drawn))
    program = s.compile(draw)
    for seed in 1, 2:
        torch.manual_seed(seed)
        log: list[str] = []
        program(s.randn(8), log)
        s.note("effects", log)
    s.act("allow it again", lambda: dynamo.allow_in_graph(drawn))
    s.reset()
    s.compile(draw, compare="metadata")(s.randn(8), [])


class Recorder:
    """A backend of one's own: runs each graph as it was captured, and counts its runs."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, graph: GraphModule, _: Sequence[Any]) -> Callable[..., Any]:
        """A function that runs the graph."""

        def run(*args: Any) -> Any:
            self.runs += 1
            return graph(*args)

        return run


@scenario(
    ref="torch.compiler.set_default_backend",
    needs=("torch_compile",),
    torch=">=2.13",
    expect="""
    set it: succeeds
    call 1 of the first: compiles, equals eager
    change: another backend is the default
    set it: succeeds
    call 2 of the first: reuses, equals eager
    call 3 of the second: compiles, equals eager
    call 4 of the first: compiles, equals eager
    change: there is no default of one's own
    set it: succeeds
    call 5 of the second: reuses, equals eager
    runs of both, and the default = [3, 2, True]
    """,
)
def default_backend_is_used(s: Subject) -> None:
    """Without a backend, torch.compile uses the default at the time of wrapping, whatever default is set later."""
    usual, set_it = torch.compiler.get_default_backend(), torch.compiler.set_default_backend
    mine, other = Recorder(), Recorder()
    s.act("set it", lambda: set_it(mine))
    first = s.compile(lambda x: x * 2, name="the first", backend=None, dynamic=False)
    first(s.randn(3))
    s.change("another backend is the default")
    s.act("set it", lambda: set_it(other))
    second = s.compile(lambda x: x * 3, name="the second", backend=None)
    for program, size in (first, 3), (second, 3), (first, 4):
        program(s.randn(size))
    s.change("there is no default of one's own")
    s.act("set it", lambda: set_it(None))
    second(s.randn(3))
    s.tell("runs of both, and the default", [mine.runs, other.runs, set_back_to(usual)])


def set_back_to(usual: object) -> bool:
    """Whether the default backend is what it was."""
    return torch.compiler.get_default_backend() == usual
