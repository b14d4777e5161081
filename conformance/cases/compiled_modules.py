"""Is a compiled module still the module that it was: copied, saved, changed, and a part of others?"""

from __future__ import annotations

import asyncio
import copy
import io
import pickle
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def layers(s: Subject) -> nn.Sequential:
    """Layers with parameters, buffers and modes."""
    return s.place(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Tanh()))


#: Ways to copy a module.
COPIES: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda module: pickle.loads(pickle.dumps(module)),  # noqa: S301 - our own
}

#: What may be done with a sequence to see its parts.
LOOKS: dict[str, Callable[[Any], Any]] = {
    "index": lambda parts: parts[0].weight,
    "slice": lambda parts: len(parts[1:]),
    "loop": lambda parts: [type(each).__name__ for each in parts],
}


def look_at(parts: Any, look: Callable[[Any], Any]) -> Any:
    """What can be seen, or that it cannot be seen."""
    try:
        return look(parts)
    except TypeError:
        return "refused"


@scenario(
    ref="torch.compile: model",
    axes={"way": ("deepcopy", "pickle")},
    needs=("torch_compile",),
    expect="""
    call 1 of first: compiles, equals eager
    change: the module is copied, and the copy's weight is negated in place
    call 2 of copy: reuses, equals eager
    call 3 of first: reuses, equals eager
    call 4 of copy: reuses, equals eager
    gradients and buffers: equals eager
    gradients and buffers: equals eager
    """,
)
def copy_of_a_compiled_module(s: Subject) -> None:
    """A deep copy or unpickled copy of a compiled module is compiled too, with weights and gradients of its own."""
    module = layers(s)
    first = s.compile(module, name="first")
    first(s.randn(4, 3)).sum().backward()
    s.change("the module is copied, and the copy's weight is negated in place")
    made: Any = COPIES[s.axis("way")](first.target)
    second = s.compile(made, name="copy", disable=True)
    with torch.no_grad():
        next(made.parameters()).neg_()
    for program in second, first, second:
        program(s.randn(4, 3)).square().sum().backward()
    for each in module, made:
        s.note("gradients and buffers", ([p.grad for p in each.parameters()], list(each.buffers())))


@scenario(
    ref="torch.compile: model",
    needs=("torch_compile",),
    expect="""
    call 1 of first: compiles, equals eager
    call 2 of second: reuses, equals eager
    change: the state of the first is saved, and loaded into the second
    call 3 of first: compiles, equals eager
    call 4 of second: reuses, equals eager
    state: equals eager
    """,
)
def state_goes_from_one_to_another(s: Subject) -> None:
    """A state_dict that one compiled module saved and another one loads is used in the other's next call."""
    first, second = (s.compile(layers(s), name=name) for name in ("first", "second"))
    for program in first, second:
        program(s.randn(4, 3))
    s.change("the state of the first is saved, and loaded into the second")
    file = io.BytesIO()
    torch.save(first.target.state_dict(), file)
    file.seek(0)
    second.target.load_state_dict(torch.load(file))
    x = s.randn(4, 3)
    for program in first, second:
        program.target.eval()
        program(x)
    s.note("state", [each.clone() for each in second.target.state_dict().values()])


@scenario(
    ref="torch.compile: model",
    needs=("torch_compile",),
    tiers={"outcome": "diverge: what torch.compile gives for a module is a module around it"},
    expect="""
    call 1: compiles, equals eager
    module: equals eager
    wrapper: differs from eager in value of wrapper[0] and value of wrapper[1]
    the plain module: equals eager
    """,
)
def names_of_the_state(s: Subject) -> None:
    """Keys in a compiled module's state_dict begin with `_orig_mod.`; those of the module itself stay as they were."""
    module = s.place(nn.Linear(2, 2))
    program = s.compile(module)
    program(s.randn(2))
    s.note("module", list(module.state_dict()))
    s.note("wrapper", list(program.target.state_dict()))
    plain = s.place(nn.Linear(2, 2))
    plain.load_state_dict(module.state_dict())
    s.note("the plain module", plain.weight)


class Shifted(nn.Module):
    """A layer with attributes of all kinds."""

    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.bend = nn.Tanh()
        self.register_buffer("scale", torch.ones(2))
        self.power = 1
        self.shift: Any = None

    def forward(self, x: Tensor) -> Any:
        """Uses them all."""
        y = self.bend(self.linear(x)) ** self.power * self.scale
        return y if self.shift is None else y + self.shift


def settings(s: Subject) -> dict[str, Any]:
    """Values for the attributes of such a layer."""
    shift = nn.Parameter(s.ones(2))
    return {"power": 2, "bend": nn.ReLU(), "scale": s.full((2,), 3), "shift": shift}


@scenario(
    ref="torch.compile: model",
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    change: power is set
    call 2: compiles, equals eager
    the module: equals eager
    change: bend is set
    call 3: compiles, equals eager
    the module: equals eager
    change: scale is set
    call 4: reuses, equals eager
    the module: equals eager
    change: shift is set
    call 5: compiles, equals eager
    the module: equals eager
    change: shift is deleted, and set
    call 6: compiles, equals eager
    """,
)
def attributes_are_set_on_the_wrapper(s: Subject) -> None:
    """Setting or deleting an attribute of a compiled module does so in the module itself, for the next call."""
    module = s.place(Shifted())
    program, x = s.compile(module), s.randn(3, 2)
    program(x)
    for name, value in settings(s).items():
        s.change(f"{name} is set")
        setattr(program.target, name, value)
        program(x)
        s.note("the module", (getattr(module, name) is value, sorted(module.state_dict())))
    s.change("shift is deleted, and set")
    del program.target.shift
    program.target.shift = 1
    program(x)


def register(module: nn.Module, name: str, value: Any) -> None:
    """Register something under a name."""
    if isinstance(value, nn.Parameter):
        module.register_parameter(name, value)
    elif isinstance(value, nn.Module):
        module.register_module(name, value)
    else:
        module.register_buffer(name, value)


@scenario(
    ref="torch.compile: model",
    axes={"name": ("bend", "scale", "shift")},
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    change: it is deleted, and another one registered
    call 2: compiles, equals eager
    state: equals eager
    """,
)
def part_is_registered_on_the_wrapper(s: Subject) -> None:
    """A submodule, parameter or buffer that is registered on a compiled module is used in its next call."""
    module, name = s.place(Shifted()), s.axis("name")
    program, x = s.compile(module), s.randn(3, 2)
    program(x)
    s.change("it is deleted, and another one registered")
    delattr(program.target, name)
    register(program.target, name, settings(s)[name])
    s.attempt(program, x)
    s.note("state", sorted(each.removeprefix("_orig_mod.") for each in module.state_dict()))


@scenario(
    ref="torch.compile: model",
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    length: equals eager
    index: equals eager
    slice: equals eager
    loop: equals eager
    """,
)
def parts_of_a_compiled_sequence(s: Subject) -> None:
    """A compiled nn.Sequential can be measured by len, indexed, sliced and iterated as the original can."""
    program = s.compile(layers(s))
    program(s.randn(4, 3))
    parts: Any = program.target
    s.note("length", len(parts))
    for name, look in LOOKS.items():
        s.note(name, look_at(parts, look))


@scenario(
    ref="torch.nn.Module.register_forward_hook / of compiled modules",
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    change: hooks are registered
    call 2: reuses, equals eager
    change: one is removed
    call 3: compiles, equals eager
    change: the other one is removed
    call 4: reuses, equals eager
    seen: equals eager
    """,
)
def hooks_of_the_wrapper(s: Subject) -> None:
    """A forward hook or pre-hook registered on a compiled module runs once in each call until it is removed."""
    seen: list[Any] = []
    program = s.compile(layers(s))
    program(s.randn(4, 3))
    s.change("hooks are registered")
    first = program.target.register_forward_pre_hook(lambda _, args: (args[0] * 2,))
    second = program.target.register_forward_hook(lambda *each: seen.append(each[1]))
    program(s.randn(4, 3))
    s.change("one is removed")
    first.remove()
    program(s.randn(5, 3))
    s.change("the other one is removed")
    second.remove()
    program(s.randn(4, 3))
    s.note("seen", seen)


@scenario(
    ref="torch.compiler: where to apply torch.compile / regional compilation",
    needs=("torch_compile",),
    expect="""
    call 1 of whole: compiles, equals eager
    gradients: equals eager
    change: the whole is frozen, converted and evaluated
    call 2 of whole: compiles, equals eager
    change: the whole is trained again
    call 3 of whole: reuses, equals eager
    gradients: equals eager
    buffers: equals eager
    """,
)
def compiled_part_of_a_module(s: Subject) -> None:
    """A compiled submodule is trained, frozen, converted to another dtype and put in eval mode with its model."""
    part = s.compile(layers(s), name="part").target
    model = nn.Sequential(part, s.place(nn.Linear(3, 1)))
    whole = s.compile(model, name="whole", disable=True)
    whole(s.randn(4, 3)).sum().backward()
    s.note("gradients", [each.grad for each in model.parameters()])
    s.change("the whole is frozen, converted and evaluated")
    model.requires_grad_(requires_grad=False).double().eval()
    whole(s.randn(4, 3).double())
    s.change("the whole is trained again")
    model.requires_grad_().float().train()
    model.zero_grad()
    whole(s.randn(4, 3)).sum().backward()
    s.note("gradients", [each.grad for each in model.parameters()])
    s.note("buffers", list(model.buffers()))


def doubling(seen: list[Any]) -> Callable[..., Any]:
    """A hook that keeps what a module gives, and doubles it."""

    def hook(_: Any, __: Any, result: Any) -> Any:
        seen.append(result.sum())
        return result * 2

    return hook


@scenario(
    ref="torch.compile: nested",
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    seen: equals eager
    is a module: equals eager
    """,
)
def compiled_twice(s: Subject) -> None:
    """A compiled module that is compiled again is still a module, and its forward hooks run once in each call."""
    seen: list[Any] = []
    module = s.place(nn.Linear(2, 2))
    module.register_forward_hook(doubling(seen))
    program = s.compile(s.compile(module).target)
    for _ in range(2):
        program(s.randn(2))
    s.note("seen", seen)
    s.note("is a module", isinstance(program.target, nn.Module))


@scenario(
    ref="torch.compile: model",
    tiers={"compiles": "may: which of a coroutine's pieces can be compiled varies"},
    expect="""
    calls 1-3: runs uncompiled, equals eager
    """,
)
def program_is_a_coroutine(s: Subject) -> None:
    """A compiled `async` function that awaits between operations on tensors gives eager's results."""

    async def program(x: Tensor) -> Any:
        y = x * 2
        await asyncio.sleep(0)
        return y + 1

    compiled = s.compile(program, name="coroutine").target
    run = s.compile(lambda x: asyncio.run(compiled(x)), disable=True)
    for size in 2, 2, 3:
        s.attempt(run, s.randn(size))


class Sum(nn.Module):
    """Adds up."""

    def forward(self, x: Tensor, y: Tensor, *, z: Tensor | None = None) -> Tensor:
        """Two or three tensors."""
        return x + y if z is None else x + y * z


def forwarded(*args: Any, **kwargs: Any) -> Any:
    """Adds up whatever comes."""
    return Sum().forward(*args, **kwargs)


@scenario(
    ref="torch.compile: model",
    axes={"what": ("module", "function")},
    expect="""
    calls 1-4: compiles, equals eager
    """,
)
def argument_by_name_is_left_out(s: Subject) -> None:
    """A keyword argument that one call passes and the next one leaves out is used in the first alone."""
    program = s.compile(Sum() if s.axis("what") == "module" else forwarded)
    x, y, z = s.randn(2), s.randn(2), s.randn(2)
    program(x, y, z=z)
    s.attempt(program, x, x)
    s.attempt(program, y, y, z=z)
    s.attempt(program, y, x)
