"""The papers of one trial: the answer and output files, and what can be read from them. Near side.

Knows the format of an answer (see `child`). Must not start processes or judge.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from harness.model import Exit, Failure, Observation
from harness.schema import check
from harness.story import from_json

OUTPUT_KEPT = 16_000

#: Bytes that must be free in the folder of a run: with less, what fails there says nothing about an implementation.
ROOM = 1 << 20

#: More than an answer ever says; what is longer is not read.
_LONGEST = 1 << 26

_serial = 0


@contextlib.contextmanager
def open_papers(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Paths for one trial's answer and output, which are gone afterwards.

    The answer is there, and empty: if it is missing later, it was deleted. The folder is made again if it was deleted.

    Raises:
        OSError: there is no such folder, it is somebody else's, or nothing can be written there.
    """
    global _serial  # noqa: PLW0603 - a process-wide count is what makes the names unique
    _serial += 1
    stem = folder / f"trial-{os.getpid()}-{_serial}"
    answer, output = stem.with_suffix(".answer"), stem.with_suffix(".output")
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} is not ours any more")
    try:
        answer.touch(mode=0o600)
        yield answer, output
    finally:
        answer.unlink(missing_ok=True)
        output.unlink(missing_ok=True)


def _hindrance(answer: Path) -> str:
    """Why a trial may have said more than can be read, or may have failed for want of room; "" if neither is so."""
    if not answer.exists():
        return f"what the trial told, {answer}, was deleted while it ran; let nothing clean that folder"
    if shutil.disk_usage(answer.parent).free < ROOM:
        return (
            f"there is no room left in {answer.parent}; make some, or set TMPDIR to another folder"
        )
    return ""


def tail(path: Path, size: int) -> str:
    """The last bytes of a file as text, with a note if there were more."""
    with _open(path) as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - size))
        text = file.read().decode("utf-8", "backslashreplace")
    return f"[... {length - size} bytes before this ...]\n{text}" if length > size else text


def _open(path: Path) -> BinaryIO:
    """A file that an implementation could put anything in the place of.

    Raises:
        OSError: it is not there, or no file.
    """
    file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb")  # noqa: PTH123, SIM115 - a descriptor
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(errno.EINVAL, "it is no file")


def _printed(output: Path) -> str:
    try:
        return tail(output, OUTPUT_KEPT)
    except OSError:
        return ""


def read_exit(  # noqa: PLR0913 - one argument for each thing that was seen
    answer: Path,
    output: Path,
    *,
    status: int | None = None,
    timed_out: bool = False,
    bug: str = "",
    seconds: float = 0.0,
    leftovers: int = 0,
    exceeded: int = 0,
) -> Exit:
    """How a trial ended, from its papers and from what the near side saw."""
    observation, garbage = read_answer(answer)
    return Exit(
        observation=observation,
        status=status,
        timed_out=timed_out,
        bug=bug or _hindrance(answer) or garbage,
        output=_printed(output),
        seconds=round(seconds, 6),
        leftovers=leftovers,
        exceeded=exceeded,
    )


def read_answer(path: Path) -> tuple[Observation, str]:
    """What an answer file says, and what is wrong with the file; a line cut short by a crash is not wrong."""
    found: dict[str, Any] = {"story": [], "evidence": []}
    text, garbage = _content(path)
    whole, _, _ = text.rpartition(b"\n")
    for number, row in enumerate(whole.split(b"\n") if whole else [], start=1):
        try:
            _read_line(json.loads(row), found)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            garbage = f"line {number} of the answer is not ours: {row[:80]!r} ({error})"
            break
    story, evidence = tuple(found.pop("story")), tuple(found.pop("evidence"))
    return Observation(story=story, evidence=evidence, **found), garbage


def _content(path: Path) -> tuple[bytes, str]:
    """What is in an answer file, and why it cannot be read."""
    try:
        with _open(path) as file:
            text = file.read(_LONGEST + 1)
    except FileNotFoundError:
        return b"", ""
    except OSError as error:
        return b"", f"the answer cannot be read: {error.strerror}"
    return (text, "") if len(text) <= _LONGEST else (b"", f"the answer is over {_LONGEST} bytes")


def _read_line(line: Mapping[str, Any], found: dict[str, Any]) -> None:
    match line:
        case {"begin": versions}:
            found["versions"] = _texts(versions)
        case {"eager": bool(begins)}:
            found["in_eager"] = begins
        case {"event": event, "evidence": evidence}:
            check(event, "event")
            check(evidence, "evidence")
            if '"$text":' in json.dumps(evidence):
                raise ValueError("evidence refers to a text of the record, which it cannot know")
            found["story"].append(from_json(event))
            found["evidence"].append(dict(evidence))
        case {"failure": failure}:
            check(failure, "failure")
            found["failure"] = Failure(**failure)
        case {"bug": bug}:
            found["bug"] = str(bug)
        case {"end": {"channels": channels, "artefacts": artefacts}}:
            found.update(
                ended=True, channels=_texts(channels), artefacts=tuple(map(_text, artefacts))
            )
        case _:
            raise ValueError("expected begin, eager, event, failure, bug or end")


def _texts(value: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(each) for name, each in value.items()}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
