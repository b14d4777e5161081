"""Does a compiled module follow its submodules, settings, modes and methods as they are when it is called?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


@scenario(
    ref="torch.compiler: modules / structure",
    expect="""
    call 1: compiles, equals eager
    change: a layer is replaced by one of the same kind
    call 2: reuses, equals eager
    change: the activation is replaced by another one
    call 3: compiles, equals eager
    change: a layer is added
    call 4: compiles, equals eager
    change: the first layer is removed
    call 5: compiles, equals eager
    """,
)
def parts_are_replaced(s: Subject) -> None:
    """A submodule that is replaced, added or removed is so in the next call, also among others of its class."""
    module = s.place(nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3)))
    spare, program, x = s.place(nn.Linear(3, 3)), s.compile(module), s.randn(2, 3)
    program(x)
    s.change("a layer is replaced by one of the same kind")
    module[0] = spare
    program(x)
    s.change("the activation is replaced by another one")
    module[1] = nn.Tanh()
    program(x)
    s.change("a layer is added")
    module.append(spare)
    program(x)
    s.change("the first layer is removed")
    del module[0]
    program(x)


class Routed(nn.Module):
    """Applies those of its parts that a route names, and is as long as its parts are many."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
        self.route = ["a", "b"]

    def forward(self, x: Tensor) -> Tensor:
        """What the last part of the route gives, times the number of parts."""
        for name in self.route:
            x = self.parts[name](x)
        return x * len(self.parts)


@scenario(
    ref="torch.compiler: modules / structure",
    expect="""
    call 1: compiles, equals eager
    change: the route is reversed
    call 2: compiles, equals eager
    change: the parts swap their names
    call 3: reuses, equals eager
    change: a part is added that is not on the route
    call 4: compiles, equals eager
    """,
)
def route_is_changed(s: Subject) -> None:
    """Submodules found by name in a ModuleDict are those of that name, in the order, of the time of the call."""
    module, x = s.place(Routed()), s.randn(2)
    program, parts = s.compile(module), module.parts
    program(x)
    s.change("the route is reversed")
    module.route.reverse()
    program(x)
    s.change("the parts swap their names")
    parts["a"], parts["b"] = parts["b"], parts["a"]
    program(x)
    s.change("a part is added that is not on the route")
    parts["c"] = nn.Identity()
    program(x)


@scenario(
    ref="torch.compiler: recompilation / what is guarded",
    expect="""
    call 1: compiles, equals eager
    change: stride is set to (2,)
    call 2: compiles, equals eager
    change: padding is set to (1,)
    call 3: compiles, equals eager
    change: negative_slope is set to 0.5
    call 4: compiles, equals eager
    change: eps is set to 10.0
    call 5: compiles, equals eager
    change: stride is set to (1,)
    call 6: compiles, equals eager
    """,
)
def settings_of_layers_are_changed(s: Subject) -> None:
    """Settings of a layer, such as stride, padding or eps, are those of the time of the call."""
    module = s.place(nn.Sequential(nn.Conv1d(1, 4, 3), nn.LeakyReLU(0.1), nn.LayerNorm(4)))
    convolution, activation, norm = module
    program, x = s.compile(lambda x: norm(activation(convolution(x)).mT)), s.randn(1, 1, 8)
    program(x)
    for layer, name, value in (
        (convolution, "stride", (2,)),
        (convolution, "padding", (1,)),
        (activation, "negative_slope", 0.5),
        (norm, "eps", 10.0),
        (convolution, "stride", (1,)),
    ):
        s.change(f"{name} is set to {value}")
        setattr(layer, name, value)
        program(x)


@scenario(
    ref="torch.compiler: modules / buffers",
    expect="""
    change: all train
    call 1: compiles, equals eager
    statistics: equals eager
    change: all train
    call 2: reuses, equals eager
    statistics: equals eager
    change: the first evaluates
    call 3: compiles, equals eager
    statistics: equals eager
    change: all evaluate
    call 4: compiles, equals eager
    statistics: equals eager
    change: all train
    call 5: reuses, equals eager
    statistics: equals eager
    """,
)
def statistics_follow_the_mode(s: Subject) -> None:
    """Running statistics of BatchNorm are updated in train mode, and used and left alone in eval, layer by layer."""
    module = s.place(nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3)))
    program = s.compile(module)
    for what in ("all train", "all train", "the first evaluates", "all evaluate", "all train"):
        s.change(what)
        module.train(what != "all evaluate")
        module[0].train(what == "all train")
        program(s.randn(4, 3) * 3 + 1)
        s.note("statistics", dict(module.named_buffers()))


class Counted(nn.Module):
    """Counts its calls, keeps its last input, and works differently in every second call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.history = 0, [0.0]

    def forward(self, x: Tensor) -> Tensor:
        """Up or down."""
        self.calls += 1
        self.last = x * self.calls
        self.history.append(self.calls / 2)
        return x + self.last if self.calls % 2 else x - self.history[-2]


@scenario(
    ref="torch.compiler: recompilation / integer attributes of modules",
    tiers={
        "compiles": "may: a number that a module counts may be compiled for, at each of its values"
    },
    expect="""
    calls 1-4: compiles, equals eager
    change: the count starts anew
    call 5: compiles, equals eager
    attributes: equals eager
    """,
)
def calls_are_counted(s: Subject) -> None:
    """An attribute that a module writes has its new value when the call returns, and is read by the next call."""
    module = s.place(Counted())
    program = s.compile(module)
    for _ in range(4):
        program(s.randn(3))
    s.change("the count starts anew")
    module.calls = 0
    program(s.randn(3))
    s.note("attributes", (module.calls, module.history, module.last))


class Base(nn.Module):
    """Has a method beside `forward`, which may be replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def encode(self, x: Tensor) -> Tensor:
        """One layer."""
        return self.inner(x)  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """The layer, bent."""
        return self.encode(x).tanh()


@scenario(
    ref="torch.compiler: modules / forward and other methods",
    axes={"method": ("forward", "encode")},
    expect="""
    call 1: compiles, equals eager
    change: an instance has a method of its own
    call 2: compiles, equals eager
    change: it is deleted
    call 3: reuses, equals eager
    """,
)
def method_is_replaced(s: Subject) -> None:
    """A method that is set on a module or submodule is called instead of the class's, until it is deleted."""
    module, x = s.place(Base()), s.randn(2)
    program = s.compile(lambda module, x: module(x))
    owner: nn.Module = module.inner if s.axis("method") == "forward" else module
    program(module, x)
    s.change("an instance has a method of its own")
    setattr(owner, s.axis("method"), lambda x: x * 2)
    program(module, x)
    s.change("it is deleted")
    delattr(owner, s.axis("method"))
    program(module, x)
