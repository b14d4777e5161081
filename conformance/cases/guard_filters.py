"""What does compiled code not notice once its guards were filtered, and what does it notice all the same?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

SCALE = 2.0


def rebind(value: float) -> None:
    """Bind the module's global."""
    global SCALE  # noqa: PLW0603 - that the global changes is what it is about
    SCALE = value


class Scaled(torch.nn.Module):
    """A layer of torch's with a setting, and a setting of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.kink, self.shift = torch.nn.LeakyReLU(0.5), 1.0

    def forward(self, x: Tensor, factor: float) -> Tensor:
        """Everything that may change, in one expression."""
        return self.kink(x) * factor * SCALE * len(x) + self.shift  # type: ignore[no-any-return]


#: What becomes of the guards, by the filter's name.
FILTERS = {
    "layers": "skip_guard_on_inbuilt_nn_modules_unsafe",
    "modules": "skip_guard_on_all_nn_modules_unsafe",
    "globals": "skip_guard_on_globals_unsafe",
    "tensors": "keep_tensor_guards_unsafe",
    "portable": "keep_portable_guards_unsafe",
    "nothing": "skip_all_guards_unsafe",
}

#: What changes between two calls.
CHANGES: dict[str, Callable[[Scaled], object]] = {
    "layer": lambda model: setattr(model.kink, "negative_slope", 0.25),
    "module": lambda model: setattr(model, "shift", 7.0),
    "global": lambda _: rebind(5.0),
    "number": lambda _: None,
}


def filtered(s: Subject, program: Callable[..., Any], which: str) -> Any:
    """The program, compiled with the filter of that name."""
    options = {"guard_filter_fn": getattr(torch.compiler, FILTERS[which])}
    return s.compile(program, dynamic=False, options=options)


def change_after_filter(s: Subject, which: str, change: str) -> None:
    """Calls before and after a change, with a filter, and one more after a reset."""
    rebind(2.0)
    model = Scaled()
    program = filtered(s, model, which)
    program(s.randn(4), 3.0)
    s.change("it changes")
    CHANGES[change](model)
    factor = 4.0 if change == "number" else 3.0
    program(s.randn(4), factor)
    s.reset()
    program(s.randn(4), factor)


@scenario(
    ref="torch.compiler: reducing guard overhead / guard_filter_fn",
    needs=("torch_compile",),
    axes={
        "filter": ("layers", "modules", "globals"),
        "change": ("layer", "module", "global", "number"),
    },
    tiers={"outcome": "diverge: the filter drops the guards on what changes"},
    expect={
        "filter=layers|modules, change=layer": """
        call 1: compiles, equals eager
        change: it changes
        call 2: reuses, differs from eager in value of result
        reset
        call 3: compiles, equals eager
        """,
        "filter=modules, change=module": """
        call 1: compiles, equals eager
        change: it changes
        call 2: reuses, differs from eager in value of result
        reset
        call 3: compiles, equals eager
        """,
        "filter=globals, change=global": """
        call 1: compiles, equals eager
        change: it changes
        call 2: reuses, differs from eager in value of result
        reset
        call 3: compiles, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        change: it changes
        call 2: compiles, equals eager
        reset
        call 3: compiles, equals eager
        """,
    },
)
def only_what_is_filtered_goes_unnoticed(s: Subject) -> None:
    """Only changes whose guards guard_filter_fn drops, of modules or globals, go unnoticed until a reset."""
    change_after_filter(s, s.axis("filter"), s.axis("change"))


@scenario(
    ref="torch.compiler: reducing guard overhead / guard_filter_fn",
    needs=("torch_compile",),
    axes={
        "filter": ("tensors", "portable", "nothing"),
        "change": ("layer", "module", "global", "number"),
    },
    tiers={"outcome": "diverge: the filter drops the guards on what changes"},
    expect="""
    call 1: compiles, equals eager
    change: it changes
    call 2: reuses, differs from eager in value of result
    reset
    call 3: compiles, equals eager
    """,
)
def all_but_tensors_goes_unnoticed(s: Subject) -> None:
    """With tensor, portable or no guards, changed globals, numbers and attributes go unnoticed until a reset."""
    change_after_filter(s, s.axis("filter"), s.axis("change"))


@scenario(
    ref="torch.compiler: reducing guard overhead / guard_filter_fn",
    needs=("torch_compile", "dynamic_shapes"),
    axes={"filter": ("layers", "modules", "globals", "tensors", "portable")},
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: compiles, equals eager
    call 5: compiles, equals eager
    """,
)
def tensors_are_still_guarded(s: Subject) -> None:
    """With a filter that keeps tensor guards, each size, dtype and requires_grad has a graph of its own."""
    rebind(2.0)
    program = filtered(s, Scaled(), s.axis("filter"))
    wide, narrow = s.randn(4), s.randn(2)
    for x in wide, narrow, wide, s.randn(4, dtype=torch.float64), s.randn(4).requires_grad_():
        program(x, 3.0)


@scenario(
    ref="torch.compiler: reducing guard overhead / guard_filter_fn",
    needs=("torch_compile",),
    axes={"filter": ("globals", "portable", "tensors", "nothing")},
    tiers={"outcome": "diverge: the filter drops the guard on whether gradients are recorded"},
    expect={
        "filter=globals|portable": """
        call 1: compiles, equals eager
        change: gradients are recorded
        call 2: compiles, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        change: gradients are recorded
        call 2: reuses, differs from eager in requires_grad of result
        """,
    },
)
def grad_mode_goes_unnoticed(s: Subject) -> None:
    """Only where a filter drops the guard on grad mode does code compiled under no_grad serve calls without it."""
    program, x = filtered(s, lambda x: x * 2 + 1, s.axis("filter")), s.randn(4).requires_grad_()
    with torch.no_grad():
        program(x)
    s.change("gradients are recorded")
    program(x)


@scenario(
    ref="torch.compiler: reducing guard overhead / skip_guard_eval_unsafe",
    needs=("torch_compile",),
    tiers={"outcome": "diverge: no guards are checked but those that tell graphs apart"},
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    change: guards are skipped
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    call 5: reuses, differs from eager in value of result
    change: guards are checked again
    call 6: compiles, equals eager
    """,
)
def news_after_the_warm_up_go_unnoticed(s: Subject) -> None:
    """With skip_guard_eval_unsafe after a warm-up, what did not vary in it may change unnoticed until it is off."""

    def program(x: Tensor, name: str, factor: float) -> Tensor:
        return x * factor if name == "a" else x - factor

    compiled = s.compile(program, dynamic=False)
    for name in "a", "b":
        compiled(s.randn(3), name, 2.0)
    s.change("guards are skipped")
    with torch.compiler.set_stance(skip_guard_eval_unsafe=True):
        for name, factor in ("b", 2.0), ("a", 2.0), ("a", 3.0):
            compiled(s.randn(3), name, factor)
    s.change("guards are checked again")
    compiled(s.randn(3), "a", 3.0)


@scenario(
    ref="torch._dynamo.config.skip_no_tensor_aliasing_guards_on_parameters",
    needs=("dynamo_config",),
    axes={"guarded": (False, True)},
    tiers={"outcome": "diverge: by default nothing guards that parameters are distinct"},
    expect={
        "guarded=False": """
        call 1: compiles, mutates argument 0, equals eager
        change: one parameter is passed twice
        call 2: reuses, mutates argument 0, mutates argument 1, differs from eager in value of result
        """,
        "otherwise": """
        call 1: compiles, mutates argument 0, equals eager
        change: one parameter is passed twice
        call 2: compiles, mutates argument 0, mutates argument 1, equals eager
        """,
    },
)
def parameters_become_one_unnoticed(s: Subject) -> None:
    """A mutating program notices that one parameter is passed twice only if aliasing of parameters is guarded."""
    s.config(skip_no_tensor_aliasing_guards_on_parameters=not s.axis("guarded"))

    def program(first: Tensor, second: Tensor) -> Tensor:
        first.add_(1)
        return first * second

    compiled = s.compile(program)
    layers = [s.place(torch.nn.Linear(2, 2, bias=False)) for _ in range(2)]
    with torch.no_grad():
        compiled(layers[0].weight, layers[1].weight)
        s.change("one parameter is passed twice")
        compiled(layers[0].weight, layers[0].weight)
