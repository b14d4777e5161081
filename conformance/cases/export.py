"""Does a program that was exported by torch.export do, when compiled, what the program itself does?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.export import Dim

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


class Net(torch.nn.Module):
    """Two layers; it takes a nest and an option, and gives a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)

    def forward(self, pair: list[Tensor], *, scale: Tensor) -> dict[str, Any]:
        """Both through the layers, and their difference."""
        x, y = (self.second(self.first(each).relu()) * scale for each in pair)
        return {"both": (x, y), "difference": x - y}


def exported(s: Subject, program: torch.nn.Module, *args: Any, **more: Any) -> Any:
    """The module of what was exported; the program itself in eager."""
    return s.act("export", lambda: torch.export.export(program, args, **more).module()) or program


@scenario(
    ref="torch.export / modules",
    needs=("export", "fullgraph"),
    axes={"strict": (False, True)},
    expect={
        "strict=False": """
        export: succeeds
        call 1: compiles, equals eager
        gradients: equals eager
        call 2: reuses, equals eager
        gradients: equals eager
        """,
        "otherwise": """
        export: compiles, succeeds
        call 1: compiles, equals eager
        gradients: equals eager
        call 2: reuses, equals eager
        gradients: equals eager
        """,
    },
)
def exported_module_is_compiled(s: Subject) -> None:
    """An exported module compiles as one graph, takes and gives nested lists and dicts as before, and trains."""
    net, scale = s.place(Net()), s.full((2,), 3)
    example, strict = [s.randn(2, 3), s.randn(2, 3)], s.axis("strict")
    module = exported(s, net, example, kwargs={"scale": scale}, strict=strict)
    program = s.compile(module, fullgraph=True)
    for _ in range(2):
        result = program([s.randn(2, 3), s.randn(2, 3)], scale=scale)
        (result["both"][0] * result["difference"]).sum().backward()
        s.note("gradients", [each.grad for each in module.parameters()])


def norm(x: Tensor) -> Tensor:
    """Each row by its sum; what comes of it depends on how many there are."""
    return (x / x.sum(1, keepdim=True)).cumsum(0) * x.shape[0]


class Norm(torch.nn.Module):
    """The same, as a module."""

    def forward(self, x: Tensor) -> Tensor:
        """The normalised rows."""
        return norm(x)


@scenario(
    ref="torch.export / dynamic shapes",
    needs=("export", "dynamic_shapes"),
    expect={
        # From 2.14 on, a size within the range that comes after a refusal is compiled anew.
        "torch<2.14": """
        export: succeeds
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        call 4: raises torch._dynamo.exc.TorchRuntimeError while tracing
        call 5: raises torch._dynamo.exc.TorchRuntimeError while tracing
        call 6: reuses, equals eager
        """,
        "otherwise": """
        export: succeeds
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        call 4: raises torch._dynamo.exc.TorchRuntimeError while tracing
        call 5: raises torch._dynamo.exc.TorchRuntimeError while tracing
        call 6: compiles, equals eager
        """,
    },
)
def range_of_sizes_is_kept(s: Subject) -> None:
    """A module exported for a range of sizes serves all of them when compiled, and refuses a size beyond it."""
    rows = {"x": {0: Dim("rows", min=2, max=9)}}
    module = exported(s, Norm(), s.rand(4, 3), dynamic_shapes=rows)
    program = s.compile(module, dynamic=True)
    for size in 4, 2, 9:
        program(s.rand(size, 3))
    s.attempt(program, s.rand(10, 3))
    s.attempt(program, s.rand(4, 4))
    program(s.rand(5, 3))


class Option(torch.nn.Module):
    """Negates if it is told to."""

    def forward(self, x: Tensor, negate: bool, bias: Tensor | None = None) -> Tensor:  # noqa: FBT001 - the option is the point
        """The argument, or its negative."""
        y = x if bias is None else x + bias
        return -y if negate else y * 2


@scenario(
    ref="torch.export / values that are not tensors",
    needs=("export",),
    expect="""
    export: succeeds
    call 1: compiles, equals eager
    call 2: raises AssertionError while tracing
    call 3: runs uncompiled, raises ValueError while running
    call 4: reuses, equals eager
    """,
)
def exported_option_is_fixed(s: Subject) -> None:
    """A module exported for one value of a bool argument refuses another value when it is compiled."""
    module = exported(s, Option(), s.randn(3), True)  # noqa: FBT003 - the option is the point
    program = s.compile(module)
    program(s.randn(3), True)  # noqa: FBT003 - likewise
    s.attempt(program, s.randn(3), False)  # noqa: FBT003 - likewise
    s.attempt(program, s.randn(3), True, s.randn(3))  # noqa: FBT003 - likewise
    program(s.randn(3), True)  # noqa: FBT003 - likewise


class Counter(torch.nn.Module):
    """Counts its calls, and keeps a running mean."""

    calls: Tensor
    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        """The argument without the mean."""
        self.calls.add_(1)
        self.mean.lerp_(x.mean(0), 0.5)
        x.add_(1)
        return x - self.mean


@scenario(
    ref="torch.export / mutation",
    needs=("export",),
    axes={"form": ("as it is", "decomposed", "unflattened")},
    expect="""
    export: succeeds
    call 1: compiles, mutates argument 0, equals eager
    buffers: equals eager
    call 2: reuses, mutates argument 0, equals eager
    buffers: equals eager
    call 3: reuses, mutates argument 0, equals eager
    buffers: equals eager
    """,
)
def exported_module_writes(s: Subject) -> None:
    """An exported module, also decomposed or unflattened, mutates its buffers and its argument when compiled."""
    form, counter = s.axis("form"), s.place(Counter())
    example = s.randn(2, 3)
    made = s.act("export", lambda: torch.export.export(counter, (example,)))
    forms: dict[str, Callable[[Any], Any]] = {
        "as it is": lambda made: made.module(),
        "decomposed": lambda made: made.run_decompositions().module(),
        "unflattened": torch.export.unflatten,
    }
    module = counter if made is None else forms[form](made)
    program = s.compile(module)
    for _ in range(3):
        program(s.randn(2, 3))
        s.note("buffers", dict(module.named_buffers()))


class Branch(torch.nn.Module):
    """Decides by its data."""

    def forward(self, x: Tensor) -> Tensor:
        """The sine, or the cosine plus one."""
        return torch.cond(x.sum() > 0, torch.sin, lambda x: x.cos() + 1, (x,))  # type: ignore[no-any-return]


@scenario(
    ref="torch.export / control flow",
    needs=("export", "fullgraph"),
    expect="""
    export: compiles, succeeds
    call 1: compiles, equals eager
    calls 2-4: reuses, equals eager
    """,
)
def exported_branches_are_both_compiled(s: Subject) -> None:
    """A torch.cond that was exported is decided anew in each call of the compiled program."""
    program = s.compile(exported(s, Branch(), s.ones(3)), fullgraph=True)
    for sign in 1, -1, 1, -1:
        program(s.ones(3) * sign)


class Gather(torch.nn.Module):
    """Its result is as long as the data say."""

    def forward(self, x: Tensor) -> Tensor:
        """Those elements that are positive, doubled."""
        return x[x > 0] * 2


@scenario(
    ref="torch.export / sizes that depend on data",
    needs=("export", "fullgraph", "dynamo_config", "dynamic_shapes"),
    expect="""
    export: succeeds
    call 1: compiles, equals eager
    calls 2-4: reuses, equals eager
    """,
)
def exported_size_depends_on_data(s: Subject) -> None:
    """An exported program whose result size depends on data gives the size of each call when compiled."""
    s.config(capture_dynamic_output_shape_ops=True)
    program = s.compile(exported(s, Gather(), s.arange(4) - 1), fullgraph=True)
    for offset in 1, 0, 2, 5:
        program(s.arange(4) - offset)


@scenario(
    ref="torch.export / saving and loading",
    needs=("export", "fullgraph", "dynamic_shapes"),
    expect={
        # From 2.14 on, what refuses a size breaks the graph, which a full graph must not have.
        "torch<2.14": """
        save it: succeeds
        change: a fresh process goes on
        load it: succeeds
        call 1: compiles, equals eager
        gradients: equals eager
        call 2: reuses, equals eager
        gradients: equals eager
        call 3: raises torch._dynamo.exc.TorchRuntimeError while tracing
        """,
        "otherwise": """
        save it: succeeds
        change: a fresh process goes on
        load it: succeeds
        call 1: compiles, equals eager
        gradients: equals eager
        call 2: reuses, equals eager
        gradients: equals eager
        call 3: raises torch._dynamo.exc.Unsupported while tracing
        """,
    },
)
def saved_export_is_compiled_elsewhere(s: Subject) -> None:
    """A saved export is loaded and compiled in another process, with its weights and its range of sizes."""
    net, path = s.place(Saved()), s.path("saved.pt2")
    rows = {"x": {0: Dim("rows", min=2, max=9)}}
    example = s.rand(4, 3)
    s.act("save it", lambda: torch.export.save(exported_rows(net, example, rows), path))
    s.elsewhere(compile_saved, path, net)


class Saved(torch.nn.Module):
    """One linear layer, and a number of rows."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output, by its number of rows."""
        return self.linear(x) / x.shape[0]  # type: ignore[no-any-return]


def exported_rows(net: torch.nn.Module, x: Tensor, rows: Any) -> Any:
    """What is exported for a range of rows."""
    return torch.export.export(net, (x,), dynamic_shapes=rows)


def compile_saved(s: Subject, path: str, net: torch.nn.Module) -> None:
    """Load what was saved, and call it with several sizes."""
    loaded = s.act("load it", lambda: torch.export.load(path).module())
    module = loaded or net
    program = s.compile(module, fullgraph=True, dynamic=True)
    for size in 4, 9:
        program(s.rand(size, 3)).sum().backward()
        s.note("gradients", [each.grad for each in module.parameters()])
    s.attempt(program, s.rand(12, 3))


@scenario(
    ref="torch.export / compiled programs",
    needs=("export",),
    expect="""
    call 1: compiles, equals eager
    export: succeeds
    call 2: reuses, equals eager
    result of what was exported: equals eager
    call 3: reuses, equals eager
    """,
)
def export_leaves_compiled_code_alone(s: Subject) -> None:
    """Exporting a module that is also compiled costs it no compilation, and its graph is reused afterwards."""
    net = s.place(Saved())
    program = s.compile(net)
    program(s.rand(4, 3))
    module = exported(s, net, s.rand(5, 3))
    program(s.rand(4, 3))
    s.note("result of what was exported", module(s.rand(5, 3)))
    program(s.rand(4, 3))


SHIFT = 1.0


class Settings(torch.nn.Module):
    """Depends on a global, an attribute, its mode, and counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.factor, self.calls = 2.0, 0

    def forward(self, x: Tensor) -> Tensor:
        """Whatever these say."""
        self.calls += 1
        return x * self.factor + (SHIFT if self.training else 3 * SHIFT)


def rebind(shift: float) -> None:
    """Bind the module's global."""
    global SHIFT  # noqa: PLW0603 - that the global changes is what it is about
    SHIFT = shift


#: What is set after the export.
SETTINGS: dict[str, Callable[[Settings], object]] = {
    "global": lambda _: rebind(5.0),
    "attribute": lambda net: setattr(net, "factor", 7.0),
    "mode": lambda net: net.eval(),
}


@scenario(
    ref="torch.export: programming model / static values",
    needs=("export",),
    axes={"what": ("global", "attribute", "mode")},
    tiers={"outcome": "diverge: what is no tensor is a constant of what is exported"},
    expect="""
    export: succeeds
    call 1 of the first: compiles, equals eager
    change: it is set otherwise
    call 2 of the first: reuses, differs from eager in value of result
    export: succeeds
    call 3 of the second: compiles, equals eager
    """,
)
def settings_are_those_of_the_export(s: Subject) -> None:
    """An exported program keeps globals, number attributes and the mode as they were, until it is exported anew."""
    rebind(1.0)
    net = Settings()
    program = s.compile(exported(s, net, s.randn(3)), name="the first")
    program(s.randn(3))
    s.change("it is set otherwise")
    SETTINGS[s.axis("what")](net)
    program(s.randn(3))
    anew = s.compile(exported(s, net, s.randn(3)), name="the second")
    anew(s.randn(3))
