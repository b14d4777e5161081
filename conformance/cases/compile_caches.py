"""Is what an earlier process has left in the compile caches used for what it was made for, and for nothing else?"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def with_number(which: int) -> Callable[..., Any]:
    """Two programs that differ in a number."""
    return lambda x, y: x * (which + 2) - y.sin()


def with_table(which: int) -> Callable[..., Any]:
    """Two programs that differ in the numbers of a tensor that they make."""
    return lambda x, y: x * x.new_tensor([which, 1.0, 2.0]) + y.sin()


def with_rule(which: int) -> Callable[..., Any]:
    """Two programs that differ in their backward pass only."""

    class Double(torch.autograd.Function):
        """Doubles; its gradient is what it says."""

        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004 - the interface
            """Twice the argument."""
            return x * 2

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004 - the interface
            """Two or three times the gradient."""
            return gradient * (which + 2)

    return lambda x, y: Double.apply(x) - y.sin()  # type: ignore[no-untyped-call]


def with_result(which: int) -> Callable[..., Any]:
    """Two programs that differ in which of two values they give first."""

    def run(x: Tensor, y: Tensor) -> Tensor:
        pair = x.sin(), y.cos()
        return torch.stack([pair[which], pair[1 - which] * 2])

    return run


PROGRAMS = {
    "number": with_number,
    "table": with_table,
    "rule": with_rule,
    "result": with_result,
}


@scenario(
    ref="torch.compiler: compile caches",
    axes={"differs": ("number", "table", "rule", "result")},
    expect="""
    change: a fresh process goes on
    call 1: compiles, equals eager
    gradients: equals eager
    change: a fresh process goes on
    call 2: compiles, equals eager
    gradients: equals eager
    change: a fresh process goes on
    call 3: compiles, equals eager
    gradients: equals eager
    """,
)
def cached_code_is_for_its_program(s: Subject) -> None:
    """Code that an earlier process has cached is not used for a program that differs from it in one detail."""
    for which in 0, 1, 0:
        s.elsewhere(differentiate, s.axis("differs"), which, shares_caches=True)


def differentiate(s: Subject, differs: str, which: int) -> None:
    """One call of a program, and its backward pass."""
    program = s.compile(PROGRAMS[differs](which))
    x, y = s.rand(3).requires_grad_(), s.rand(3).requires_grad_()
    program(x, y).sum().backward()
    s.note("gradients", [x.grad, y.grad])


def mix(x: Tensor, y: Tensor, times: int = 2) -> Tensor:
    """A product of matrices and more."""
    return (x @ y).sin() * times + y.sum()


@scenario(
    ref="torch.compiler: compile caches",
    axes={"differs": ("dtype", "layout", "offset", "number", "gradient")},
    expect="""
    change: a fresh process goes on
    call 1: compiles, equals eager
    change: a fresh process goes on
    call 2: compiles, equals eager
    """,
)
def cached_code_is_for_its_inputs(s: Subject) -> None:
    """Cached code is not used for inputs of another dtype, layout, offset or requires_grad, or another int."""
    for which in 0, 1:
        s.elsewhere(call_with, s.axis("differs"), which, shares_caches=True)


def call_with(s: Subject, differs: str, which: int) -> None:
    """One call with usual inputs, or with inputs that differ from them in one property."""
    x, y, times = s.randn(4, 4), s.randn(4, 4), 2
    if which:
        others = {
            "dtype": x.double(),
            "layout": x.t(),
            "offset": s.randn(17)[1:].view(4, 4),
            "gradient": x.requires_grad_(differs == "gradient"),
        }
        x, times = others.get(differs, x), 3 if differs == "number" else 2
    s.compile(mix)(x, y.to(x.dtype), times)


@scenario(
    ref="torch.compiler: compile caches",
    needs=("autocast",),
    axes={"differs": ("autocast", "its dtype", "grad mode", "default dtype")},
    expect="""
    change: a fresh process goes on
    call 1: compiles, equals eager
    change: a fresh process goes on
    call 2: compiles, equals eager
    change: a fresh process goes on
    call 3: compiles, equals eager
    """,
)
def cached_code_is_for_its_modes(s: Subject) -> None:
    """Cached code is not used in another autocast state, grad mode or default dtype than its own."""
    for which in 0, 1, 0:
        s.elsewhere(call_in_mode, s.axis("differs"), which, shares_caches=True)


def call_in_mode(s: Subject, differs: str, which: int) -> None:
    """One call in a usual mode, or in one that differs from it in one thing."""
    low = torch.float16 if which and differs == "its dtype" else torch.bfloat16
    program, x = s.compile(mix_with_new), s.randn(4, 4).requires_grad_()
    with contextlib.ExitStack() as modes:
        if differs == "its dtype" or (which and differs == "autocast"):
            modes.enter_context(torch.autocast(s.device, dtype=low))
        if which and differs == "grad mode":
            modes.enter_context(torch.no_grad())
        if which and differs == "default dtype":
            torch.set_default_dtype(torch.float64)
            modes.callback(torch.set_default_dtype, torch.float32)
        program(x)


def mix_with_new(x: Tensor) -> list[Tensor]:
    """A product of matrices, and a new tensor of the default dtype."""
    return [x @ x, torch.full((2,), 0.1, device=x.device)]


class Affine(torch.nn.Module):
    """One linear layer and a buffer."""

    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)
        self.register_buffer("shift", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output, shifted."""
        return self.linear(x).relu() + self.shift  # type: ignore[no-any-return]


@scenario(
    ref="torch.compiler: compile caches",
    expect="""
    change: a fresh process goes on
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    gradients: equals eager
    change: a fresh process goes on
    call 3: compiles, equals eager
    call 4: compiles, equals eager
    gradients: equals eager
    """,
)
def cached_code_has_no_weights(s: Subject) -> None:
    """Code that an earlier process has cached for a module uses the weights and buffers of the present module."""
    for shift in 0, 1:
        s.elsewhere(apply_new, shift, shares_caches=True)


def apply_new(s: Subject, shift: int) -> None:
    """A new module, in evaluation and in training."""
    module = s.place(Affine())
    module.shift.fill_(shift)
    program = s.compile(module)
    with torch.no_grad():
        program(s.randn(2, 3))
    program(s.randn(2, 3)).sum().backward()
    s.note("gradients", [each.grad for each in module.parameters()])


#: Below so many rows, `choose` does something else.
FEW = 10


def choose(x: Tensor) -> Tensor:
    """What it computes depends on its size."""
    return x.sin() * 2 if len(x) < FEW else x.cos() + len(x)


@scenario(
    ref="torch.compiler: compile caches / dynamic shapes",
    needs=("dynamic_shapes",),
    expect="""
    change: a fresh process goes on
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    change: a fresh process goes on
    call 3: compiles, equals eager
    call 4: reuses, equals eager
    change: a fresh process goes on
    call 5: compiles, equals eager
    call 6: compiles, equals eager
    change: a fresh process goes on
    call 7: compiles, equals eager
    """,
)
def cached_code_is_for_its_sizes(s: Subject) -> None:
    """Cached code for dynamic sizes is not used for sizes that take another branch, or for size 1."""
    for sizes in (4, 5), (20, 30), (6, 40), (1,):
        s.elsewhere(call_with_sizes, sizes, shares_caches=True)


def call_with_sizes(s: Subject, sizes: tuple[int, ...]) -> None:
    """Calls with such sizes, for code that can serve several."""
    program = s.compile(choose, dynamic=True)
    for size in sizes:
        program(s.randn(size))


@scenario(
    ref="torch.compiler: compile caches",
    axes={"damage": ("cut short", "emptied", "overwritten")},
    expect="""
    change: a fresh process goes on
    call 1: compiles, equals eager
    gradients: equals eager
    damage all files: succeeds
    change: a fresh process goes on
    call 2: compiles, equals eager
    gradients: equals eager
    change: a fresh process goes on
    call 3: compiles, equals eager
    gradients: equals eager
    """,
)
def damaged_caches_do_no_harm(s: Subject) -> None:
    """Where the files in the caches are damaged, programs are compiled as if there were none."""
    s.elsewhere(differentiate, "number", 1, shares_caches=True)
    s.act("damage all files", lambda: damage(Path(s.path("")), s.axis("damage")))
    for which in 1, 0:
        s.elsewhere(differentiate, "number", which, shares_caches=True)


@scenario(
    ref="torch.compiler: compile caches",
    needs=("distributed",),
    axes={"programs": ("same", "other")},
    expect="""
    change: rank 0 of 2 goes on
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: compiles, equals eager
    gradients: equals eager
    change: rank 1 of 2 goes on
    call 3: compiles, equals eager
    gradients: equals eager
    call 4: compiles, equals eager
    gradients: equals eager
    """,
)
def processes_fill_one_cache_at_once(s: Subject) -> None:
    """Two processes that compile at the same time into one cache directory both get eager's results and gradients."""
    s.ranks(differentiate_at_once, s.axis("programs"))


def differentiate_at_once(s: Subject, programs: str) -> None:
    """Two programs, which are the same in each process or not; all processes begin each of them together."""
    for differs in "number", "rule":
        dist.barrier()
        differentiate(s, differs, dist.get_rank() if programs == "other" else 0)


def damage(folder: Path, how: str) -> None:
    """Damage all files of torch's caches below a folder."""
    for file in (each for each in folder.rglob("*") if each.is_file()):
        if "elsewhere" not in file.relative_to(folder).parts:
            data = file.read_bytes()
            kept = {"cut short": data[: len(data) // 2], "emptied": b""}.get(how)
            file.write_bytes(bytes(len(data)) if kept is None else kept)


@scenario(
    ref="torch.compiler: dynamic shapes / profile-guided optimization",
    needs=("torch_compile", "dynamo_config", "dynamic_shapes"),
    axes={"job": ("same", "other")},
    expect={
        "job=same": """
        change: a fresh process goes on
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        change: a fresh process goes on
        call 3: compiles, equals eager
        call 4: reuses, equals eager
        """,
        "otherwise": """
        change: a fresh process goes on
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        change: a fresh process goes on
        call 3: compiles, equals eager
        call 4: compiles, equals eager
        """,
    },
)
def sizes_are_remembered(s: Subject) -> None:
    """A process with the same job_id knows from its first call which sizes have varied; one with another does not."""
    for number, sizes in enumerate([(3, 4), (5, 6)]):
        job = f"job {number}" if s.axis("job") == "other" else "job"
        s.elsewhere(call_in_job, job, sizes, shares_caches=True)


def call_in_job(s: Subject, job: str, sizes: tuple[int, ...]) -> None:
    """Calls with such sizes, as part of a job that has a name."""
    s.config("torch.compiler.config", job_id=job)
    s.config(automatic_dynamic_local_pgo=True)
    program = s.compile(choose)
    for size in sizes:
        program(s.randn(size))
