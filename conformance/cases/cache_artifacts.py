"""Is compiled code found in the caches by later processes, and can it be carried to where nothing was compiled?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch._dynamo.utils import counters

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


def mix(x: Tensor, y: Tensor) -> Tensor:
    """A program with a forward and a backward graph."""
    return (x.sin() * y).sum()


def found(s: Subject) -> None:
    """Tell how much was found in the caches since this process began."""
    hits = counters["inductor"]["fxgraph_cache_hit"], counters["inductor"]["fxgraph_cache_miss"]
    whole = counters["aot_autograd"]["autograd_cache_hit"]
    s.tell("something was found", bool(hits[0] or whole), tier="should")
    s.tell("something was missed", bool(hits[1]), tier="should")


def differentiate(s: Subject) -> None:
    """One call of the program and its backward pass, and what was found for them."""
    counters.clear()
    program = s.compile(mix)
    x, y = s.randn(5).requires_grad_(), s.randn(5).requires_grad_()
    program(x, y).backward()
    s.note("gradients", [x.grad, y.grad])
    found(s)


@scenario(
    ref="torch.compiler: compile caches",
    needs=("compile_caches",),
    axes={"later": ("process", "interpreter")},
    expect={
        "later=process": """
        change: a fresh process goes on
        call 1: compiles, equals eager
        gradients: equals eager
        something was found (should) = False
        something was missed (should) = True
        change: a fresh process goes on
        call 2: compiles, equals eager
        gradients: equals eager
        something was found (should) = True
        something was missed (should) = False
        """,
        "otherwise": """
        change: a fresh process goes on
        call 1: compiles, equals eager
        gradients: equals eager
        something was found (should) = False
        something was missed (should) = True
        change: a fresh interpreter goes on
        call 2: compiles, equals eager
        gradients: equals eager
        something was found (should) = True
        something was missed (should) = False
        """,
    },
)
def later_process_finds_what_was_compiled(s: Subject) -> None:
    """A process that compiles what an earlier one has compiled finds it in the caches."""
    interpreter = s.axis("later") == "interpreter"
    s.elsewhere(differentiate, shares_caches=True)
    s.elsewhere(differentiate, interpreter=interpreter, shares_caches=True)


@scenario(
    ref="torch.compiler: compile caches / after a reset",
    needs=("compile_caches",),
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    something was found (should) = False
    something was missed (should) = True
    reset
    call 2: compiles, equals eager
    gradients: equals eager
    something was found (should) = True
    something was missed (should) = False
    reset
    """,
)
def reset_leaves_the_caches(s: Subject) -> None:
    """A reset does not empty the caches on disk: what is compiled again is found there."""
    for _ in range(2):
        differentiate(s)
        s.reset()


@scenario(
    ref="torch.compiler: compile caches",
    needs=("compile_caches", "dynamo_config"),
    expect="""
    change: a fresh process goes on
    call 1: compiles, equals eager
    gradients: equals eager
    something was found (should) = False
    something was missed (should) = True
    change: a fresh process goes on
    call 2: compiles, equals eager
    gradients: equals eager
    something was found (should) = False
    something was missed (should) = False
    """,
)
def disabled_caches_are_not_read(s: Subject) -> None:
    """With force_disable_caches nothing is read from the caches, though an earlier process has filled them."""
    s.elsewhere(differentiate, shares_caches=True)
    s.elsewhere(differentiate_without, shares_caches=True)


def differentiate_without(s: Subject) -> None:
    """The same, without caches."""
    s.config("torch.compiler.config", force_disable_caches=True)
    differentiate(s)


@scenario(
    ref="torch.compiler.save_cache_artifacts",
    needs=("compile_caches",),
    expect="""
    change: a fresh process goes on
    call 1: compiles, equals eager
    gradients: equals eager
    something was found (should) = False
    something was missed (should) = True
    pack: succeeds
    change: a fresh process goes on
    call 2: compiles, equals eager
    gradients: equals eager
    something was found (should) = False
    something was missed (should) = True
    change: a fresh process goes on
    unpack: succeeds
    taken = True
    call 3: compiles, equals eager
    gradients: equals eager
    something was found (should) = True
    something was missed (should) = False
    """,
)
def artifacts_are_carried_elsewhere(s: Subject) -> None:
    """Artifacts of save_cache_artifacts, loaded in a process with empty caches, make it find compiled code."""
    s.elsewhere(differentiate_and_pack, s.path("pack"))
    s.elsewhere(differentiate)
    s.elsewhere(unpack_and_differentiate, s.path("pack"))


def differentiate_and_pack(s: Subject, path: str) -> None:
    """Compile, and leave at a path what the caches have."""
    differentiate(s)
    s.act("pack", lambda: pack(path))


def pack(path: str) -> None:
    """Save what the caches have."""
    packed: Any = torch.compiler.save_cache_artifacts()
    Path(path).write_bytes(packed[0])


def unpack_and_differentiate(s: Subject, path: str) -> None:
    """Take what was left at a path into the caches, and compile."""
    taken = s.act("unpack", lambda: torch.compiler.load_cache_artifacts(Path(path).read_bytes()))
    s.tell("taken", bool(taken))
    differentiate(s)


@scenario(
    ref="torch.compiler.load_cache_artifacts",
    needs=("compile_caches",),
    axes={"damage": ("cut short", "overwritten", "foreign")},
    expect="""
    change: a fresh process goes on
    call 1: compiles, equals eager
    gradients: equals eager
    something was found (should) = False
    something was missed (should) = True
    pack: succeeds
    damage it: succeeds
    change: a fresh process goes on
    unpack: succeeds
    taken = False
    call 2: compiles, equals eager
    gradients: equals eager
    something was found (should) = False
    something was missed (should) = True
    """,
)
def damaged_artifacts_are_left(s: Subject) -> None:
    """Damaged or foreign artifacts are not loaded into the caches, and programs are compiled as without them."""
    s.elsewhere(differentiate_and_pack, s.path("pack"))
    s.act("damage it", lambda: damage(Path(s.path("pack")), s.axis("damage")))
    s.elsewhere(unpack_and_differentiate, s.path("pack"))


def damage(file: Path, how: str) -> None:
    """Damage a file."""
    data = file.read_bytes()
    middle = len(data) // 2
    overwritten = data[:middle] + bytes(100) + data[middle + 100 :]
    others = {"cut short": data[:middle], "overwritten": overwritten}
    file.write_bytes(others.get(how, b"something else"))
