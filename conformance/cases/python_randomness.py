"""Do compiled programs draw the numbers of Python's random module that eager draws?"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


def scale_by_float(x: Tensor) -> Tensor:
    """Draws two floating-point numbers."""
    return x * random.random() + random.uniform(2, 3)


def shift_by_integer(x: Tensor) -> Tensor:
    """Draws two integers."""
    return x * random.randint(1, 9) + random.randrange(100)


def shuffle_rows(x: Tensor) -> Tensor:
    """Shuffles the rows."""
    order = [0, 1, 2, 3, 4]
    random.shuffle(order)
    return x[order] * 2


def reseed(x: Tensor) -> Tensor:
    """Sets the seed, then draws."""
    random.seed(5)
    return x + random.randint(1, 1000)


PYTHON_DRAWS = {
    "float": scale_by_float,
    "integer": shift_by_integer,
    "shuffle": shuffle_rows,
    "seed": reseed,
}


@scenario(
    ref="torch.compiler: core concepts / side effects",
    axes={"draw": ("float", "integer", "shuffle", "seed")},
    expect={
        # Until torch 2.13 code with a float was compiled for the first one, and that with a shuffle for one state.
        "draw=float, torch<2.14": """
        call 1: compiles, changes python_random_state, equals eager
        what is drawn next: equals eager
        call 2: compiles, changes python_random_state, equals eager
        what is drawn next: equals eager
        call 3: reuses, changes python_random_state, equals eager
        what is drawn next: equals eager
        """,
        "draw=shuffle, torch<2.14": """
        call 1: compiles, changes python_random_state, equals eager
        what is drawn next: equals eager
        call 2: compiles, changes python_random_state, equals eager
        what is drawn next: equals eager
        call 3: compiles, changes python_random_state, equals eager
        what is drawn next: equals eager
        """,
        "otherwise": """
        call 1: compiles, changes python_random_state, equals eager
        what is drawn next: equals eager
        call 2: reuses, changes python_random_state, equals eager
        what is drawn next: equals eager
        call 3: reuses, changes python_random_state, equals eager
        what is drawn next: equals eager
        """,
    },
)
def module_draws(s: Subject) -> None:
    """Numbers of Python's random module are eager's in each call, and the module goes on from there."""
    program = s.compile(PYTHON_DRAWS[s.axis("draw")])
    random.seed(1)
    for _ in range(3):
        program(s.randn(5))
        s.note("what is drawn next", random.random())


@scenario(
    ref="torch.compiler: core concepts / side effects",
    axes={"draw": ("float", "integer")},
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    what is drawn next: equals eager
    """,
)
def generator_draws(s: Subject) -> None:
    """A generator of Python's random module that a program captures draws eager's numbers, and goes on from there."""
    generator, draw = random.Random(3), s.axis("draw")

    def scale(x: Tensor) -> Tensor:
        return x * (generator.random() if draw == "float" else generator.randint(1, 9))

    program = s.compile(scale)
    for _ in range(3):
        program(s.randn(5))
    s.note("what is drawn next", generator.random())


def draw_arrays(a: Any) -> tuple[Any, ...]:
    """Draws from three distributions of NumPy's."""
    draw = np.random
    return a + draw.rand(3), draw.normal(size=3), draw.randint(0, 1000, size=3)


@scenario(
    ref="torch._dynamo.config.use_numpy_random_stream",
    needs=("dynamo_config",),
    expect="""
    call 1: compiles, equals eager
    what is drawn next: equals eager
    call 2: reuses, equals eager
    what is drawn next: equals eager
    """,
)
def numpy_draws_from_its_own_stream(s: Subject) -> None:
    """Where NumPy's own stream is asked for, its numbers are eager's in each call, and it goes on from there."""
    s.config(use_numpy_random_stream=True)
    program = s.compile(draw_arrays)
    np.random.seed(1)  # noqa: NPY002 - the stream is what it is about
    for _ in range(2):
        program(np.zeros(3))
        s.note("what is drawn next", np.random.rand())  # noqa: NPY002 - likewise


@scenario(
    ref="torch._dynamo.config.use_numpy_random_stream",
    tiers={"outcome": "diverge: the numbers of NumPy are drawn by torch"},
    needs=("torch_compile",),
    expect="""
    call 1: compiles, changes random_state, differs from eager in alias of result
    the stream of NumPy is where it was (diverge) = True
    call 2: reuses, changes random_state, differs from eager in alias of result
    the stream of NumPy is where it was (diverge) = True
    call 3: reuses, changes random_state, differs from eager in alias of result
    the stream of NumPy is where it was (diverge) = True
    the seed of torch decides (diverge) = True
    """,
)
def numpy_draws_are_torch_draws(s: Subject) -> None:
    """By default what NumPy draws follows from the seed of torch, and NumPy's own stream stays where it is."""
    program, found = s.compile(draw_arrays, compare="metadata"), []
    for seed, torch_seed in (1, 1), (2, 1), (2, 2):
        np.random.seed(seed)  # noqa: NPY002 - likewise
        torch.manual_seed(torch_seed)
        found.append([float(each.sum()) for each in program(np.zeros(3))])
        first = np.random.RandomState(seed).rand()
        untouched = np.random.rand() == first  # noqa: NPY002 - likewise
        s.tell("the stream of NumPy is where it was", untouched, tier="diverge")
    s.tell("the seed of torch decides", found[0] == found[1] != found[2], tier="diverge")
