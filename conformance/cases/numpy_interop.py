"""Does code of NumPy in a compiled program give NumPy's arrays, numbers and errors?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def standardize(a: Any) -> Any:
    """Arithmetic, reductions and broadcasting."""
    centered = (a - a.mean(axis=0, keepdims=True)) / (a.std() + 1)
    return centered, np.sum(centered**2, axis=1), np.maximum(centered, 0), np.clip(a, -0.5, 0.5)


def rearrange(a: Any) -> Any:
    """Shapes, views and indices."""
    b = np.concatenate([a, a[::-1]], axis=1).T.reshape(-1, 2)
    return (
        b,
        a[:, None, 1:],
        a[a > 0],
        a[[0, -1]],
        np.where(a > 0, a, -1),
        np.argsort(a[0]),
        a.shape[0],
        a.ndim,
    )


def combine(a: Any) -> Any:
    """Products, and numbers of other kinds."""
    return (
        a @ a.T,
        np.einsum("ij,ij->i", a, a),
        np.dot(a[:2], a[0]),
        a.astype(np.int32) // 2,
        np.float64(2) * a,
        a > 0,
    )


def write(a: Any) -> Any:
    """Writes in place."""
    b = a.copy()
    b[0] = 7
    b += 1
    np.multiply(b, 2, out=b)
    a[-1] = b[0]
    return b, np.zeros_like(a), np.arange(3) * a.shape[1], np.ones((2,), dtype=np.float32)


#: Programs on an array.
PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "standardize": standardize,
    "rearrange": rearrange,
    "combine": combine,
    "write": write,
}


@scenario(
    ref="torch.compiler: FAQ / NumPy",
    axes={"program": ("standardize", "rearrange", "combine", "write")},
    tiers={"compiles": "may: which functions of NumPy are traced varies"},
    expect={
        "program=rearrange": """
        call 1: compiles 2 graphs, equals eager
        call 2: compiles, equals eager
        call 3: compiles 2 graphs, equals eager
        """,
        "program=standardize|combine": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: compiles, equals eager
        """,
        "otherwise": """
        call 1: compiles, mutates argument 0, equals eager
        call 2: reuses, mutates argument 0, equals eager
        call 3: compiles, mutates argument 0, equals eager
        """,
    },
)
def arrays_are_arrays(s: Subject) -> None:
    """A NumPy program takes arrays and gives arrays, with NumPy's values, shapes and dtypes, in each call."""
    program = s.compile(PROGRAMS[s.axis("program")])
    for rows in 2, 2, 3:
        program(s.randn(rows, 3).cpu().numpy())


#: Pairs of operands whose common dtype is NumPy's to say.
PAIRS: dict[str, Callable[[Any], Any]] = {
    "float32 and float": lambda a: a.astype(np.float32) * 1.5,
    "float32 and float64": lambda a: a.astype(np.float32) * np.float64(1.5),
    "int32 and float32": lambda a: a.astype(np.int32) + np.float32(1),
    "int8 and int": lambda a: a.astype(np.int8) + 1,
    "int64 and division": lambda a: a.astype(np.int64) / 2,
    "bool and int": lambda a: (a > 1) + 1,
    "mean of int": lambda a: a.astype(np.int32).reshape(1, -1).mean(1),
    "sum of int8": lambda a: a.astype(np.int8).reshape(1, -1).sum(1),
}


@scenario(
    ref="torch.compiler: FAQ / NumPy",
    axes={
        "pair": (
            "float32 and float",
            "float32 and float64",
            "int32 and float32",
            "int8 and int",
            "int64 and division",
            "bool and int",
            "mean of int",
            "sum of int8",
        )
    },
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    """,
)
def dtypes_are_promoted(s: Subject) -> None:
    """Results have the dtype that NumPy's promotion rules give, for arrays, NumPy scalars and Python numbers."""
    program = s.compile(PAIRS[s.axis("pair")])
    for _ in range(2):
        program(s.arange(3).cpu().numpy())


@scenario(
    ref="torch.compiler: FAQ / NumPy",
    expect="""
    call 1: compiles, mutates argument 0, result[1] shares storage with argument 0, equals eager
    the argument: equals eager
    call 2: reuses, mutates argument 0, result[1] shares storage with argument 0, equals eager
    the argument: equals eager
    call 3: compiles, mutates argument 0, result[1] shares storage with argument 0, equals eager
    the argument: equals eager
    """,
)
def tensors_become_arrays_and_back(s: Subject) -> None:
    """Tensors and NumPy arrays convert into each other in a program, and share memory where they do in eager."""

    def program(x: Tensor) -> tuple[Any, ...]:
        a = x.numpy()
        a *= 2
        b = np.sin(a)
        return torch.from_numpy(b) + x, torch.as_tensor(a), a

    compiled = s.compile(program)
    for size in 2, 2, 3:
        x = s.randn(size).cpu()
        compiled(x)
        s.note("the argument", x)


@scenario(
    ref="torch.compiler: FAQ / NumPy",
    expect="""
    call 1: compiles, equals eager
    change: a number of the array is set, then the array is replaced
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def captured_array_is_changed(s: Subject) -> None:
    """A captured NumPy array has its values at the time of the call, and may be replaced by another."""
    weights = np.arange(3, dtype=np.float32)
    program = s.compile(lambda a: a * weights + weights.sum())
    program(s.ones(3).cpu().numpy())
    s.change("a number of the array is set, then the array is replaced")
    weights[0] = 5
    program(s.ones(3).cpu().numpy())
    weights = np.full(3, 2, dtype=np.float32)
    program(s.ones(3).cpu().numpy())


@scenario(
    ref="torch.compiler: FAQ / NumPy",
    needs=("torch_compile",),
    tiers={"outcome": "diverge: NumPy is traced as torch, which raises RuntimeError"},
    expect="""
    call 1: compiles, equals eager
    call 2: raises torch._dynamo.exc.TorchRuntimeError while tracing
    call 3: reuses, equals eager
    call 4: raises torch._dynamo.exc.TorchRuntimeError while tracing
    """,
)
def error_of_numpy(s: Subject) -> None:
    """A wrong use of NumPy raises in each call that has it, and harms no other call."""
    program = s.compile(lambda a, b: np.dot(a, b) + 1)
    for rows in 3, 2, 3, 4:
        s.attempt(program, np.ones((2, 3)), np.ones((rows, 2)))


@scenario(
    ref="torch.compiler: FAQ / NumPy",
    needs=("torch_compile",),
    tiers={"outcome": "diverge: a scalar of NumPy is an array without dimensions"},
    expect="""
    call 1: compiles, differs from eager in type of result
    as a number: equals eager
    call 2: reuses, differs from eager in type of result
    as a number: equals eager
    call 3: compiles, differs from eager in type of result
    as a number: equals eager
    """,
)
def scalar_is_an_array(s: Subject) -> None:
    """A NumPy scalar comes out as a 0-dimensional array, with the scalar's dtype and value."""
    program = s.compile(lambda a: a.sum() * 2, tell=True)
    for size in 2, 2, 3:
        made = program(np.ones(size, dtype=np.float32))
        s.note("as a number", (float(made), str(made.dtype), made.shape))


@scenario(
    ref="torch.compiler: FAQ / NumPy / negative strides",
    needs=("torch_compile",),
    axes={"how": ("slice", "flip")},
    tiers={"outcome": "diverge: what has a negative stride in NumPy is a copy"},
    expect="""
    call 1: compiles, differs from eager in value of argument 0
    call 2: reuses, differs from eager in value of argument 0
    """,
)
def array_in_reverse_is_a_copy(s: Subject) -> None:
    """A reversed array (a[::-1], np.flip) is a copy: what is written into it does not reach the original."""
    flips = s.axis("how") == "flip"

    def program(a: Any) -> Any:
        b = np.flip(a) if flips else a[::-1]
        b *= 2
        return b + 1

    compiled = s.compile(program)
    for _ in range(2):
        compiled(np.arange(3, dtype=np.float32))


@scenario(
    ref="torch.compiler: FAQ / NumPy / indices of triangles",
    needs=("torch_compile",),
    tiers={"outcome": "diverge: the indices of a triangle are one array, not a tuple of two"},
    expect="""
    call 1: compiles, differs from eager in shape of result[0]
    call 2: reuses, differs from eager in shape of result[0]
    """,
)
def indices_of_a_triangle_are_one_array(s: Subject) -> None:
    """What np.tril_indices gives is one array: as an index it selects rows, and unpacked it selects elements."""

    def program(a: Any) -> tuple[Any, ...]:
        rows, columns = np.tril_indices(3)
        return a[np.tril_indices(3)], a[rows, columns] * 2

    compiled = s.compile(program)
    for _ in range(2):
        compiled(np.arange(9, dtype=np.float32).reshape(3, 3))
