"""Does a program that cannot be one graph do, piece by piece, what it does in eager?"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


#: Gives back what it is given; it breaks the graph wherever it is called.
pause: Any = torch.compiler.disable(lambda value: value)


def keep_variables(x: Tensor, n: int, text: str) -> Any:
    """Has variables of many kinds where its graph breaks."""
    pair = [x, x + 1]
    alias, gone, first, rest = pair, x, x, [pair[1], text * n]
    del gone

    def add(y: Tensor) -> Tensor:
        nonlocal n
        n += len(rest)
        return y + n

    part, add_again = x[1:], add
    pause(0)
    alias.append(add_again(first))
    part.add_(1)
    with contextlib.suppress(UnboundLocalError):
        n = gone.dim() * 100  # type: ignore[misc] # noqa: F821 - on purpose
    return [each * 1 for each in (*pair, first)], alias is pair, n, rest[1], part + add(x)[1:]


@scenario(
    ref="torch.compiler: core concepts / graph breaks",
    expect="""
    calls 1-3: compiles 3 graphs, mutates argument 0, equals eager
    call 4: compiles, mutates argument 0, equals eager
    """,
)
def variables_outlive_a_break(s: Subject) -> None:
    """Local variables, closures and aliases are after a graph break what they were before it."""
    program = s.compile(keep_variables)
    for n, text, size in (1, "a", 3), (2, "b", 3), (2, "b", 4), (3, "a", 4):
        program(s.randn(size), n, text)


#: Expressions that are half evaluated when the graph breaks.
EXPRESSIONS: dict[str, Callable[[Tensor], Any]] = {
    "argument": lambda x: torch.stack([x * 2, pause(x) + 1, x * 3]),
    "dict": lambda x: {"a": x + 1, pause("b"): x * 2, "c": pause(x)},
    "choice": lambda x: (x * 2, pause(0) or x + 1, pause(1) and x + 2, x - 1),
    "text": lambda x: (x + 1, f"{x.dim():>3}{pause('a')!r:>5}{len(x)}"),
    "star": lambda x: torch.stack([*(x, x * 2), *pause([x]), x * 3]),
}


@scenario(
    ref="torch.compiler: core concepts / graph breaks",
    axes={
        "expression": (
            "argument",
            "dict",
            "choice",
            "text",
            "star",
        )
    },
    expect={
        "expression=dict": """
        call 1: compiles 2 graphs, result['c'] is argument 0, equals eager
        call 2: reuses, result['c'] is argument 0, equals eager
        call 3: compiles 2 graphs, result['c'] is argument 0, equals eager
        """,
        "expression=choice": """
        call 1: compiles 3 graphs, equals eager
        call 2: reuses, equals eager
        call 3: compiles 3 graphs, equals eager
        """,
        "expression=text": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: compiles, equals eager
        """,
        "otherwise": """
        call 1: compiles 2 graphs, equals eager
        call 2: reuses, equals eager
        call 3: compiles 2 graphs, equals eager
        """,
    },
)
def expression_is_interrupted(s: Subject) -> None:
    """An expression with a graph break in it goes on with the operands that it had."""
    program = s.compile(EXPRESSIONS[s.axis("expression")])
    for size in 3, 3, 4:
        program(s.randn(size))


def call_down(x: Tensor, depth: int, log: list[int]) -> Tensor:
    """Calls itself, and breaks the graph at the bottom."""
    y = x * depth
    log.append(depth)
    y = call_down(y + 1, depth - 1, log) if depth else pause(y.sin())
    log.append(-depth)
    return y + x


@scenario(
    ref="torch.compiler: core concepts / graph breaks",
    axes={"depth": (1, 3)},
    expect={
        "depth=1": """
        call 1: compiles 4 graphs, equals eager
        call 2: reuses, equals eager
        call 3: compiles 4 graphs, equals eager
        """,
        "otherwise": """
        call 1: compiles 8 graphs, equals eager
        call 2: reuses, equals eager
        call 3: compiles 8 graphs, equals eager
        """,
    },
)
def callee_is_interrupted(s: Subject) -> None:
    """A function with a graph break returns to its callers, recursive ones too, and each goes on where it was."""
    program = s.compile(call_down)
    log: list[int] = []
    for size in 3, 3, 4:
        program(s.randn(size), s.axis("depth"), log)
        log.clear()


def follow_sign(x: Tensor) -> Tensor:
    """Goes one way or the other, as the numbers of its argument say."""
    y = x * 2
    if y.sum() > 0:
        return y + 1
    return y - 1 if y.min() < -1 else y * 3


@scenario(
    ref="torch.compiler: graph breaks / data-dependent control flow",
    expect="""
    call 1: compiles 2 graphs, equals eager
    call 2: compiles 2 graphs, equals eager
    call 3: reuses, equals eager
    call 4: compiles, equals eager
    call 5: reuses, equals eager
    call 6: reuses, equals eager
    """,
)
def branch_follows_the_numbers(s: Subject) -> None:
    """A branch on the values of a tensor is taken anew in each call, and each side is compiled once."""
    program = s.compile(follow_sign)
    for number in 1, -3, 1, -0.2, -3, 1:
        program(s.full((2,), number))


#: Ways to make numbers of Python of a tensor's numbers.
NUMBERS: dict[str, Callable[[Tensor], Any]] = {
    "item": lambda x: x.sum().item(),
    "int": lambda x: int(x.sum()),
    "bool": lambda x: bool(x[0] > 1),
    "list": lambda x: sum(x.tolist()),
    "text": lambda x: len(f"{x[0].item()}") + len(str(x.long().tolist())),
}


@scenario(
    ref="torch.compiler: graph breaks / data-dependent values",
    axes={"way": ("item", "int", "bool", "list", "text")},
    tiers={"compiles": "may: whether the number is a symbol, or each value has a graph, varies"},
    expect={
        "way=bool": """
        call 1: compiles 3 graphs, equals eager
        call 2: compiles, equals eager
        calls 3-5: reuses, equals eager
        """,
        # Before 2.14 an f-string of a symbol alone was the number, which has no len(): Dynamo left the rest to eager.
        "way=text, torch>=2.14": """
        call 1: compiles 4 graphs, equals eager
        call 2: compiles, equals eager
        call 3: compiles, equals eager
        call 4: reuses, equals eager
        call 5: compiles, equals eager
        """,
        "way=list": """
        call 1: compiles 2 graphs, equals eager
        call 2: compiles, equals eager
        call 3: compiles, equals eager
        call 4: reuses, equals eager
        call 5: compiles, equals eager
        """,
        "way=text": """
        call 1: compiles 4 graphs, equals eager
        calls 2-5: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles 3 graphs, equals eager
        call 2: compiles, equals eager
        call 3: compiles, equals eager
        call 4: reuses, equals eager
        call 5: compiles, equals eager
        """,
    },
)
def number_is_taken_out(s: Subject) -> None:
    """A number that item(), int(), tolist() or the like reads from a tensor is that of the call."""
    take = NUMBERS[s.axis("way")]

    def program(x: Tensor) -> tuple[Tensor, Any]:
        number = take(x * 2)
        return x * number + len(range(int(number))), [number, number + 1]

    compiled = s.compile(program)
    for number in 0.5, 1, 1.5, 0.5, 0:
        compiled(s.full((2,), number))


class Broken(nn.Module):
    """Computes, breaks the graph, and computes."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.Linear(3, 3), nn.Linear(3, 3)
        self.seen = 0

    def forward(self, x: Tensor) -> Tensor:
        """Counts its calls on both sides of the break."""
        self.seen += 1
        y = pause(self.before(x).sin())
        self.seen += 10
        return self.after(y + x)  # type: ignore[no-any-return]


@scenario(
    ref="torch.compiler: core concepts / graph breaks",
    expect="""
    call 1: compiles 4 graphs, equals eager
    gradients: equals eager
    call 2: compiles 4 graphs, equals eager
    gradients: equals eager
    call 3: compiles 4 graphs, equals eager
    gradients: equals eager
    """,
)
def gradient_crosses_a_break(s: Subject) -> None:
    """Gradients flow through all pieces of a program with graph breaks, to each parameter as often as it was used."""
    broken = Broken()
    model = s.place(nn.Sequential(nn.Linear(3, 3), broken, nn.Tanh(), broken))
    program = s.compile(model)
    for size in 2, 2, 4:
        x = s.randn(size, 3).requires_grad_()
        program(x).square().sum().backward()
        s.note("gradients", (x.grad, [each.grad for each in model.parameters()], broken.seen))


@scenario(
    ref="torch.compiler: core concepts / graph breaks",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles 2 graphs, equals eager
    calls 3-5: reuses, equals eager
    """,
)
def break_depends_on_the_call(s: Subject) -> None:
    """A program whose graph breaks in some calls only is one graph in the others."""

    def program(x: Tensor, loud: bool) -> Tensor:  # noqa: FBT001 - the program's own
        y = x + 1
        if loud:
            pause(0)
            y = y * 3
        return y * 2

    compiled = s.compile(program)
    for loud in False, True, False, True, True:
        compiled(s.randn(3), loud)


@scenario(
    ref="torch.compiler: core concepts / graph breaks",
    expect="""
    call 1: compiles 2 graphs, mutates argument 0, result[1] shares storage with result[0], equals eager
    call 2: reuses, mutates argument 0, result[1] shares storage with result[0], equals eager
    call 3: compiles 2 graphs, mutates argument 0, result[1] shares storage with result[0], equals eager
    """,
)
def memory_is_shared_across_a_break(s: Subject) -> None:
    """Tensors that are one, or share memory, before a graph break are one, or share memory, after it."""

    def program(x: Tensor) -> tuple[Tensor, ...]:
        made = x * 2
        part, same = made[1:], x
        pause(0)
        part.mul_(10)
        same.add_(1)
        return made, part

    compiled = s.compile(program)
    for size in 2, 2, 3:
        compiled(s.randn(size, 2))


@scenario(
    ref="torch.compiler: core concepts / exceptions",
    expect="""
    call 1: compiles 3 graphs, equals eager
    call 2: reuses, mutates argument 1['before'], raises KeyError, equals eager
    call 3: reuses, mutates argument 1['before'], mutates argument 1['after'], equals eager
    call 4: reuses, mutates argument 1['before'], raises KeyError, equals eager
    call 5: reuses, mutates argument 1['before'], mutates argument 1['after'], equals eager
    """,
)
def exception_after_a_break(s: Subject) -> None:
    """An exception that is raised after a graph break is eager's, and what was done before it stays done."""

    def program(x: Tensor, table: dict[str, Any], key: str) -> Any:
        y = x + 1
        table["before"] = pause(y) * 2
        z = y * table[key]
        table["after"] = pause(z)
        return z - 1

    compiled, table = s.compile(program), {"a": 3}
    for key in "a", "b", "a", "b", "a":
        s.attempt(compiled, s.randn(2), table, key)
