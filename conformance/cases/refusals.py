"""What eager refuses, is it refused by a compiled program in each call, and in no other?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def catch(call: Callable[..., Any], *args: Any) -> BaseException | None:
    """The exception that comes out of a call."""
    try:
        call(*args)
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    return None


#: Operations that eager refuses for the shapes or dtypes of what they are given.
REFUSALS: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda x: x + torch.ones(len(x) + 1, device=x.device),
    "product": lambda x: x @ x[:1],
    "view": lambda x: x.view(-1, len(x) + 1),
}


@scenario(
    ref="torch.compiler: graph breaks / TorchRuntimeError",
    axes={"operation": ("sum", "product", "view")},
    tiers={
        "outcome": "diverge: what a traced operation raises is wrapped in a RuntimeError of torch's own"
    },
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    a RuntimeError: equals eager
    call 2: raises torch._dynamo.exc.TorchRuntimeError while tracing
    a RuntimeError: equals eager
    call 3: raises torch._dynamo.exc.TorchRuntimeError while tracing
    a RuntimeError: equals eager
    call 4: reuses, equals eager
    a RuntimeError: equals eager
    """,
)
def refused_operation_is_a_runtime_error(s: Subject) -> None:
    """An operation that eager refuses is refused each time, as a RuntimeError; the program works for other inputs."""
    refused = REFUSALS[s.axis("operation")]

    def program(x: Tensor, fails: bool) -> Tensor:  # noqa: FBT001 - the program's own
        return refused(x) if fails else x * 2

    compiled = s.compile(program)
    for fails in False, True, True, False:
        error = catch(compiled, s.randn(3), fails)
        s.note("a RuntimeError", error is None or isinstance(error, RuntimeError))


def demand_positive(x: Tensor) -> Tensor:
    """Asserts something about numbers of a tensor."""
    assert (x > 0).all(), "all must be positive"
    return x * 2


def demand_few(x: Tensor, limit: int) -> Tensor:
    """Asserts something about a size."""
    assert len(x) < limit, f"{len(x)} rows are too many"
    return x * 2


@scenario(
    ref="torch.compiler: graph breaks / assertions",
    tiers={
        "outcome": "diverge: an assertion on tensors is an operation of the graph, which raises RuntimeError"
    },
    expect="""
    call 1: compiles, equals eager
    failed with the message: equals eager
    call 2: reuses, raises RuntimeError while running
    failed with the message: equals eager
    call 3: reuses, equals eager
    failed with the message: equals eager
    call 4: reuses, raises RuntimeError while running
    failed with the message: equals eager
    """,
)
def assertion_on_tensors_is_checked(s: Subject) -> None:
    """An assertion on the values of a tensor is checked in each call, and raises with its message where it fails."""
    compiled = s.compile(demand_positive)
    for number in 1, -1, 1, -1:
        error = catch(compiled, s.full((3,), number))
        s.note(
            "failed with the message", error is not None and "all must be positive" in str(error)
        )


@scenario(
    ref="torch.compiler: graph breaks / assertions",
    tiers={"compiles": "may: whether a program with assertions is compiled varies"},
    expect="""
    call 1: compiles, equals eager
    call 2: runs uncompiled, raises AssertionError, equals eager
    call 3: runs uncompiled, equals eager
    call 4: runs uncompiled, raises AssertionError, equals eager
    call 5: runs uncompiled, equals eager
    """,
)
def assertion_on_values_is_eagers(s: Subject) -> None:
    """An assertion on sizes or Python values raises as in eager, with its message, in the calls that fail it."""
    compiled = s.compile(demand_few, dynamic=False)
    for size, limit in (2, 3), (3, 3), (2, 3), (4, 3), (4, 5):
        s.attempt(compiled, s.randn(size), limit)


#: Ways to read beyond the end of a tensor of three.
READS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "index": lambda x, at: x[at],
    "select": lambda x, at: torch.index_select(x, 0, at),
    "gather": lambda x, at: torch.gather(x, 0, at),
    "embedding": lambda x, at: torch.nn.functional.embedding(at, x.unsqueeze(1)),
}


@scenario(
    ref="torch.compiler: FAQ / errors",
    axes={"read": ("index", "select", "gather", "embedding")},
    tiers={
        "outcome": "diverge: a check in compiled code may raise RuntimeError where eager has IndexError"
    },
    expect={
        "read=gather": """
        call 1: compiles, equals eager
        result = [0, 1, 2]
        call 2: reuses, raises RuntimeError, equals eager
        result = an error
        call 3: reuses, equals eager
        result = [0, 1, 1]
        call 4: reuses, raises RuntimeError, equals eager
        result = an error
        """,
        "read=embedding": """
        call 1: compiles, equals eager
        result = [0, 1, 2] of shape [3, 1]
        call 2: reuses, raises IndexError, equals eager
        result = an error
        call 3: reuses, equals eager
        result = [0, 1, 1] of shape [3, 1]
        call 4: reuses, raises IndexError, equals eager
        result = an error
        """,
        "otherwise": """
        call 1: compiles, equals eager
        result = [0, 1, 2]
        call 2: reuses, raises IndexError, equals eager
        result = an error
        call 3: reuses, equals eager
        result = [0, 1, 1]
        call 4: reuses, raises IndexError, equals eager
        result = an error
        """,
    },
)
def index_out_of_range_fails(s: Subject) -> None:
    """An index out of range raises in each call that has one, and never reads a value from elsewhere."""
    program = s.compile(READS[s.axis("read")])
    x = s.arange(3)
    for last in 2, 3, 1, 1000:
        at = torch.tensor([0, 1, last], device=x.device)
        try:
            told = program(x, at)
        except (IndexError, RuntimeError):
            told = "an error"
        s.tell("result", told)


@scenario(
    ref="torch.compiler: core concepts / exceptions",
    needs=("symbolic_scalars",),
    axes={"zero": ("late", "early")},
    expect={
        "zero=early": """
        call 1: compiles, equals eager
        call 2: raises ZeroDivisionError, equals eager
        call 3: compiles, equals eager
        call 4: reuses, raises ZeroDivisionError, equals eager
        call 5: reuses, raises ZeroDivisionError, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, raises ZeroDivisionError, equals eager
        call 4: reuses, equals eager
        call 5: reuses, raises ZeroDivisionError, equals eager
        """,
    },
)
def division_by_zero(s: Subject) -> None:
    """An integer division raises ZeroDivisionError in each call in which the divisor is 0, also once it has varied."""
    program = s.compile(lambda x, n: x * (12 // n))
    for n in (2, 3, 0, 4, 0) if s.axis("zero") == "late" else (2, 0, 3, 0, 0):
        s.attempt(program, s.randn(2), n)


@scenario(
    ref="torch.compiler: core concepts / exceptions",
    expect="""
    call 1: compiles, equals eager
    calls 2-5: runs uncompiled, raises TypeError, equals eager
    call 6: reuses, equals eager
    """,
)
def arguments_do_not_fit(s: Subject) -> None:
    """A call whose arguments do not fit the program's signature raises eager's TypeError, and harms no later call."""

    def program(x: Tensor, /, scale: float, *, shift: float = 1.0) -> Tensor:
        return x * scale + shift

    compiled, x = s.compile(program), s.randn(2)
    compiled(x, 2.0)
    for args, kwargs in ((), {}), ((x,), {}), ((x, 1.0, 2.0), {}), ((x,), {"scale": 1.0, "off": 2}):
        s.attempt(compiled, *args, **kwargs)
    compiled(x, scale=2.0)


class Ill(torch.autograd.Function):
    """Fails in the backward pass, where its input is negative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Twice the input."""
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Refuses."""
        return torch.linalg.cholesky(ctx.saved_tensors[0]) * gradients[0]


ill: Any = Ill.apply


@scenario(
    ref="torch.compiler: core concepts / exceptions",
    expect="""
    call 1: compiles, equals eager
    failed with: equals eager
    call 2: reuses, equals eager
    failed with: equals eager
    call 3: reuses, equals eager
    failed with: equals eager
    """,
)
def backward_pass_fails(s: Subject) -> None:
    """An error in a backward pass is raised there as in eager, and the next forward and backward pass works."""
    program = s.compile(lambda x: ill(x).sum())
    for scale in 1, -1, 1:
        x = torch.diag(s.full((2,), scale)).requires_grad_()
        error = catch(program(x).backward)
        s.note("failed with", (type(error).__name__, x.grad))


@scenario(
    ref="torch._dynamo.config.suppress_errors",
    needs=("dynamo_config", "torch_compile"),
    expect="""
    call 1 of the broken one: runs uncompiled, equals eager
    call 2 of the other: compiles, equals eager
    call 3 of the broken one: runs uncompiled, equals eager
    call 4 of the other: reuses, equals eager
    call 5 of the broken one: runs uncompiled, equals eager
    call 6 of the other: compiles, equals eager
    """,
)
def suppressed_errors_run_in_eager(s: Subject) -> None:
    """With suppress_errors, a program that its backend fails to compile runs in eager, each time."""

    def broken(graph: Any, inputs: Any) -> Any:
        raise NotImplementedError("this compiler can do nothing")

    s.config(suppress_errors=True)
    bad = s.compile(lambda x: x * 2, backend=broken, name="the broken one")
    good = s.compile(lambda x: x * 3, name="the other")
    for size in 2, 2, 3:
        bad(s.randn(size))
        good(s.randn(size))
