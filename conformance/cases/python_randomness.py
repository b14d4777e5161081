"""Do compiled programs draw the numbers of Python's random module that eager draws?"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

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
    """Draws from Python's random module are eager's in each call, and the module's state goes on from there."""
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
    """A captured random.Random draws eager's numbers, and its state goes on from there."""
    generator, draw = random.Random(3), s.axis("draw")

    def scale(x: Tensor) -> Tensor:
        return x * (generator.random() if draw == "float" else generator.randint(1, 9))

    program = s.compile(scale)
    for _ in range(3):
        program(s.randn(5))
    s.note("what is drawn next", generator.random())
