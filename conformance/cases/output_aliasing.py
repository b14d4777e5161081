"""Do results share memory with arguments, parameters and each other exactly where eager's do?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

#: Ways to look at a matrix without a copy.
VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "row": lambda x: x[1],
    "transposed": lambda x: x.t(),
    "strided": lambda x: x.as_strided((2, 2), (1, 2), 1),
    "bits": lambda x: x.view(torch.uint8),
    "detached": lambda x: x.detach(),
    "chunk": lambda x: x.chunk(2, dim=1)[1],
    "unbound": lambda x: x.unbind()[-1],
}


@scenario(
    ref="torch.compiler: core concepts / results that share memory",
    axes={"view": ("row", "transposed", "strided", "bits", "detached", "chunk", "unbound")},
    expect="""
    call 1: compiles, result shares storage with argument 0, equals eager
    argument and result once both were written: equals eager
    call 2: reuses, result shares storage with argument 0, equals eager
    argument and result once both were written: equals eager
    """,
)
def argument_is_looked_at(s: Subject) -> None:
    """A result that is a view of an argument shows what is written into the argument later, and the reverse."""
    program, base = s.compile(VIEWS[s.axis("view")]), s.randn(5, 4)
    for x in s.randn(4, 4), base[1:]:
        y = program(x)
        x.mul_(-1)
        y[..., :1].zero_()
        s.note("argument and result once both were written", (x, y))
        del y


#: Operations that copy only where they must.
LAZY: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda x: x.contiguous(),
    "reshape": lambda x: x.reshape(-1),
    "to": lambda x: x.to(torch.float32),
    "clone": lambda x: x.clone(),
}


@scenario(
    ref="torch.compiler: core concepts / results that share memory",
    axes={"operation": ("contiguous", "reshape", "to", "clone")},
    expect={
        "operation=contiguous": """
        call 1: compiles, result is argument 0, equals eager
        call 2: compiles, mutates result_1, equals eager
        call 3: compiles, result is argument 0, equals eager
        call 4: reuses, mutates result_3, result is argument 0, equals eager
        call 5: reuses, mutates result_4, equals eager
        arguments once the results were written: equals eager
        """,
        "operation=reshape": """
        call 1: compiles, result shares storage with argument 0, equals eager
        call 2: compiles, equals eager
        call 3: compiles, result shares storage with argument 0, equals eager
        call 4: reuses, result shares storage with argument 0, equals eager
        call 5: reuses, equals eager
        arguments once the results were written: equals eager
        """,
        "operation=to": """
        call 1: compiles, result is argument 0, equals eager
        call 2: compiles, mutates result_1, result is argument 0, equals eager
        call 3: compiles, mutates result_2, equals eager
        call 4: reuses, result is argument 0, equals eager
        call 5: reuses, mutates result_4, result is argument 0, equals eager
        arguments once the results were written: equals eager
        """,
        "otherwise": """
        calls 1-3: compiles, equals eager
        call 4: reuses, equals eager
        call 5: reuses, equals eager
        arguments once the results were written: equals eager
        """,
    },
)
def copy_is_made_where_it_must(s: Subject) -> None:
    """Whether contiguous, reshape or to copies is decided by the layout and dtype of each call's argument."""
    program = s.compile(LAZY[s.axis("operation")])
    given = [s.randn(3, 3) for _ in range(5)]
    given[1], given[2], given[4] = given[1].t(), given[2].double(), given[4].t()
    for x in given:
        program(x).add_(1)
    s.note("arguments once the results were written", given)


@scenario(
    ref="torch.compiler: core concepts / results that share memory",
    needs=("dynamic_shapes",),
    axes={"dynamic": (None, True)},
    expect={
        "dynamic=None": """
        call 1: compiles, equals eager
        call 2: compiles, result shares storage with argument 0, equals eager
        call 3: compiles, result is argument 0, equals eager
        call 4: reuses, mutates result_3, result shares storage with argument 0, equals eager
        call 5: compiles, equals eager
        call 6: reuses, result is argument 0, equals eager
        arguments once the results were written: equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: compiles, result shares storage with argument 0, equals eager
        call 3: compiles, result is argument 0, equals eager
        call 4: reuses, mutates result_3, result shares storage with argument 0, equals eager
        call 5: reuses, equals eager
        call 6: reuses, result is argument 0, equals eager
        arguments once the results were written: equals eager
        """,
    },
)
def size_decides(s: Subject) -> None:
    """Where a size decides whether the result is the argument, a view of it or new, each call decides for itself."""
    limit = 4

    def program(x: Tensor) -> Tensor:
        if len(x) == limit:
            return x
        return x[:limit] if len(x) > limit else x + 1

    compiled = s.compile(program, dynamic=s.axis("dynamic"))
    given = [s.randn(size) for size in (3, 6, 4, 7, 2, 4)]
    for x in given:
        compiled(x).zero_()
    s.note("arguments once the results were written", given)


#: Pairs of results made of one intermediate value.
PAIRS: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    "twice": lambda y: (y, y),
    "whole and part": lambda y: (y, y[1:]),
    "overlapping parts": lambda y: (y[:3], y[1:]),
    "transposed": lambda y: (y.view(2, 2), y.view(2, 2).t()),
}


@scenario(
    ref="torch.compiler: core concepts / results that share memory",
    axes={"pair": ("twice", "whole and part", "overlapping parts", "transposed")},
    expect={
        "pair=twice": """
        call 1: compiles, result[1] is result[0], equals eager
        call 2: reuses, mutates result_1[0], mutates result_1[1], result[1] is result[0], equals eager
        call 3: reuses, mutates result_2[0], mutates result_2[1], result[1] is result[0], equals eager
        all results once they were written: equals eager
        """,
        "otherwise": """
        call 1: compiles, result[1] shares storage with result[0], equals eager
        call 2: reuses, mutates result_1[0], mutates result_1[1], result[1] shares storage with result[0], equals eager
        call 3: reuses, mutates result_2[0], mutates result_2[1], result[1] shares storage with result[0], equals eager
        all results once they were written: equals eager
        """,
    },
)
def results_share_an_intermediate(s: Subject) -> None:
    """Two results made of one intermediate tensor share memory as in eager, and with no other call's results."""
    pair = PAIRS[s.axis("pair")]
    program, kept = s.compile(lambda x: pair(x * 2)), []
    for _ in range(3):
        kept.append(program(s.randn(4)))
        kept[-1][0].add_(10)
        kept[-1][1].mul_(-1)
    s.note("all results once they were written", kept)


class Sharing(nn.Module):
    """Gives away what it holds."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 2))
        self.register_buffer("mean", torch.ones(2))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """A sum, and views of parameter and buffer."""
        return self.weight.sum() + x, self.weight.t(), self.mean[1:]


@scenario(
    ref="torch.compiler: modules / parameters are inputs",
    expect="""
    call 1: compiles, equals eager
    state: equals eager
    change: parameter and buffer are replaced
    call 2: reuses, equals eager
    state: equals eager
    call 3: reuses, equals eager
    state: equals eager
    """,
)
def parameters_are_returned(s: Subject) -> None:
    """A returned view of a parameter or buffer is of the one that the module has at the time of the call."""
    module = s.place(Sharing())
    program, x = s.compile(module), s.randn(2)
    for replaced in False, True, False:
        if replaced:
            s.change("parameter and buffer are replaced")
            module.weight, module.mean = nn.Parameter(s.randn(2, 2)), s.zeros(2)
        with torch.no_grad():
            _, transposed, part = program(x)
            transposed[0].fill_(5)
            part.fill_(7)
        s.note("state", module.state_dict())
        del transposed, part


@scenario(
    ref="torch.compiler: core concepts / results that share memory",
    expect="""
    call 1: compiles, result[0] shares storage with argument 0, result[1] shares storage with argument 1, equals eager
    results once the first was written: equals eager
    call 2: reuses, result[0] shares storage with argument 0, result[1] shares storage with argument 0, equals eager
    results once the first was written: equals eager
    call 3: reuses, result[0] shares storage with argument 0, result[1] shares storage with argument 0, equals eager
    results once the first was written: equals eager
    call 4: reuses, result[0] shares storage with argument 0, result[1] shares storage with argument 0, equals eager
    results once the first was written: equals eager
    """,
)
def results_of_one_storage(s: Subject) -> None:
    """Views of two arguments share memory in the calls in which the arguments do, and in no others."""
    program, base = s.compile(lambda a, b: (a.view(-1), b[1:])), s.randn(8)
    for a, b in (
        (s.randn(4), s.randn(4)),
        (base[:4], base[:4]),
        (base[:4], base[4:]),
        (base[1:5], base[2:6]),
    ):
        results = program(a, b)
        results[0].add_(1)
        s.note("results once the first was written", results)
        del results


@scenario(
    ref="torch.compiler: core concepts / results that share memory",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, result shares storage with argument 0, equals eager
    call 2: compiles, mutates result_1, result shares storage with argument 0, equals eager
    call 3: reuses, mutates result_2, result shares storage with argument 0, equals eager
    call 4: reuses, mutates result_3, result shares storage with argument 0, equals eager
    what all are views of: equals eager
    """,
)
def result_is_passed_again(s: Subject) -> None:
    """A view that was returned may be passed again: a view of it is a view of the same memory."""
    program, base = s.compile(lambda x: x[1:-1]), s.arange(13)
    x = base
    for _ in range(4):
        x = program(x)
        x.mul_(-2)
    s.note("what all are views of", base)


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic",
    needs=("dynamic_shapes",),
    axes={"how": ("split", "chunk", "list of sizes")},
    expect={
        "how=split": """
        calls 1-3: compiles, result[0] shares storage with argument 0, equals eager
        call 4: reuses, result[0] shares storage with argument 0, equals eager
        arguments once the last parts were written: equals eager
        """,
        "otherwise": """
        call 1: compiles, result[0] shares storage with argument 0, equals eager
        call 2: compiles, result[0] shares storage with argument 0, equals eager
        call 3: reuses, result[0] shares storage with argument 0, equals eager
        call 4: reuses, result[0] shares storage with argument 0, equals eager
        arguments once the last parts were written: equals eager
        """,
    },
)
def number_of_parts_varies(s: Subject) -> None:
    """A tensor is split into as many parts as its size gives in each call, and a returned part is a view of it."""
    how = s.axis("how")

    def program(x: Tensor) -> tuple[Tensor, int]:
        sizes = 3 if how == "split" else [1, len(x) - 2, 1]
        parts = x.chunk(3) if how == "chunk" else x.split(sizes)
        return parts[-1], len(parts)

    compiled = s.compile(program)
    given = [s.randn(size) for size in (4, 8, 11, 12)]
    for x in given:
        compiled(x)[0].zero_()
    s.note("arguments once the last parts were written", given)


def failure(write: Callable[..., object], *args: object) -> str:
    """The class of the exception that a write raises; empty if it succeeds."""
    try:
        write(*args)
    except RuntimeError as error:
        return type(error).__name__
    return ""


@scenario(
    ref="torch.compiler: core concepts / results that share memory",
    axes={"view": ("row", "transposed", "chunk")},
    expect="""
    call 1: compiles, result shares storage with argument 0, equals eager
    outcome of writing the result, and the leaf: equals eager
    call 2: reuses, result shares storage with argument 0, equals eager
    outcome of writing the result, and the leaf: equals eager
    call 3: reuses, result shares storage with argument 0, equals eager
    outcome of writing the result, and the leaf: equals eager
    """,
)
def views_of_a_leaf_are_protected(s: Subject) -> None:
    """A returned view of a leaf that requires grad can be mutated only under no_grad, and then the leaf changes."""
    program, leaf = s.compile(VIEWS[s.axis("view")]), s.randn(3, 4).requires_grad_()
    for grad in True, False, True:
        y = program(leaf)
        with torch.set_grad_enabled(grad):
            s.note("outcome of writing the result, and the leaf", (failure(y.mul_, 2), leaf))
        del y


@scenario(
    ref="torch.compiler: core concepts / results that share memory",
    axes={"view": ("row", "transposed", "strided", "detached")},
    expect="""
    call 1: compiles, result shares storage with argument 0, equals eager
    gradient: equals eager
    call 2: reuses, result shares storage with argument 0, equals eager
    gradient: equals eager
    """,
)
def gradients_follow_written_views(s: Subject) -> None:
    """Gradients flow through an in-place write into a returned view, back to the tensor that it is a view of."""
    program = s.compile(VIEWS[s.axis("view")])
    for _ in range(2):
        leaf = s.randn(3, 3).requires_grad_()
        x = leaf * 2
        program(x).mul_(3)
        (x * s.randn(3, 3)).sum().backward()
        s.note("gradient", leaf.grad)


@scenario(
    ref="torch.inference_mode / views and new tensors",
    expect="""
    call 1: compiles, result[0] shares storage with argument 0, equals eager
    whether they are inference tensors, and outcome of writing them: equals eager
    call 2: compiles, result[0] shares storage with argument 0, equals eager
    whether they are inference tensors, and outcome of writing them: equals eager
    call 3: reuses, result[0] shares storage with argument 0, equals eager
    whether they are inference tensors, and outcome of writing them: equals eager
    call 4: reuses, result[0] shares storage with argument 0, equals eager
    whether they are inference tensors, and outcome of writing them: equals eager
    """,
)
def inference_mode_marks_new_tensors(s: Subject) -> None:
    """Under inference_mode new results are inference tensors, and views of ordinary arguments are not."""
    program, x = s.compile(lambda x: (x[1:], x * 2)), s.randn(3)
    for mode in False, True, False, True:
        with torch.inference_mode(mode):
            results = program(x)
        found = [(each.is_inference(), failure(each.add_, 1)) for each in results]
        s.note("whether they are inference tensors, and outcome of writing them", found)
        del results


#: Programs with a result that depends on no argument.
CONSTANTS: dict[str, Callable[[Tensor], Tensor]] = {
    "ones": lambda x: torch.ones(3, device=x.device),
    "literal": lambda x: torch.tensor([1.0, 2.0, 4.0], device=x.device),
    "part": lambda x: torch.arange(6, device=x.device)[1:4],
    "like": lambda x: torch.full_like(x, 2),
    "folded": lambda x: torch.ones(3, device=x.device) * 2 + 1,
}


@scenario(
    ref="torch.compiler: core concepts / results belong to the caller",
    axes={"constant": ("ones", "literal", "part", "like", "folded")},
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def constants_are_made_anew(s: Subject) -> None:
    """A result that is the same in every call is a new tensor in every call: writing to one leaves the next alone."""
    constant = CONSTANTS[s.axis("constant")]
    program = s.compile(lambda x: (constant(x), x + constant(x)))
    for _ in range(3):
        program(s.randn(3))[0].add_(100)
