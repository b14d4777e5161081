"""Are failures of a backend, and unknown backends or options, reported, and do later calls work?"""

from __future__ import annotations

import contextlib
import logging
import warnings
from typing import TYPE_CHECKING, Any

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor
    from torch.fx import GraphModule


def running(graph: GraphModule) -> Callable[..., Any]:
    """Code that does what a graph says."""

    def run(*args: Any) -> Any:
        return graph(*args)

    return run


class UnwillingError(Exception):
    """What a backend raises."""


def double(x: Tensor) -> Tensor:
    """Twice the argument."""
    return x * 2


@scenario(
    ref="torch.compiler: custom backends / exceptions",
    needs=("torch_compile",),
    expect="""
    call 1: raises torch._dynamo.exc.BackendCompilerFailed while compiling
    call 2: raises torch._dynamo.exc.BackendCompilerFailed while compiling
    call 3: compiles, equals eager
    call 4: reuses, equals eager
    named with its words = [True, True]
    what it raised is at hand = [True, True, False, False]
    """,
)
def exception_of_a_backend_is_explained(s: Subject) -> None:
    """A backend's exception is reported with the backend's name and its message; the next call tries again."""
    moods = [False, False, True]

    def unsure(graph: GraphModule, _: Sequence[Any]) -> Callable[..., Any]:
        if not moods.pop(0):
            raise UnwillingError("not this time")
        return running(graph)

    program = s.compile(double, backend=unsure)
    errors = [error_of(program, s.randn(3)) for _ in range(4)]
    texts = [str(each) for each in errors if each]
    s.tell("named with its words", ["unsure" in x and "not this time" in x for x in texts])
    s.tell("what it raised is at hand", [type(inner_of(each)) is UnwillingError for each in errors])


def error_of(program: Callable[..., Any], *args: Any) -> Exception | None:
    """What a call raises, which the story tells as well."""
    try:
        program(*args)
    except Exception as error:  # noqa: BLE001 - whatever is raised
        return error
    return None


def inner_of(error: Exception | None) -> object:
    """The exception that another one wraps."""
    return getattr(error, "inner_exception", None)


@scenario(
    ref="torch.compiler: custom backends / exceptions",
    needs=("torch_compile", "dynamo_config"),
    expect="""
    call 1: compiles, equals eager
    calls 2-4: runs uncompiled, equals eager
    """,
)
def failure_of_a_backend_can_be_suppressed(s: Subject) -> None:
    """With suppress_errors, a function that its backend fails to compile runs in eager from then on."""

    def choosy(graph: GraphModule, examples: Sequence[Any]) -> Callable[..., Any]:
        if examples[0].dim() > 1:
            raise UnwillingError("vectors only")
        return running(graph)

    s.config(suppress_errors=True)
    program = s.compile(double, backend=choosy, dynamic=False)
    for shape in (3,), (3, 2), (3,), (3, 2):
        program(s.randn(*shape))


@scenario(
    ref="torch.compiler: custom backends / exceptions",
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, raises conformance.cases.backend_errors.UnwillingError while running
    call 3: reuses, equals eager
    raised = [, [-1.0, -1.0], ]
    """,
)
def exception_of_compiled_code_arrives(s: Subject) -> None:
    """An exception that compiled code raises when it runs reaches the caller unchanged; the next call works."""

    def compile_graph(graph: GraphModule, _: Sequence[Any]) -> Callable[..., Any]:
        def run(x: Tensor) -> Any:
            if not bool((x > 0).all()):
                raise UnwillingError(x.tolist())
            return graph(x)

        return run

    program = s.compile(double, backend=compile_graph)
    errors = [error_of(program, s.ones(2) * number) for number in (1, -1, 2)]
    s.tell("raised", [str(each) if each else "" for each in errors])


@scenario(
    ref="torch.compile: backend",
    needs=("torch_compile",),
    expect="""
    compile: raises torch._dynamo.exc.InvalidBackend while tracing
    """,
)
def unknown_name_is_refused(s: Subject) -> None:
    """A backend name that is not registered is refused; no other backend takes its place."""

    def compile_it() -> object:
        return s.compile(double, backend="nobody_knows_it").target(s.ones(2))

    s.attempt(s.act, "compile", compile_it)


@scenario(
    ref="torch.compile: options",
    needs=("torch_compile",),
    expect="""
    complaints = True
    """,
)
def unknown_option_is_complained_about(s: Subject) -> None:
    """An unknown key in options is refused, logged or warned about; it is not silently ignored."""
    with complaints() as found:
        try:
            s.compile(double, options={"nobody_knows_it": 1}).target(s.ones(2))
        except Exception as error:  # noqa: BLE001 - whatever the compiler raises
            found.append(str(error))
    s.tell("complaints", bool(found))


@contextlib.contextmanager
def complaints() -> Iterator[list[str]]:
    """What is logged or warned of in the meantime."""
    found: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    known = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    ends = [logging.root, *(each for each in known if not each.propagate)]
    for each in ends:
        each.addHandler(handler)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield found
    for each in ends:
        each.removeHandler(handler)
    found += [str(each.message) for each in warned]
