"""Several trials in one fresh interpreter, one after the other, as without isolation. Far side.

Knows a list of jobs with their answers. Must not observe or judge.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from pathlib import Path

from harness import child
from harness.model import Job


def main(arguments: list[str]) -> None:
    """Run the jobs of a paper in order: `sequence PAPER`, a list of pairs of a job and its answer's path."""
    faulthandler.enable()
    child.prepare()
    for values, answer in json.loads(Path(arguments[0]).read_text(encoding="utf-8")):
        child.forget()
        child.run(Job(**values), child.Answer(Path(answer)))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
