"""Files that are there whole or not at all: whoever reads one meanwhile has the old or the new. Near side.

Knows how a file is put into place. Must not know what is in it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a file in its folder under another name, then put it into place; a device or a pipe is written to.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    content = text.encode("utf-8")
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    path = path.resolve()  # a link stays one
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
