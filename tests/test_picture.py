"""What a picture shows of tensors that are hard to look at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from harness import picture

ROOT = Path(__file__).resolve().parent.parent

PROGRAMS = {
    "a view that autograd refuses, since its base was written, is seen all the same": """
        base = torch.ones(4, requires_grad=True) * 1
        part = base.chunk(2)[1]
        base.mul_(3)
        (seen,) = picture.take(part, "part")
        assert seen.data.tolist() == [3, 3], seen
        assert seen.properties["requires_grad"] == "True", seen
    """,
    "a leaf is seen with its gradient": """
        leaf = torch.ones(2, requires_grad=True)
        (leaf * 5).sum().backward()
        assert [each.place for each in picture.take(leaf, "x")] == ["x", "x.grad"]
    """,
}


@pytest.mark.parametrize("what", PROGRAMS)
def test_a_picture_shows(what: str) -> None:
    """In a process of its own, because this one imports no torch."""
    program = (
        "if True:\n        import torch\n        from harness import picture\n" + PROGRAMS[what]
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_tensor_without_plain_numbers_is_described_by_its_class() -> None:
    class Opaque(torch.Tensor):
        @classmethod
        def __torch_dispatch__(cls, *_: object) -> object:
            raise RuntimeError("no numbers")

    made = torch.Tensor._make_wrapper_subclass(Opaque, (2, 3))
    assert picture.describe(made).endswith("Opaque tensor of shape [2, 3]")
