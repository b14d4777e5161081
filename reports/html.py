from __future__ import annotations
from pathlib import Path
from harness.record import Record
def write(record: Record, folder: Path) -> Path:
    return folder/"index.html"
