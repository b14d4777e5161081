"""What the far side runs on: the part of a record that says which implementation was judged. Far side.

Knows how to ask torch, Python and the platform. Must not decide anything.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from typing import Any

import torch


def take() -> dict[str, Any]:
    """The fingerprint of this process, as JSON values."""
    return {
        "torch": str(torch.__version__),
        "torch_git": str(torch.version.git_version),
        "torch_build": {"debug": bool(torch.version.debug), "cuda": torch.version.cuda},
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "interpreter": sys.executable,
        "pid": os.getpid(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "packages": _packages(),
        "environ": {name: value for name, value in sorted(os.environ.items()) if _matters(name)},
    }


def _packages() -> dict[str, str]:
    """Every installed distribution and its version."""
    found = ((each.metadata["Name"], each.version) for each in importlib.metadata.distributions())
    return dict(sorted((name, version) for name, version in found if name and version))


def _matters(name: str) -> bool:
    return name.startswith(("TORCH", "PYTORCH", "OMP_", "OPENBLAS_", "MKL_", "PYTHONHASHSEED"))
