"""Can it be seen whether results are right, and whether anything was compiled? What the controls of a run face."""

from __future__ import annotations

from harness.scenario import Subject, scenario


@scenario(
    ref="docs/controls.md",
    expect="""
    call 1: compiles, equals eager
    calls 2-4: reuses, equals eager
    results that were kept: equals eager
    """,
)
def calls(s: Subject) -> None:
    """A program that is compiled once returns what it returns in eager."""
    program = s.compile(lambda x: (x * 2 + 1) * x)
    s.note("results that were kept", [program(s.randn(3)) for _ in range(4)])


@scenario(
    ref="docs/controls.md",
    expect="""
    call 1: compiles, mutates argument 0, equals eager
    argument afterwards: equals eager
    """,
)
def mutation(s: Subject) -> None:
    """A program that writes to its argument does so once, and returns what it returns in eager."""
    program, x = s.compile(lambda x: x.add_(1) * 2), s.randn(3)
    program(x)
    s.note("argument afterwards", x)
