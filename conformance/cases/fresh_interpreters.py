"""Does importing torch leave out what it should, and can a fresh interpreter capture again after a reset?"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor

LOOK = """
import sys
import {module}
import torch.utils
print(*(name for name in ("torch.utils.hipify",) if name in sys.modules))
print(*(name for name in ("hipify",) if globals().get(name) or hasattr(torch.utils, name)))
"""


def leaves_behind(module: str) -> str:
    """What importing a module in an interpreter of its own has brought of torch's source translator."""
    command = [sys.executable, "-c", LOOK.format(module=module)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - this interpreter


@scenario(
    ref="torch / what importing it brings",
    seed=(
        "test_hipify_not_loaded_with_import_torch",
        "test_hipify_not_loaded_with_import_cpp_extension",
    ),
    axes={"module": ("torch", "torch.utils.cpp_extension")},
    expect="""
    import in a fresh interpreter: succeeds
    translators = none
    """,
)
def imports_bring_no_translator(s: Subject) -> None:
    """Importing torch or torch.utils.cpp_extension does not import torch.utils.hipify."""
    found = s.act("import in a fresh interpreter", lambda: leaves_behind(s.axis("module")))
    s.tell("translators", found or "none")


def loss(x: Tensor, weight: Tensor) -> None:
    """A backward pass through the sum of a product of matrices."""
    torch.nn.functional.linear(x, weight).sum().backward()


@scenario(
    ref="torch.compiler.reset / between backward passes",
    seed=("test_dynamo_flaky_segfault",),
    needs=("compiled_autograd",),
    expect="""
    change: a fresh interpreter goes on
    call 1: compiles, captures a backward, equals eager
    reset
    call 2: compiles, captures a backward, equals eager
    """,
)
def reset_between_backward_passes(s: Subject) -> None:
    """In a fresh interpreter compiled autograd captures a backward pass, and captures it again after a reset."""
    s.elsewhere(run_twice, interpreter=True)


def run_twice(s: Subject) -> None:
    """The same backward pass before and after a reset."""
    backward = s.compile_backward(loss)
    backward(s.randn(1000, 3000), s.randn(1000, 3000).requires_grad_())
    s.reset()
    backward(s.randn(1000, 3000), s.randn(1000, 3000).requires_grad_())
