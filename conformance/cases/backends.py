"""Is a custom backend given graphs that it can compile, and is what it returns used?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch._dynamo.backends import registry
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.aot_autograd import make_boxed_func  # type: ignore[attr-defined]

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor
    from torch.fx import GraphModule


class Recorder:
    """A backend of one's own: runs each graph as it was captured, and remembers what it was handed."""

    def __init__(self) -> None:
        self.graphs: list[GraphModule] = []
        self.examples: list[Sequence[Any]] = []
        self.runs: list[Sequence[Any]] = []
        self.resets = 0

    def __call__(self, graph: GraphModule, examples: Sequence[Any]) -> Callable[..., Any]:
        """A function that runs the graph."""
        self.graphs.append(graph)
        self.examples.append(examples)

        def run(*args: Any) -> Any:
            self.runs.append(args)
            return graph(*args)

        return run

    def reset(self) -> None:
        """Called by torch when everything compiled is forgotten."""
        self.resets += 1


def running(graph: GraphModule) -> Callable[..., Any]:
    """Code that does what a graph says."""

    def run(*args: Any) -> Any:
        return graph(*args)

    return run


class Mixed(torch.nn.Module):
    """Reads parameters, a buffer, its attributes, its arguments and a nest of them."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)
        self.register_buffer("shift", torch.zeros(3))

    def forward(self, nest: dict[str, list[Tensor]], *, scale: Tensor, times: int) -> Tensor:
        """Uses each of them; what is not symmetric shows their order."""
        first, second = nest["two"]
        return self.linear(first) / scale - second * times + self.shift + len(second)  # type: ignore[no-any-return]


@scenario(
    ref="torch.compiler: custom backends / graph and example inputs",
    needs=("torch_compile", "dynamic_shapes", "fullgraph"),
    axes={"dynamic": (False, True)},
    expect={
        "dynamic=False": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        the graphs are sound = [True, True]
        attributes that they read = [[], []]
        what comes is like the examples = [True, True]
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        the graphs are sound = [True]
        attributes that they read = [[]]
        what comes is like the examples = [True, True]
        """,
    },
)
def graph_fits_its_inputs(s: Subject) -> None:
    """A backend is given a valid graph that reads only its inputs, with an example for each that is like what comes."""
    backend, module = Recorder(), s.place(Mixed())
    program = s.compile(module, fullgraph=True, dynamic=s.axis("dynamic"), backend=backend)
    for rows in 4, 5:
        column = s.rand(rows, 1) + 1
        program({"two": [s.randn(rows, 3), s.randn(3, rows).t()]}, scale=column, times=7)
    s.tell("the graphs are sound", [is_sound(graph) for graph in backend.graphs])
    s.tell("attributes that they read", [reads(graph) for graph in backend.graphs])
    pairs = list(zip(backend.examples * 2, backend.runs, strict=False))
    s.tell("what comes is like the examples", [are_alike(*pair) for pair in pairs])


def is_sound(graph: GraphModule) -> bool:
    """Whether a graph passes its own examination; it raises what it finds."""
    graph.graph.lint()
    return True


def reads(graph: GraphModule) -> list[str]:
    """The attributes that a graph reads instead of being given them."""
    return [str(node.target) for node in graph.graph.find_nodes(op="get_attr")]


def are_alike(examples: Sequence[Any], args: Sequence[Any]) -> bool:
    """Whether as many arguments come as there are examples, each of the same kind and layout."""
    return [kind_of(each) for each in examples] == [kind_of(each) for each in args]


def kind_of(value: Any) -> object:
    """What an example has in common with what comes in its place."""
    if isinstance(value, torch.Tensor):
        return value.dtype, value.dim(), value.is_contiguous(), value.requires_grad
    return "number" if isinstance(value, int | torch.SymInt) else type(value)


def break_in_the_middle(x: Tensor) -> Tensor:
    """Two graphs, one after the other."""
    y = x * 2
    torch._dynamo.graph_break()  # noqa: SLF001 - has no public name
    return y + 1


@scenario(
    ref="torch.compiler: custom backends / graph breaks",
    needs=("torch_compile",),
    expect="""
    call 1: compiles 2 graphs, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    graphs that it was handed = 2
    runs = 6
    """,
)
def backend_runs_once_for_each_graph(s: Subject) -> None:
    """A backend compiles each graph once, and what it made of a graph runs once in each call."""
    backend = Recorder()
    program = s.compile(break_in_the_middle, backend=backend)
    for _ in range(3):
        program(s.randn(3))
    s.tell("graphs that it was handed", len(backend.graphs))
    s.tell("runs", len(backend.runs))


def give_several(x: Tensor, y: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Writes to the first, and gives three results."""
    x.add_(1)
    return x * y, [y - x, x]


def give_none(x: Tensor, y: Tensor) -> None:
    """Writes to the first."""
    x.sub_(y)


@scenario(
    ref="torch.compiler: custom backends / results",
    needs=("torch_compile",),
    axes={"kind": ("list", "tuple")},
    expect="""
    call 1: compiles, mutates argument 0, result[1][1] is argument 0, equals eager
    call 2: reuses, mutates argument 0, result[1][1] is argument 0, equals eager
    call 3: compiles, mutates argument 0, equals eager
    call 4: reuses, mutates argument 0, equals eager
    """,
)
def results_come_in_a_list_or_a_tuple(s: Subject) -> None:
    """The function that a backend returns may give its results in a list or in a tuple, also if there are none."""
    kind = list if s.axis("kind") == "list" else tuple

    def compile_graph(graph: GraphModule, _: Sequence[Any]) -> Callable[..., Any]:
        return lambda *args: kind(graph(*args))

    for program in give_several, give_none:
        compiled = s.compile(program, backend=compile_graph)
        for _ in range(2):
            compiled(s.randn(3), s.randn(3))


def double(x: Tensor) -> Tensor:
    """Twice the argument."""
    return x * 2


@scenario(
    ref="torch.compile: options",
    needs=("torch_compile",),
    axes={"keyword": ("options", "mode")},
    expect={
        "keyword=options": """
        call 1 of fast: compiles, equals eager
        call 2 of fast: reuses, equals eager
        call 3 of small: compiles, equals eager
        call 4 of small: reuses, equals eager
        given = [{'options': {'aim': fast}}, {'options': {'aim': small}}]
        """,
        "otherwise": """
        call 1 of fast: compiles, equals eager
        call 2 of fast: reuses, equals eager
        call 3 of small: compiles, equals eager
        call 4 of small: reuses, equals eager
        given = [{'mode': fast}, {'mode': small}]
        """,
    },
)
def settings_reach_the_backend(s: Subject) -> None:
    """A backend is called with the options or the mode of the program that it compiles, not another's."""
    seen: list[object] = []

    def compile_graph(graph: GraphModule, _: Sequence[Any], **given: Any) -> Callable[..., Any]:
        seen.append(given)
        return running(graph)

    keyword = s.axis("keyword")
    for value in ("fast", "small"):
        setting: dict[str, Any] = {keyword: {"aim": value} if keyword == "options" else value}
        program = s.compile(double, name=value, backend=compile_graph, **setting)
        for _ in range(2):
            program(s.randn(3))
    s.tell("given", seen)


@scenario(
    ref="torch.compile: backend",
    needs=("torch_compile",),
    expect="""
    call 1 of theirs: compiles, equals eager
    call 2 of mine: compiles, equals eager
    call 3 of theirs: reuses, equals eager
    call 4 of mine: reuses, equals eager
    call 5 of mine: reuses, equals eager
    call 6 of theirs: reuses, equals eager
    runs of mine = [0, 1, 1, 2, 3, 3]
    """,
)
def backends_take_turns(s: Subject) -> None:
    """A function compiled with two backends runs each backend's own code, whichever was called before."""
    backend = Recorder()
    theirs, mine = s.compile(double, name="theirs"), s.compile(double, name="mine", backend=backend)
    runs = []
    for program in theirs, mine, theirs, mine, mine, theirs:
        program(s.randn(3))
        runs.append(len(backend.runs))
    s.tell("runs of mine", runs)


@scenario(
    ref="torch.compiler: custom backends / registration",
    needs=("torch_compile",),
    expect="""
    register: succeeds
    listed = True
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    runs = 2
    """,
)
def registered_backend_goes_by_its_name(s: Subject) -> None:
    """A registered backend is listed, and compiles the programs that ask for it by name."""
    backend = Recorder()
    s.act("register", lambda: registry.register_backend(backend, name="own_recorder"))
    s.tell("listed", "own_recorder" in registry.list_backends())
    program = s.compile(double, backend="own_recorder")
    for _ in range(2):
        program(s.randn(3))
    s.tell("runs", len(backend.runs))


def give_norm(x: Tensor, y: Tensor) -> Tensor:
    """Saves both for its backward pass."""
    return (x * y.sin()).square().sum()


@scenario(
    ref="torch.compiler: custom backends / after AOTAutograd",
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    what was handed over and ran =
        compile forward
        run forward
        compile backward
        run backward
        run forward
        run backward
    """,
)
def backward_pass_is_handed_over(s: Subject) -> None:
    """A backend made with aot_autograd gets the forward and the backward graph, once each, and its code runs."""
    seen: list[str] = []
    forward, backward = telling(seen, "forward"), telling(seen, "backward")
    backend = aot_autograd(fw_compiler=forward, bw_compiler=backward)
    program = s.compile(give_norm, backend=backend)
    for _ in range(2):
        x, y = s.randn(3).requires_grad_(), s.randn(3).requires_grad_()
        program(x, y).backward()
        s.note("gradients", [x.grad, y.grad])
    s.tell("what was handed over and ran", "\n".join(seen))


def telling(seen: list[str], name: str) -> Callable[..., Any]:
    """A compiler that tells when it compiles, and when that runs."""

    def compile_graph(graph: GraphModule, _: Sequence[Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            seen.append(f"run {name}")
            return graph(*args)

        seen.append(f"compile {name}")
        return make_boxed_func(run)

    return compile_graph


@scenario(
    ref="torch.compiler.reset / backends",
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    reset
    call 2: compiles, equals eager
    reset
    resets = 2
    """,
)
def reset_reaches_the_backend(s: Subject) -> None:
    """Each torch.compiler.reset() calls the reset method of the backend."""
    backend = Recorder()
    program = s.compile(double, backend=backend)
    for _ in range(2):
        program(s.randn(3))
        s.reset()
    s.tell("resets", backend.resets)


@scenario(
    ref="torch.compiler: custom backends / state of the process",
    needs=("torch_compile",),
    expect="""
    calls 1-3: compiles 2 graphs, equals eager
    gradients are recorded = [True, True, False, False, False, False]
    """,
)
def backend_sees_the_mode_of_the_call(s: Subject) -> None:
    """While a backend compiles, gradients are enabled as they are in the call, also after a graph break."""
    seen: list[bool] = []

    def compile_graph(graph: GraphModule, _: Sequence[Any]) -> Callable[..., Any]:
        seen.append(torch.is_grad_enabled())
        return running(graph)

    program = s.compile(break_in_the_middle, backend=compile_graph)
    for mode in torch.enable_grad, torch.no_grad, torch.inference_mode:
        with mode():
            program(s.randn(3))
    s.tell("gradients are recorded", seen)
