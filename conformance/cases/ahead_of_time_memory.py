"""Are mutation, aliasing, sizes and global state handled as in eager, or refused, ahead of time and once loaded?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch._dynamo.decorators import mark_unbacked

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


class Counting(torch.nn.Module):
    """Counts its calls in a buffer."""

    n: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)
        self.register_buffer("n", torch.zeros(1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The argument, which it doubles, through the layer, times the number of the call; and a view of it."""
        self.n.add_(1)
        x.mul_(2)
        return self.linear(x) * self.n, x[1:]


@scenario(
    ref="torch.compiler: ahead-of-time compilation / modules",
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 1: reuses, mutates argument 0.n, mutates argument 1, result[1] shares storage with argument 1, equals eager
    buffers: equals eager
    view: equals eager
    call 2: reuses, mutates argument 0.n, mutates argument 1, result[1] shares storage with argument 1, equals eager
    buffers: equals eager
    view: equals eager
    call 3: reuses, mutates argument 0.n, mutates argument 1, result[1] shares storage with argument 1, equals eager
    buffers: equals eager
    view: equals eager
    """,
)
def loaded_module_writes(s: Subject) -> None:
    """A loaded module mutates its buffers and arguments as eager does in each call, and returns views of arguments."""
    ready = s.ahead(s.place(Counting()), (s.randn(4, 3),))
    ready.save(s.path("counting"))
    s.elsewhere(count_loaded, s.path("counting"))


def count_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and call it with two instances in turn."""
    loaded, modules = s.load(path), [s.place(Counting()), s.place(Counting())]
    for module in *modules, modules[0]:
        _, view = loaded(module, s.randn(4, 3))
        s.note("buffers", list(module.buffers()))
        s.note("view", view)


def shift(x: Tensor, y: Tensor) -> Tensor:
    """Writes into its first argument before it reads the second."""
    x.add_(1)
    return x * 2 - y


@scenario(
    ref="torch.compiler: ahead-of-time compilation / guards",
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, mutates argument 0, equals eager
    call 2: raises RuntimeError while running
    what it holds = [1, 1, 1]
    call 3: reuses, mutates argument 0, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 4: reuses, mutates argument 0, equals eager
    call 5: raises RuntimeError while running
    what it holds = [1, 1, 1]
    call 6: reuses, mutates argument 0, equals eager
    """,
)
def one_tensor_for_two_is_refused(s: Subject) -> None:
    """A program compiled for two tensors raises, and mutates nothing, if one tensor is passed for both, also loaded."""
    ready = s.ahead(shift, (s.randn(3), s.randn(3)))
    give_same(s, ready)
    ready.save(s.path("shift"))
    s.elsewhere(give_same_to_loaded, s.path("shift"))


def give_same_to_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and call it as before."""
    give_same(s, s.load(path))


def give_same(s: Subject, ready: Any) -> None:
    """Call it with two tensors, with one for both, and with two again."""
    x = s.ones(3)
    ready(s.randn(3), s.randn(3))
    s.attempt(ready, x, x)
    s.tell("what it holds", x.tolist())
    ready(s.randn(3), s.randn(3))


@scenario(
    ref="torch.compiler: ahead-of-time compilation / guards",
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, mutates argument 0, equals eager
    right or refused = True
    call 2: reuses, mutates argument 0, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 3: reuses, mutates argument 0, equals eager
    right or refused = True
    call 4: reuses, mutates argument 0, equals eager
    """,
)
def overlapping_views_are_right_or_refused(s: Subject) -> None:
    """Compiled ahead of time for separate tensors, a program gives eager's result for overlapping views, or raises."""
    ready = s.ahead(shift, (s.randn(3), s.randn(3)))
    give_overlapping(s, ready)
    ready.save(s.path("shift"))
    s.elsewhere(give_overlapping_to_loaded, s.path("shift"))


def give_overlapping_to_loaded(s: Subject, path: str) -> None:
    """Load what was saved, and call it as before."""
    give_overlapping(s, s.load(path))


def give_overlapping(s: Subject, ready: Any) -> None:
    """Call it with two tensors, with two parts of one, and with two again."""
    memory = s.ones(4)
    ready(s.randn(3), s.randn(3))
    try:
        right = ready.target(memory[:3], memory[1:]).tolist() == [2, 2, 3]
    except Exception:  # noqa: BLE001 - to refuse is as good
        right = memory.tolist() == [1, 1, 1, 1]
    s.tell("right or refused", right)
    ready(s.randn(3), s.randn(3))


def double(x: Tensor) -> Tensor:
    """Twice the argument."""
    return x * 2


def triple(x: Tensor) -> Tensor:
    """Three times the argument."""
    return x * 3


def fourfold(x: Tensor) -> Tensor:
    """Four times the argument."""
    return x * 4


@scenario(
    ref="torch.compiler: ahead-of-time compilation / load",
    needs=("ahead_of_time", "fullgraph"),
    expect="""
    change: a fresh process goes on
    compile ahead of time: compiles, succeeds
    save: succeeds
    change: a fresh process goes on
    compile ahead of time: compiles, succeeds
    save: succeeds
    change: a fresh process goes on
    call 1 of what is compiled here: compiles, equals eager
    load: succeeds
    load: succeeds
    call 2 of program 0: reuses, equals eager
    call 3 of program 1: reuses, equals eager
    call 4 of what is compiled here: reuses, equals eager
    call 5 of program 0: reuses, equals eager
    call 6 of program 1: reuses, equals eager
    """,
)
def loaded_programs_keep_apart(s: Subject) -> None:
    """Programs saved by several processes and loaded into one each compute their own function."""
    for name in "double", "triple":
        s.elsewhere(save_one, name, s.path(name))
    s.elsewhere(load_all, s.path("double"), s.path("triple"))


def save_one(s: Subject, name: str, path: str) -> None:
    """Compile a program ahead of time, and save it."""
    s.ahead(globals()[name], (s.randn(3),)).save(path)


def load_all(s: Subject, *paths: str) -> None:
    """Load what was saved, compile more, and call all in turn."""
    compiled = s.compile(fourfold, name="what is compiled here")
    compiled(s.randn(3))
    loaded = [
        s.load(path, name=f"program {n}", f_globals=globals()) for n, path in enumerate(paths)
    ]
    for program in *loaded, compiled, *loaded:
        program(s.randn(3))


def add_up(x: Tensor) -> Tensor:
    """Sums over its rows, each times their number."""
    return (x * x.size(0)).sum(0)


@scenario(
    ref="torch.compiler: dynamic shapes / torch._dynamo.decorators.mark_unbacked",
    needs=("ahead_of_time", "fullgraph", "dynamic_shapes"),
    expect="""
    compile ahead of time: compiles, succeeds
    calls 1-3: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    calls 4-6: reuses, equals eager
    """,
)
def unbacked_size_round_trip(s: Subject) -> None:
    """A program compiled ahead of time with mark_unbacked on its rows takes one row, none or many, also once loaded."""
    example = s.randn(3, 4)
    mark_unbacked(example, 0)
    ready = s.ahead(add_up, (example,))
    vary_rows(s, ready)
    ready.save(s.path("add"))
    s.elsewhere(vary_loaded_rows, s.path("add"))


def vary_loaded_rows(s: Subject, path: str) -> None:
    """Load what was saved, and call it as before."""
    vary_rows(s, s.load(path))


def vary_rows(s: Subject, ready: Any) -> None:
    """Call it with several numbers of rows."""
    for rows in 1, 0, 5:
        s.attempt(ready, s.randn(rows, 4))


def mix(x: Tensor) -> list[Tensor]:
    """A product of matrices, and a new tensor of the default dtype."""
    return [x @ x, torch.full((2,), 0.1, device=x.device)]


@scenario(
    ref="torch.compiler: ahead-of-time compilation / guards",
    needs=("ahead_of_time", "fullgraph", "autocast"),
    axes={"state": ("autocast", "default dtype")},
    expect="""
    compile ahead of time: compiles, succeeds
    call 1: reuses, equals eager
    call 2: raises RuntimeError while running
    call 3: reuses, equals eager
    save: succeeds
    change: a fresh process goes on
    load: succeeds
    call 4: reuses, equals eager
    call 5: raises RuntimeError while running
    call 6: reuses, equals eager
    """,
)
def other_state_is_refused(s: Subject) -> None:
    """A call under another autocast state or default dtype than at compilation raises, here and once loaded."""
    ready = s.ahead(mix, (s.randn(3, 3),))
    call_in_states(s, ready)
    ready.save(s.path("mix"))
    s.elsewhere(call_loaded_in_states, s.path("mix"))


def call_loaded_in_states(s: Subject, path: str) -> None:
    """Load what was saved, and call it as before."""
    call_in_states(s, s.load(path))


def call_in_states(s: Subject, ready: Any) -> None:
    """Call it as it was compiled, in another state, and as it was compiled again."""
    x = s.randn(3, 3)
    ready(x)
    if s.axis("state") == "autocast":
        with torch.autocast(s.device, dtype=torch.bfloat16):
            s.attempt(ready, x)
    else:
        torch.set_default_dtype(torch.float64)
        s.attempt(ready, x)
        torch.set_default_dtype(torch.float32)
    ready(x)
