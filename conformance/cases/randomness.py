"""Are random numbers drawn anew in each call, and do they follow from the seed?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


#: Something that breaks a graph.
pause = torch.compiler.disable(lambda: None)


def add_noise(x: Tensor) -> Tensor:
    """Adds numbers between 0 and 1."""
    return x + torch.rand_like(x)


@scenario(
    ref="torch.compiler: FAQ / random numbers",
    expect="""
    call 1: compiles, changes random_state, resembles eager
    calls 2-4: reuses, changes random_state, resembles eager
    equal to the first: equals eager
    """,
)
def seed_repeats_the_numbers(s: Subject) -> None:
    """The same manual_seed gives a compiled program the same numbers, also in the call that compiled it."""
    program, x = s.compile(add_noise, compare="metadata"), s.zeros(100)
    drawn = []
    for seed in 1, 1, 2, 1:
        torch.manual_seed(seed)
        drawn.append(program(x))
    s.note("equal to the first", [torch.equal(drawn[0], each) for each in drawn])


@scenario(
    ref="torch.compiler: FAQ / random numbers",
    expect="""
    call 1: compiles, changes random_state, resembles eager
    call 2: reuses, changes random_state, resembles eager
    call 3: reuses, changes random_state, resembles eager
    change: the state of the generator is set back by two calls
    call 4: reuses, changes random_state, resembles eager
    call 5: reuses, changes random_state, resembles eager
    equal to the second: equals eager
    """,
)
def state_repeats_the_numbers(s: Subject) -> None:
    """A generator state that is saved and set again gives a compiled program the same numbers again."""

    def draw(x: Tensor) -> Tensor:
        return x + torch.rand(100).to(x.device)

    program, x = s.compile(draw, compare="metadata"), s.zeros(100)
    program(x)
    state = torch.get_rng_state()
    drawn = [program(x), program(x)]
    s.change("the state of the generator is set back by two calls")
    torch.set_rng_state(state)
    drawn += [program(x), program(x)]
    s.note("equal to the second", [torch.equal(drawn[0], each) for each in drawn])


@scenario(
    ref="torch.compiler: FAQ / random numbers",
    expect="""
    call 1: compiles, changes random_state, resembles eager
    call 2: reuses, changes random_state, resembles eager
    call 3: reuses, changes random_state, resembles eager
    equal: equals eager
    """,
)
def each_call_draws_anew(s: Subject) -> None:
    """Calls without a seed between them draw different numbers, and so does eager code in between."""
    program, x = s.compile(add_noise, compare="metadata"), s.zeros(100)
    torch.manual_seed(1)
    drawn = []
    for _ in range(3):
        drawn += [program(x), add_noise(x)]
    s.note("equal", [torch.equal(a, b) for a in drawn for b in drawn if a is not b])


#: Programs that draw.
DRAWS: dict[str, Callable[[Tensor], Tensor]] = {
    "uniform": lambda x: x + torch.rand(5, 4, device=x.device),
    "normal": lambda x: x * torch.randn_like(x) + torch.normal(x, 1.0),
    "integers": lambda x: x + torch.randint(5, 1000, x.shape, device=x.device),
    "permutation": lambda x: x[torch.randperm(len(x), device=x.device)],
    "choice": lambda x: torch.bernoulli(x.sigmoid()) + torch.multinomial(x.exp(), 4),
    "dropout": lambda x: torch.nn.functional.dropout(x, 0.3),
    "in place": lambda x: torch.empty_like(x).uniform_(2, 3).exponential_() + x,
    "slopes": lambda x: torch.nn.functional.rrelu(x, training=True),
    "transposed": lambda x: torch.randn_like(x.t()) + x.t(),
}


@scenario(
    ref="torch.compiler: FAQ / fallback_random",
    needs=("dynamo_config",),
    axes={
        "draw": (
            "uniform",
            "normal",
            "integers",
            "permutation",
            "choice",
            "dropout",
            "in place",
            "slopes",
            "transposed",
        )
    },
    expect="""
    call 1: compiles, changes random_state, equals eager
    call 2: reuses, changes random_state, equals eager
    what is drawn next: equals eager
    """,
)
def fallback_draws_as_eager(s: Subject) -> None:
    """With fallback_random, compiled programs draw the random numbers that eager draws."""
    s.config("torch._inductor.config", fallback_random=True)
    program, x = s.compile(DRAWS[s.axis("draw")]), s.randn(5, 4)
    torch.manual_seed(1)
    for _ in range(2):
        program(x)
    s.note("what is drawn next", torch.rand(3))


def draw_twice(x: Tensor) -> tuple[Tensor, Tensor]:
    """Two draws that look the same."""
    return x + torch.rand(100, device=x.device), x + torch.rand(100, device=x.device)


@scenario(
    ref="torch.compiler: FAQ / random numbers",
    expect="""
    call 1: compiles, changes random_state, resembles eager
    the same numbers: equals eager
    call 2: reuses, changes random_state, resembles eager
    the same numbers: equals eager
    """,
)
def like_draws_are_two(s: Subject) -> None:
    """Two random draws in one program give different numbers, however much they look alike."""
    program = s.compile(draw_twice, compare="metadata")
    for _ in range(2):
        first, second = program(s.zeros(100))
        s.note("the same numbers", torch.equal(first, second))


def draw_bounded(x: Tensor) -> tuple[Tensor, ...]:
    """Draws from distributions with bounds."""
    return (
        torch.rand(5000, device=x.device) + x,
        torch.randint(3, 6, (5000,), device=x.device) + x,
        torch.randint(2**40, 2**40 + 3, (5000,), device=x.device) + x.long(),
        torch.empty(5000, device=x.device).uniform_(-2, -1) + x,
        torch.randperm(5000, device=x.device) + x,
    )


@scenario(
    ref="torch.compiler: FAQ / random numbers",
    expect="""
    call 1: compiles, changes random_state, resembles eager
    least and greatest: equals eager
    one of each: equals eager
    means: equals eager
    call 2: reuses, changes random_state, resembles eager
    least and greatest: equals eager
    one of each: equals eager
    means: equals eager
    """,
)
def numbers_keep_their_bounds(s: Subject) -> None:
    """Random numbers drawn by compiled code fill the range of their distribution, and do not leave it."""
    program = s.compile(draw_bounded, compare="metadata")
    for _ in range(2):
        drawn = program(s.zeros(1))
        s.note(
            "least and greatest",
            [(round(y.min().item(), 2), round(y.max().item(), 2)) for y in drawn],
        )
        s.note("one of each", sorted(drawn[-1].tolist()) == list(range(5000)))
        s.note("means", [round(y.double().mean().item(), 1) for y in drawn])


def draw_and_ignore(x: Tensor) -> Tensor:
    """Draws numbers that nobody uses, then one that counts."""
    torch.rand(10, device=x.device)
    return x + torch.rand(3, device=x.device)


@scenario(
    ref="torch.compiler: FAQ / fallback_random",
    needs=("dynamo_config",),
    expect="""
    call 1: compiles, changes random_state, equals eager
    what is drawn next: equals eager
    call 2: reuses, changes random_state, equals eager
    what is drawn next: equals eager
    """,
)
def unused_draws_count(s: Subject) -> None:
    """With fallback_random, random numbers that are not used are drawn all the same, so that later ones are eager's."""
    s.config("torch._inductor.config", fallback_random=True)
    program = s.compile(draw_and_ignore)
    for _ in range(2):
        torch.manual_seed(1)
        program(s.zeros(3))
        s.note("what is drawn next", torch.rand(3))


@scenario(
    ref="torch.compiler: FAQ / random numbers",
    expect="""
    call 1: compiles, changes random_state, resembles eager
    call 2: reuses, changes random_state, resembles eager
    call 3: reuses, changes random_state, resembles eager
    equal to the first: equals eager
    """,
)
def seed_in_the_program(s: Subject) -> None:
    """A program that calls torch.manual_seed draws the same numbers in each call."""

    def draw(x: Tensor) -> Tensor:
        torch.manual_seed(7)
        return x + torch.rand(100, device=x.device)

    program, x = s.compile(draw, compare="metadata"), s.zeros(100)
    drawn = []
    for seed in 1, 2, 3:
        torch.manual_seed(seed)
        drawn.append(program(x))
    s.note("equal to the first", [torch.equal(drawn[0], each) for each in drawn])


@scenario(
    ref="torch.compiler: FAQ / random numbers",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    change: the generator is set back
    call 3: reuses, equals eager
    what the generator draws next: equals eager
    """,
)
def own_generator(s: Subject) -> None:
    """A program that draws from its own torch.Generator gets eager's numbers, and leaves the global one alone."""
    generator = torch.Generator(s.device).manual_seed(5)

    def draw(x: Tensor) -> Tensor:
        return x + torch.rand(3, generator=generator, device=x.device)

    program = s.compile(draw)
    for _ in range(2):
        program(s.zeros(3))
    s.change("the generator is set back")
    generator.manual_seed(5)
    program(s.zeros(3))
    s.note("what the generator draws next", torch.rand(3, generator=generator, device=s.device))


def drop(x: Tensor) -> Tensor:
    """Drops half of the numbers."""
    return torch.nn.functional.dropout(x * 3, 0.5)


@scenario(
    ref="torch.compiler: FAQ / random numbers",
    expect="""
    call 1: compiles, changes random_state, resembles eager
    masks agree: equals eager
    gradients: equals eager
    call 2: reuses, changes random_state, resembles eager
    masks agree: equals eager
    gradients: equals eager
    """,
)
def gradient_follows_the_mask(s: Subject) -> None:
    """What dropout drops has no gradient, and what it keeps has one, in each call."""
    program = s.compile(drop, compare="metadata")
    for _ in range(2):
        x = s.ones(100).requires_grad_()
        y = program(x)
        torch.rand(5)
        (gradient,) = torch.autograd.grad(y.sum(), x)
        s.note("masks agree", torch.equal(gradient != 0, y != 0))
        s.note("gradients", sorted({round(each, 3) for each in gradient.tolist()}))


def drop_checkpointed(x: Tensor) -> Tensor:
    """Computes the same again in the backward pass."""
    return torch.utils.checkpoint.checkpoint(drop, x, use_reentrant=False)  # type: ignore[no-any-return]


@scenario(
    ref="torch.utils.checkpoint / preserved random numbers",
    expect="""
    call 1: compiles, changes random_state, resembles eager
    masks agree: equals eager
    call 2: reuses, changes random_state, resembles eager
    masks agree: equals eager
    """,
)
def checkpoint_draws_the_same_again(s: Subject) -> None:
    """Dropout that a checkpoint recomputes in the backward pass drops what it dropped in the forward pass."""
    program = s.compile(drop_checkpointed, compare="metadata")
    for _ in range(2):
        x = s.ones(100).requires_grad_()
        y = program(x.sin())
        torch.rand(5)
        (gradient,) = torch.autograd.grad(y.sum(), x)
        s.note("masks agree", torch.equal(gradient != 0, y != 0))


@scenario(
    ref="torch.compiler: core concepts / graph breaks",
    expect="""
    call 1: compiles 2 graphs, changes random_state, resembles eager
    call 2: reuses, changes random_state, resembles eager
    first and second are equal: equals eager
    the seed repeats: equals eager
    """,
)
def draws_around_a_break(s: Subject) -> None:
    """Random draws before and after a graph break differ from each other, and repeat with the seed."""

    def draw(x: Tensor) -> tuple[Tensor, Tensor]:
        first = x + torch.rand(100, device=x.device)
        pause()
        return first, x + torch.rand(100, device=x.device)

    program, x = s.compile(draw, compare="metadata"), s.zeros(100)
    drawn = []
    for _ in range(2):
        torch.manual_seed(1)
        drawn.append(program(x))
    s.note("first and second are equal", [torch.equal(*each) for each in drawn])
    s.note("the seed repeats", [torch.equal(a, b) for a, b in zip(*drawn, strict=True)])


@scenario(
    ref="torch.compiler: dynamic shapes / random numbers",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, changes random_state, resembles eager
    different numbers: equals eager
    call 2: compiles, changes random_state, resembles eager
    different numbers: equals eager
    call 3: reuses, changes random_state, resembles eager
    different numbers: equals eager
    """,
)
def sizes_of_draws_vary(s: Subject) -> None:
    """A random tensor whose size varies has the size of each call, and no number twice."""
    program = s.compile(
        lambda x: x + torch.rand(2 * len(x), device=x.device).view(2, -1), compare="metadata"
    )
    for size in 5, 8, 13:
        y = program(s.zeros(size))
        s.note("different numbers", len(set(y.flatten().tolist())))
