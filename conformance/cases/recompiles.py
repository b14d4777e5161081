"""Does a change between calls cost the compilations that it must, and no more?"""

from __future__ import annotations

from harness.scenario import Subject, scenario


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    """,
)
def sizes_become_dynamic(s: Subject) -> None:
    """Once a dimension has varied, further sizes reuse one dynamic graph."""
    product = s.compile(lambda x, y: x * y)
    for size in 2, 3, 4:
        product(s.randn(size), s.randn(size))
