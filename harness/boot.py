"""First code of every far-side process: makes our packages importable and nothing else of ours. Far side.

Run by path, as `python -P boot.py zygote|child ...`, under the implementation's own interpreter. The near
side's site-packages must not become importable there, so the two packages are mounted by hand.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def mount(name: str, folder: Path) -> None:
    """Make the package in a folder importable under a name."""
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def main() -> None:
    """Mount the packages and hand over to the role that the first argument names."""
    root = Path(__file__).resolve().parent.parent
    for name in ("harness", "conformance"):
        mount(name, root / name)
    role = importlib.import_module(f"harness.{sys.argv[1]}")
    role.main(sys.argv[2:])


if __name__ == "__main__":
    main()
