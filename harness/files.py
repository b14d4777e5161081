"""Files that are there whole or not at all: whoever reads one meanwhile has the old or the new. Near side.

Knows how a file is put into place, and unpacked. Must not know what is in it.
"""

from __future__ import annotations

import lzma
import os
import shutil
from pathlib import Path

#: Bytes that a compressed file may have at most: a few can stand for any number.
MOST = 1 << 30


class PackedError(Exception):
    """A compressed file cannot be unpacked; the message says why, and begins with a verb."""


def read_text(path: Path) -> str:
    """The text of a file; one whose name ends with `.xz` is compressed.

    Raises:
        PackedError: its compression is damaged, or stands for more than `MOST` bytes.
        OSError, UnicodeDecodeError: it cannot be read; it is no text.
    """
    if path.suffix != ".xz":
        return path.read_text(encoding="utf-8")
    try:
        with lzma.open(path) as file:
            content = file.read(MOST + 1)
    except (lzma.LZMAError, EOFError) as error:
        raise PackedError(f"cannot be unpacked: {error}") from error
    if len(content) > MOST:
        raise PackedError(f"has more than {MOST >> 20} MiB when it is unpacked")
    return content.decode("utf-8")


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
