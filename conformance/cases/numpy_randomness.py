"""Do draws from numpy.random in a compiled program come from NumPy's stream, or from torch's?"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from harness.scenario import Subject, scenario


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
def draws_come_from_its_own_stream(s: Subject) -> None:
    """With use_numpy_random_stream, draws from numpy.random are eager's in each call, and its stream goes on."""
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
def draws_are_those_of_torch(s: Subject) -> None:
    """By default draws from numpy.random follow from torch's seed, and NumPy's own stream stays where it is."""
    program, found = s.compile(draw_arrays, compare="metadata"), []
    for seed, torch_seed in (1, 1), (2, 1), (2, 2):
        np.random.seed(seed)  # noqa: NPY002 - likewise
        torch.manual_seed(torch_seed)
        found.append([float(each.sum()) for each in program(np.zeros(3))])
        first = np.random.RandomState(seed).rand()
        untouched = np.random.rand() == first  # noqa: NPY002 - likewise
        s.tell("the stream of NumPy is where it was", untouched, tier="diverge")
    s.tell("the seed of torch decides", found[0] == found[1] != found[2], tier="diverge")
