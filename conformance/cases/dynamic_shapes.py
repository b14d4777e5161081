"""Which sizes share a graph, and what the user's settings change about it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def scale_or_shift(x: Tensor) -> Tensor:
    """Branches on a size far from the special sizes 0 and 1."""
    return x * 2 if x.size(0) < 10 else x + 10  # noqa: PLR2004 - the program's own


def scale_or_shift_at_two(x: Tensor) -> Tensor:
    """Branches just where the special sizes 0 and 1 end."""
    return x * 2 if x.size(0) < 2 else x + 10  # noqa: PLR2004 - the program's own


@scenario(
    ref="torch.compiler: dynamic shapes / parameters are static",
    seed=("test_dynamic_shape_parameter_recompile",),
    needs=("dynamic_shapes", "dynamo_config", "fullgraph"),
    tells=("ops",),
    axes={
        "dynamic": (None, True, False),
        "automatic": (True, False),
        "force_static": (True, False),
    },
    expect={
        "force_static=True": """
        calls 1-4: compiles, 1 op, equals eager
        call 5: reuses, equals eager
        """,
        "dynamic=False": """
        calls 1-4: compiles, 1 op, equals eager
        call 5: reuses, equals eager
        """,
        "dynamic=None, automatic=False": """
        calls 1-4: compiles, 1 op, equals eager
        call 5: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles, 1 op, equals eager
        call 2: compiles, 1 op, equals eager
        calls 3-5: reuses, equals eager
        """,
    },
)
def parameter_sizes(s: Subject) -> None:
    """Sizes of parameters are static, unless force_parameter_static_shapes is turned off."""
    s.config(
        automatic_dynamic_shapes=s.axis("automatic"),
        force_parameter_static_shapes=s.axis("force_static"),
    )
    weight = torch.nn.Parameter(s.randn(3, 2))
    product = s.compile(lambda x: x @ weight, fullgraph=True, dynamic=s.axis("dynamic"))
    for rows in 1, 10, 11, 15, 15:
        product(torch.nn.Parameter(s.randn(rows, 3)))


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic",
    seed=("test_dynamic_shape_parameter_recompile",),
    needs=("dynamic_shapes", "fullgraph"),
    tells=("ops",),
    expect="""
    call 1: compiles, 1 op, equals eager
    call 2: compiles, 1 op, equals eager
    calls 3-5: reuses, equals eager
    """,
)
def rows_become_dynamic(s: Subject) -> None:
    """Once the number of rows of a plain tensor has varied, one dynamic graph serves all further sizes."""
    weight = torch.nn.Parameter(s.randn(3, 2))
    product = s.compile(lambda x: x @ weight, fullgraph=True)
    for rows in 1, 10, 11, 15, 15:
        product(s.randn(rows, 3))


@scenario(
    ref="torch.compiler: dynamic shapes / automatic dynamic of numbers",
    seed=("test_automatic_dynamic_on_closed_ints",),
    needs=("symbolic_scalars", "dynamo_config"),
    tells=("ops",),
    axes={
        "dynamic": (None, True, False),
        "automatic": (True, False),
        "specialize_int": (False, True),
    },
    expect={
        "specialize_int=True": """
        calls 1-8: compiles, 1 op, equals eager
        call 9: runs uncompiled, equals eager
        call 10: runs uncompiled, equals eager
        """,
        "dynamic=True": """
        call 1: compiles, 1 op, equals eager
        calls 2-10: reuses, equals eager
        """,
        "dynamic=False": """
        calls 1-8: compiles, 1 op, equals eager
        call 9: runs uncompiled, equals eager
        call 10: runs uncompiled, equals eager
        """,
        "automatic=False": """
        calls 1-8: compiles, 1 op, equals eager
        call 9: runs uncompiled, equals eager
        call 10: runs uncompiled, equals eager
        """,
        "otherwise": """
        call 1: compiles, 1 op, equals eager
        call 2: compiles, 1 op, equals eager
        calls 3-10: reuses, equals eager
        """,
    },
)
def closed_over_numbers(s: Subject) -> None:
    """A number in the closure of a function that is passed becomes dynamic like a number that is passed."""
    s.config(automatic_dynamic_shapes=s.axis("automatic"), specialize_int=s.axis("specialize_int"))

    def maker(number: int) -> Callable[[Tensor], Tensor]:
        return lambda y: number - y

    program = s.compile(lambda x, function: function(x), dynamic=s.axis("dynamic"))
    for number in range(10):
        program(s.randn(5), maker(number))


@scenario(
    ref="torch.compiler: dynamic shapes / backed and unbacked sizes",
    seed=("test_automatic_dynamic_shapes_mark_as_unbacked",),
    needs=("dynamic_shapes", "dynamo_config", "fullgraph"),
    axes={
        "policy": ("unbacked", "dynamic"),
        "dynamic": (None, True),
        "fullgraph": (False, True),
    },
    expect={
        "policy=unbacked, dynamic=None": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        """,
        "policy=unbacked, dynamic=True": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: compiles, equals eager
        call 4: reuses, equals eager
        """,
        "policy=dynamic, dynamic=None": """
        calls 1-4: compiles, equals eager
        """,
        "policy=dynamic, dynamic=True": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: compiles, equals eager
        call 4: compiles, equals eager
        """,
    },
)
def unbacked_policy(s: Subject) -> None:
    """With automatic_dynamic_shapes_mark_as "unbacked", one graph for a size that has varied serves 0 and 1 as well."""
    s.config(automatic_dynamic_shapes_mark_as=s.axis("policy"))
    square = s.compile(lambda x: x * x, dynamic=s.axis("dynamic"), fullgraph=s.axis("fullgraph"))
    for size in 3, 2, 1, 0:
        square(s.randn(size))


@scenario(
    ref="torch.compiler: dynamic shapes / size-oblivious symbols",
    seed=("test_automatic_dynamic_shapes_mark_as_oblivious",),
    needs=("dynamic_shapes", "dynamo_config", "fullgraph", "torch_compile"),
    expect={
        # torch 2.11 dropped the value: the flag still takes it, and the first recompilation fails on it.
        "torch<2.11": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        calls 2-4: raises torch._dynamo.exc.InternalTorchDynamoError while tracing
        """,
    },
)
def oblivious_policy(s: Subject) -> None:
    """The value "oblivious" of automatic_dynamic_shapes_mark_as, which torch 2.11 dropped, raises at recompilation."""
    s.config(automatic_dynamic_shapes_mark_as="oblivious")
    program = s.compile(scale_or_shift, fullgraph=True)
    for size in 3, 2, 1, 0:
        s.attempt(program, s.zeros(size))


@scenario(
    ref="torch.compiler: dynamic shapes / size-oblivious symbols",
    seed=("test_automatic_dynamic_shapes_mark_as_oblivious_fail_counterfactual",),
    needs=("dynamic_shapes", "dynamo_config", "fullgraph", "torch_compile"),
    axes={"policy": ("oblivious", "unbacked", "dynamic"), "fullgraph": (True, False)},
    expect={
        # See oblivious_policy for what became of the policy in torch 2.11.
        "policy=oblivious, fullgraph=True, torch<2.11": """
        call 1: compiles, equals eager
        call 2: raises torch._dynamo.exc.UserError while tracing
        call 3: compiles, equals eager
        """,
        "policy=oblivious, fullgraph=False, torch<2.11": """
        call 1: compiles, equals eager
        call 2: compiles 2 graphs, equals eager
        call 3: compiles, equals eager
        """,
        "policy=oblivious": """
        call 1: compiles, equals eager
        call 2: raises torch._dynamo.exc.InternalTorchDynamoError while tracing
        call 3: raises torch._dynamo.exc.InternalTorchDynamoError while tracing
        """,
        "policy=unbacked, fullgraph=True": """
        call 1: compiles, equals eager
        call 2: raises torch._dynamo.exc.UserError while tracing
        call 3: raises torch._dynamo.exc.UserError while tracing
        """,
        "policy=unbacked, fullgraph=False": """
        call 1: compiles, equals eager
        call 2: compiles 2 graphs, equals eager
        call 3: compiles, equals eager
        """,
        "policy=dynamic": """
        calls 1-3: compiles, equals eager
        """,
    },
)
def undecidable_branch(s: Subject) -> None:
    """A branch on a size that its symbol cannot decide raises, or breaks the graph; it is never guessed."""
    s.config(automatic_dynamic_shapes_mark_as=s.axis("policy"))
    program = s.compile(scale_or_shift_at_two, fullgraph=s.axis("fullgraph"))
    for size in 1, 0, 3:
        s.attempt(program, s.zeros(size))


@scenario(
    ref="torch.compiler: dynamic shapes / size-oblivious symbols",
    seed=(
        "test_automatic_dynamic_shapes_mark_as_oblivious",
        "test_automatic_dynamic_shapes_mark_as_oblivious_fail_counterfactual",
    ),
    needs=("dynamic_shapes", "dynamo_config", "fullgraph"),
    axes={"oblivious": (True, False)},
    expect={
        "oblivious=True": """
        call 1 of square: compiles, equals eager
        call 2 of square: compiles, equals eager
        call 3 of square: reuses, equals eager
        call 4 of square: reuses, equals eager
        call 5 of branch: compiles, equals eager
        call 6 of branch: compiles, equals eager
        call 7 of branch: reuses, equals eager
        call 8 of branch: reuses, equals eager
        call 9 of branch at two: compiles, equals eager
        call 10 of branch at two: compiles, equals eager
        """,
        "oblivious=False": """
        calls 1-4 of square: compiles, equals eager
        calls 5-8 of branch: compiles, equals eager
        call 9 of branch at two: compiles, equals eager
        call 10 of branch at two: compiles, equals eager
        """,
    },
)
def size_oblivious_sizes(s: Subject) -> None:
    """With backed_size_oblivious, sizes 0 and 1 share the dynamic graph, also across a branch on the size."""
    s.config("torch.fx.experimental._config", backed_size_oblivious=s.axis("oblivious"))
    square = s.compile(lambda x: x * x, fullgraph=True, name="square")
    branch = s.compile(scale_or_shift, fullgraph=True, name="branch")
    boundary = s.compile(scale_or_shift_at_two, fullgraph=True, name="branch at two")
    for size in 3, 2, 1, 0:
        square(s.zeros(size))
    for size in 3, 2, 1, 0:
        branch(s.zeros(size))
    for size in 1, 0:
        boundary(s.zeros(size))


@scenario(
    ref="torch.compiler: dynamic shapes / zero-one specialization",
    needs=("dynamic_shapes",),
    axes={"dynamic": (None, True), "first": (2, 1)},
    expect={
        "first=1": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        """,
        "dynamic=None, first=2": """
        calls 1-4: compiles, equals eager
        calls 5-7: reuses, equals eager
        """,
        "dynamic=True, first=2": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: compiles, equals eager
        call 4: compiles, equals eager
        calls 5-7: reuses, equals eager
        """,
    },
)
def zero_and_one_are_special(s: Subject) -> None:
    """Sizes 0 and 1 have a graph of their own each, and are compiled once."""
    product = s.compile(lambda x, y: x * y, dynamic=s.axis("dynamic"))
    for size in (2, 3, 1, 0, 1, 0, 7) if s.axis("first") == 2 else (1, 2, 3, 1):  # noqa: PLR2004
        product(s.randn(size), s.randn(size))


@scenario(
    ref="torch.compiler: dynamic shapes / backed and unbacked sizes",
    needs=("dynamic_shapes", "dynamo_config", "fullgraph", "torch_compile"),
    axes={"policy": ("unbacked", "dynamic")},
    expect={
        "policy=unbacked": """
        call 1: compiles, equals eager
        calls 2-4: raises torch._dynamo.exc.UserError while tracing
        """,
        "policy=dynamic": """
        calls 1-3: compiles, equals eager
        call 4: reuses, equals eager
        """,
    },
)
def unbacked_branch(s: Subject) -> None:
    """With fullgraph=True, a branch on an unbacked size is an error of the user; on a dynamic size it is none."""
    s.config(automatic_dynamic_shapes_mark_as=s.axis("policy"))
    program = s.compile(scale_or_shift, fullgraph=True)
    for size in 3, 2, 12, 13:
        s.attempt(program, s.zeros(size))
