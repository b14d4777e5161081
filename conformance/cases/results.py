"""Does a compiled call return the types, the structure, the strides and the values that eager returns?"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.nn import functional

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


class Named(NamedTuple):
    """A tuple with names."""

    total: Tensor
    parts: list[Tensor]
    label: str = "none"


@dataclasses.dataclass
class Report:
    """A data class with a default and a computed field."""

    total: Tensor
    label: str = "none"
    parts: list[Tensor] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.count = len(self.parts)


class Stack(list):  # type: ignore[type-arg]
    """A list of one's own."""


#: What a program may return, made of a tensor.
STRUCTURES: dict[str, Callable[[Tensor], Any]] = {
    "nest": lambda x: {"b": [x + 1, (x * 2, None)], "a": {1: x - 1, None: "text"}, (0, 1): 2.5},
    "empty": lambda x: ([], (), {}, x + 1, [[]], set()),
    "constants": lambda x: (x + 1, 1, 1, True, 1.0, "1", None, x.dtype, 1 + 2j, b"1", ...),
    "named tuple": lambda x: Named(x.sum(), [x + 1, x + 2]),
    "data class": lambda x: Report(x.sum(), parts=[x + 1, x + 2]),
    "ordered dict": lambda x: collections.OrderedDict(z=x + 1, a=x + 2),
    "default dict": lambda x: collections.defaultdict(list, {"a": [x + 1]}),
    "deque": lambda x: collections.deque([x + 1, x + 2], maxlen=2),
    "list of one's own": lambda x: Stack([x + 1, x + 2]),
    "sizes": lambda x: (x + 1, x.shape, x.shape[0], x.shape[1:], x.numel(), x.stride()),
    "slice": lambda x: (
        x + 1,
        slice(x.shape[0], None),
        range(x.shape[1]),
        torch.Size([1, x.shape[0]]),
    ),
    "maximum": lambda x: x.max(1),
    "decomposition": lambda x: (torch.sort(x, descending=True), torch.topk(x, 2), x.frexp()),
    "repetition": lambda x: [x + 1] * 2 + [x.sum(), x.sum()],
}


@scenario(
    ref="torch.compiler: core concepts / results",
    axes={
        "structure": (
            "nest",
            "empty",
            "constants",
            "named tuple",
            "data class",
            "ordered dict",
            "default dict",
            "deque",
            "list of one's own",
            "sizes",
            "slice",
            "maximum",
            "decomposition",
            "repetition",
        )
    },
    expect={
        "structure=repetition": """
        call 1: compiles, result[1] is result[0], equals eager
        call 2: reuses, result[1] is result[0], equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        """,
    },
)
def structure_is_returned(s: Subject) -> None:
    """Whatever a program returns, nested containers and constants included, has eager's types, order and values."""
    program = s.compile(STRUCTURES[s.axis("structure")])
    for _ in range(2):
        program(s.randn(2, 3))


@scenario(
    ref="torch.compiler: core concepts / results",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    calls 3-5: reuses, equals eager
    kind of a size: equals eager
    """,
)
def sizes_are_numbers(s: Subject) -> None:
    """A size that is returned, or computed from sizes, is a plain int, also where the graph is dynamic."""

    def program(x: Tensor) -> tuple[Any, ...]:
        n, m = x.shape
        return x + 1, n, n * m, n // m, (n, n > m), {"n": n}, [n] * 2, x.shape

    compiled = s.compile(program)
    for size in 2, 3, 5, 6:
        compiled(s.randn(size, 4))
    s.note("kind of a size", type(compiled(s.randn(7, 4))[1]).__name__)


#: Programs whose results are laid out as eager happens to lay them out.
LAYOUTS: dict[str, Callable[[Tensor], Any]] = {
    "elementwise": lambda x: (x + 1, x.clone(), torch.zeros_like(x), x.sin().contiguous()),
    "transposed": lambda x: (x.transpose(1, 2) * 2, x.permute(3, 2, 1, 0) + 1, x.mT.clone()),
    "reduced": lambda x: (x.sum(1), x.mean(2, keepdim=True), x.amax((0, 3)), x.cumsum(1)),
    "joined": lambda x: (torch.cat([x, x], 1), torch.stack([x, x], 2), x.repeat(1, 2, 1, 1)),
    "mixed": lambda x: (x + x.contiguous(), torch.where(x > 0, x, 0), x * x[:, :1]),
    "convolution": lambda x: functional.conv2d(x, x.new_ones(2, 4, 1, 1)),
    "pooling": lambda x: functional.max_pool2d(functional.pad(x, (1, 1)), 2),
    "normalized": lambda x: functional.layer_norm(x, x.shape[2:]),
    "resized": lambda x: functional.interpolate(x, scale_factor=2),
    "product": lambda x: (x @ x.mT, torch.einsum("nchw,ncHw->nhHc", x, x)),
}


@scenario(
    ref="torch.compiler: core concepts / results",
    axes={
        "kind": (
            "elementwise",
            "transposed",
            "reduced",
            "joined",
            "mixed",
            "convolution",
            "pooling",
            "normalized",
            "resized",
            "product",
        )
    },
    expect="""
    calls 1-4: compiles, equals eager
    """,
)
def results_are_laid_out_as_in_eager(s: Subject) -> None:
    """Results have eager's strides, for contiguous, channels_last, transposed and expanded arguments."""
    program, x = s.compile(LAYOUTS[s.axis("kind")]), s.randn(2, 4, 4, 6)
    program(x)
    program(x.to(memory_format=torch.channels_last))
    program(x.transpose(0, 1).contiguous().transpose(0, 1))
    program(s.randn(2, 1, 4, 6).expand(2, 4, 4, 6))


#: What a tensor without numbers, or of one number, can be put through.
FEW: dict[str, Callable[[Tensor], Any]] = {
    "elementwise": lambda x: (x + 1, x > 0, x.long(), -x.reshape(-1)),
    "reduced": lambda x: (x.sum(), x.prod(), x.any(), x.sum(0), x.mean()),
    "joined": lambda x: (torch.cat([x, x]), torch.stack([x, x]), x.flip(0)),
    "product": lambda x: (x.t() @ x, x @ x.t()),
    "selected": lambda x: (x[:0] + 1, x[1:] * 2, x[None] - 1, -x[..., 0]),
}


@scenario(
    ref="torch.compiler: dynamic shapes / zero-one specialization",
    axes={"kind": ("elementwise", "reduced", "joined", "product", "selected")},
    needs=("dynamic_shapes",),
    expect="""
    calls 1-6: compiles, equals eager
    """,
)
def tensors_of_few_numbers(s: Subject) -> None:
    """Tensors with a dimension of size 0 or 1 have the results that eager gives for them."""
    program = s.compile(FEW[s.axis("kind")])
    for size in (3, 2), (0, 2), (1, 2), (3, 1), (0, 1), (4, 2):
        program(s.randn(*size))


@scenario(
    ref="torch.compiler: core concepts / results",
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    what was kept: equals eager
    """,
)
def many_results(s: Subject) -> None:
    """Each of two hundred results of a program is the one that it should be, and a tensor of its own."""
    program = s.compile(lambda x: [x * number + number for number in range(200)])
    kept = [program(s.randn(2)) for _ in range(3)]
    kept[0][7].zero_()
    s.note("what was kept", kept)


@scenario(
    ref="torch.compiler: core concepts / results",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: compiles, result is argument 0, equals eager
    call 4: compiles, equals eager
    call 5: compiles, equals eager
    call 6: reuses, equals eager
    """,
)
def nothing_is_computed(s: Subject) -> None:
    """A program that computes with tensors but returns none of the results returns what eager returns."""

    def program(x: Tensor, what: str) -> object:
        y = x * 2
        return {"nothing": None, "text": what, "argument": x, "kind": type(y), "size": y.dim()}[
            what
        ]

    compiled = s.compile(program)
    for what in "nothing", "text", "argument", "kind", "size", "nothing":
        compiled(s.randn(3), what)


@scenario(
    ref="torch.compiler: core concepts / results",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    calls 4-7: compiles, equals eager
    """,
)
def arguments_in_every_way(s: Subject) -> None:
    """Arguments passed by position, by name, as defaults, as *args and as **kwargs reach their parameters."""

    def program(x: Tensor, y: Any = 2, *more: Tensor, scale: float = 1.5, **named: Any) -> Any:
        return x * 100 + y * 10 + sum(more) * scale, sorted(named), sum(named.values())

    compiled, a, b, c = s.compile(program), s.randn(2), s.randn(2), s.randn(2)
    compiled(a)
    compiled(a, b)
    compiled(y=b, x=a)
    compiled(a, b, c, c)
    compiled(a, b, scale=2.5, z=a, w=c)
    compiled(a, b, w=a, z=c, scale=2.5)
    compiled(*[a, b], w=c, z=a, scale=2.5)
