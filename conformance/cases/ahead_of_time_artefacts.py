"""Is what a backend compiles ahead of time as good after saving and loading as before?"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch._dynamo import config
from torch._dynamo.aot_compile import ModelInput
from torch._dynamo.aot_compile_types import SerializableCallable
from torch._dynamo.functional_export import dynamo_graph_capture_for_export
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx._graph_pickler import GraphPickler, Options

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor


def add(x: Tensor, y: Tensor) -> Tensor:
    """The sum of two tensors."""
    return x + y


class Kept(SerializableCallable):
    """A graph that is run as it was captured, and that says how it is saved."""

    def __init__(self, graph: torch.fx.GraphModule) -> None:
        self.graph = graph

    @classmethod
    def serialize_compile_artifacts(cls, fn: Kept) -> bytes:
        """The graph as bytes."""
        return GraphPickler.dumps(fn.graph, Options(ops_filter=None))

    @classmethod
    def deserialize_compile_artifacts(cls, data: bytes) -> Kept:
        """The graph that the bytes stand for."""
        fake = FakeTensorMode()
        graph: Any = GraphPickler.loads(data, fake)
        graph.recompile()
        return cls(graph)

    def __call__(self, *args: Any) -> Any:
        """What the graph gives."""
        return self.graph(*args)


@scenario(
    ref="torch.compiler: ahead-of-time compilation / backends of one's own",
    seed=("test_aot_compile_basic_fn",),
    needs=("ahead_of_time", "fullgraph", "torch_compile"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 2: reuses, equals eager
    times that the backend was called (should) = 1
    """,
)
def own_backend_round_trip(s: Subject) -> None:
    """What a custom backend returns is saved and loaded by its own serialization methods; the backend runs once."""
    graphs = []

    def keep(graph: torch.fx.GraphModule, inputs: Sequence[Any]) -> Kept:  # noqa: ARG001 - the interface
        graphs.append(graph)
        return Kept(graph)

    ready = s.ahead(add, (s.randn(3, 4), s.randn(3, 4)), backend=keep)
    ready(s.randn(3, 4), s.randn(3, 4))
    ready.save(s.path("add"))
    s.elsewhere(add_loaded, s.path("add"))
    s.tell("times that the backend was called", len(graphs), tier="should")


def add_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and call it with two tensors."""
    loaded = s.load(path)
    loaded(s.randn(3, 4), s.randn(3, 4))


@scenario(
    ref="torch.compiler: ahead-of-time compilation / dynamic shapes",
    seed=("test_dynamic_settings",),
    needs=("ahead_of_time", "fullgraph", "torch_compile", "dynamo_config"),
    axes={"dynamic": (None, False)},
    expect={
        "dynamic=False": """
        compile ahead of time: compiles, succeeds
        call 1: reuses, equals eager
        automatic dynamic shapes inside = [False]
        and afterwards = True
        """,
        "otherwise": """
        compile ahead of time: compiles, succeeds
        call 1: reuses, equals eager
        automatic dynamic shapes inside = [True]
        and afterwards = True
        """,
    },
)
def backend_sees_the_setting(s: Subject) -> None:
    """Only with dynamic=False is automatic_dynamic_shapes off while the backend runs; afterwards it is on again."""
    seen = []

    def keep(graph: torch.fx.GraphModule, inputs: Sequence[Any]) -> Kept:  # noqa: ARG001 - the interface
        seen.append(config.automatic_dynamic_shapes)
        return Kept(graph)

    ready = s.ahead(add, (s.ones(3), s.ones(3)), backend=keep, dynamic=s.axis("dynamic"))
    ready(s.ones(3), s.ones(3))
    s.tell("automatic dynamic shapes inside", seen)
    s.tell("and afterwards", config.automatic_dynamic_shapes)


plus_one = lambda x: x + 1  # noqa: E731 - a lambda is the point


def add_to_lambda(x: Tensor, y: Tensor) -> Tensor:
    """Calls another function, which is inlined."""
    return plus_one(x) + y  # type: ignore[no-untyped-call, no-any-return]


@scenario(
    ref="torch.compiler: ahead-of-time compilation / sources",
    seed=("test_aot_compile_source_info",),
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    ask for the sources: succeeds
    are they from here (should) = True
    their first lines (should) =
        def add_to_lambda(x: Tensor, y: Tensor) -> Tensor:
        plus_one = lambda x: x + 1
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    ask for the sources: succeeds
    are they from here (should) = True
    their first lines (should) =
        def add_to_lambda(x: Tensor, y: Tensor) -> Tensor:
        plus_one = lambda x: x + 1
    """,
)
def sources_are_known(s: Subject) -> None:
    """What was compiled ahead of time lists the source of each function inlined into it, also after loading."""
    ready = s.ahead(add_to_lambda, (s.randn(3), s.randn(3)))
    tell_sources(s, ready)
    ready.save(s.path("add"))
    s.elsewhere(load_sources, s.path("add"))


def load_sources(s: Subject, path: str) -> None:
    """Load what was saved, and ask for its sources."""
    tell_sources(s, s.load(path))


def tell_sources(s: Subject, ready: Any) -> None:
    """Tell where the sources are from, and how they begin."""
    info = s.act("ask for the sources", lambda: ready.source_info())  # noqa: PLW0108 - the oracle has none
    sources = info.inlined_sources if info else ()
    s.tell("are they from here", {each.module for each in sources} == {__name__}, tier="should")
    lines = [each.content.splitlines()[each.firstlineno - 1].split("  #")[0] for each in sources]
    s.tell("their first lines", "\n".join(sorted(lines)), tier="should")


class Linear(torch.nn.Module):
    """Holds one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        return self.linear(x)  # type: ignore[no-any-return]


@scenario(
    ref="torch.compiler: ahead-of-time compilation / training",
    seed=("test_aot_module_simplified_serializable_autograd",),
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    the artefact can be serialised (should) = True
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 1: reuses, equals eager
    gradients of step 1: equals eager
    call 2: reuses, equals eager
    gradients of step 2: equals eager
    """,
)
def loaded_module_trains(s: Subject) -> None:
    """Backward through a module that was compiled ahead of time, saved and loaded gives eager's gradients."""
    ready = s.ahead(s.place(Linear()), (s.randn(3, 3).requires_grad_(),))
    s.tell("the artefact can be serialised", is_serialisable(ready), tier="should")
    ready.save(s.path("linear"))
    s.elsewhere(train_loaded, s.path("linear"))


def is_serialisable(ready: Any) -> bool:
    """Whether what the implementation returned for the graph says how it is serialised."""
    artefact = getattr(getattr(ready, "_artifacts", None), "compiled_fn", None)
    return isinstance(artefact, SerializableCallable)


def train_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and take two steps of training."""
    loaded, module = s.load(path), s.place(Linear())
    for step in 1, 2:
        x = s.randn(3, 3).requires_grad_()
        loaded(module, x).square().sum().backward()
        s.note(f"gradients of step {step}", [x.grad, *(p.grad for p in module.parameters())])


@scenario(
    ref="torch.compiler: ahead-of-time compilation / inference",
    seed=("test_aot_module_simplified_serializable_inference",),
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    the artefact can be serialised (should) = True
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 1: reuses, equals eager
    """,
)
def inference_round_trip(s: Subject) -> None:
    """A function compiled ahead of time for an input that requires no gradient can be saved, loaded and run."""
    ready = s.ahead(torch.sin, (s.randn(3, 4),))
    s.tell("the artefact can be serialised", is_serialisable(ready), tier="should")
    ready.save(s.path("sin"))
    s.elsewhere(call_loaded, s.path("sin"))


def call_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and call it with a tensor."""
    loaded = s.load(path)
    loaded(s.randn(3, 4))


class Dropping(torch.nn.Module):
    """Drops each element of a linear layer's output with probability one half while training."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)
        self.dropout = torch.nn.Dropout()

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output, or half of it."""
        return self.dropout(self.linear(x))  # type: ignore[no-any-return]


@contextlib.contextmanager
def training(module: torch.nn.Module, *, on: bool) -> Iterator[None]:
    """Compile in this mode."""
    module.train(on)
    yield


@scenario(
    ref="torch.compiler: ahead-of-time compilation / modules in several modes",
    seed=("test_aot_compile_module",),
    needs=("ahead_of_time", "fullgraph", "torch_compile"),
    expect="""
    compile ahead of time: compiles 2 graphs, succeeds
    call 1: reuses, resembles eager
    result in eval mode: equals eager
    call 2: raises RuntimeError while running
    call 3: reuses, changes random_state, resembles eager
    there are gradients: equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 4: reuses, resembles eager
    result in eval mode: equals eager
    call 5: raises RuntimeError while running
    call 6: reuses, changes random_state, resembles eager
    there are gradients: equals eager
    """,
)
def module_in_two_modes(s: Subject) -> None:
    """A module compiled ahead of time for two modes (eval in no_grad, train) runs in both, and raises in another."""
    module = s.place(Dropping())
    model = compile_module(s, module)
    modes: list[list[Any]] = [
        [torch.no_grad(), training(module, on=False)],
        [training(module, on=True)],
    ]
    inputs = [ModelInput((s.randn(3, 3),), {}, contexts) for contexts in modes]
    s.act("compile ahead of time", lambda: model._aot_compile(inputs))  # noqa: SLF001 - has no public name
    use_modes(s, model)
    s.act("save", lambda: model._save_aot_compiled_module(s.path("module")))  # noqa: SLF001 - likewise
    s.elsewhere(load_modes, s.path("module"))


def compile_module(s: Subject, module: torch.nn.Module) -> Any:
    """The module, to be compiled in whole."""
    keep = {"guard_filter_fn": torch.compiler.skip_guard_on_globals_unsafe}
    return s.compile(module, compare="metadata", fullgraph=True, ahead=True, options=keep)


def load_modes(s: Subject, path: str) -> None:
    """Load what was saved into an instance that has just been made."""
    model = compile_module(s, s.place(Dropping()))
    s.act("load", lambda: model._load_aot_compiled_module(Path(path).read_bytes()))  # noqa: SLF001 - likewise
    use_modes(s, model)


def use_modes(s: Subject, model: Any) -> None:
    """Call it in the modes that it was compiled for, train it, and call it in another mode."""
    model.eval()
    with torch.no_grad():
        s.note("result in eval mode", model(s.randn(3, 3)))
    s.attempt(model, s.randn(3, 3))
    model.train()
    model(s.randn(3, 3)).sum().backward()
    s.note("there are gradients", [each.grad is not None for each in model.parameters()])


Nest = tuple[dict[str, "Tensor"], "Tensor", "Tensor"]


class Branches(torch.nn.Module):
    """Takes a nest and gives a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(3, 3) for _ in range(4))

    def forward(self, nest: Nest) -> dict[str, Tensor]:
        """Each tensor through a layer of its own, the last first."""
        return {
            name: layer(x)
            for layer, (name, x) in zip(self.layers, split(nest).items(), strict=True)
        }


def split(nest: Nest) -> dict[str, Tensor]:
    """The tensors of a nest, the last first."""
    named, second, third = nest
    return {"z": third + 1, "y": second - 1, "b": named["b"] + 2, "a": named["a"] - 2}


@scenario(
    ref="torch.export: capture of programs with nests",
    seed=("test_fullgraph_capture_with_pytree_module", "test_fullgraph_capture_with_pytree_func"),
    needs=("export",),
    axes={"program": ("function", "module")},
    expect="""
    capture: compiles, succeeds
    result: equals eager
    result: equals eager
    """,
)
def captured_nest_keeps_its_structure(s: Subject) -> None:
    """A function or module captured for export takes nested tuples and dicts, and returns dicts, as in eager."""
    program = split if s.axis("program") == "function" else s.place(Branches())
    example = nest(s)
    captured = s.act("capture", lambda: dynamo_graph_capture_for_export(program)(example))
    for _ in range(2):
        s.note("result", (captured or program)(nest(s)))


def nest(s: Subject) -> Nest:
    """A dict and two tensors."""
    return {"a": s.randn(3, 3), "b": s.randn(3, 3)}, s.randn(3, 3), s.randn(3, 3)
