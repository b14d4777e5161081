"""The conditions of a certificate: what must not matter to a story, and how it is varied.

Knows variables, locales and folders of this machine. Must not run or compare anything.
"""

from __future__ import annotations

import locale
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.certificate import Condition

#: Locales that write a comma into numbers; one of them must be installed. Turkish also has its own i.
_COMMAS = ("tr_TR.UTF-8", "de_DE.UTF-8", "fr_FR.UTF-8", "es_ES.UTF-8", "pt_BR.UTF-8", "ru_RU.UTF-8")

#: What a process takes on when it imports this: the locale of its environment, and threads.
_ADOPTED = ("harness.circumstances",)


class ConditionError(Exception):
    """This machine cannot provide a condition; the message says what it lacks."""


def _usual(_: Path) -> Condition:
    return Condition("usual", "as any run")


def _hash_seed(_: Path) -> Condition:
    return Condition("hash-seed", "another hash seed", {"PYTHONHASHSEED": "1"})


def _random(_: Path) -> Condition:
    drawn, order = secrets.randbelow(2**32), secrets.randbelow(2**16)
    return Condition(
        "random",
        f"hash seed {drawn} and order {order}, both drawn",
        {"PYTHONHASHSEED": str(drawn)},
        order,
    )


def _threads(_: Path) -> Condition:
    what = "two threads to compute with"
    return Condition("threads", what, {"TOUCHSTONE_THREADS": "2"}, 3, modules=_ADOPTED)


def _plain(_: Path) -> Condition:
    variables = {"LC_ALL": "C", "TZ": "Pacific/Kiritimati", "TERM": "dumb", "COLUMNS": "20"}
    what = "the C locale, a narrow and dumb terminal, a time zone far in the east"
    return Condition("plain", what, variables, 1)


def _comma(_: Path) -> Condition:
    name = next(filter(_has_comma, _COMMAS), "")
    if not name:
        raise ConditionError(
            f"no locale with a decimal comma is installed; install one of {', '.join(_COMMAS)}"
        )
    variables = {"LC_ALL": name, "TZ": "America/St_Johns", "TERM": "xterm", "COLUMNS": "300"}
    what = f"the locale {name} adopted for numbers and messages, a time zone of half hours"
    return Condition("comma", what, variables, modules=_ADOPTED)


def _folder(temporary: Path) -> Condition:
    made = temporary / "a ü"
    made.mkdir(exist_ok=True)
    what = "temporary files in a folder with a space and a letter beyond ASCII"
    return Condition("folder", what, {"TMPDIR": str(made), "PYTHONHASHSEED": "2"}, 2)


def _spawn(_: Path) -> Condition:
    return Condition("spawn", "each trial in a fresh interpreter", isolation="spawn")


_ALL: Mapping[str, Callable[[Path], Condition]] = {
    "usual": _usual,
    "hash-seed": _hash_seed,
    "random": _random,
    "threads": _threads,
    "plain": _plain,
    "comma": _comma,
    "folder": _folder,
    "spawn": _spawn,
}

NAMES = tuple(_ALL)
#: Fresh interpreters take ten times as long; they are for a part of the catalog.
DEFAULTS = tuple(name for name in _ALL if name != "spawn")


def find(name: str, temporary: Path) -> Condition:
    """A condition by its name; `temporary` is a short path of a folder that is there while its run lasts.

    Raises:
        ConditionError: this machine cannot provide it.
    """
    return _ALL[name](temporary)


def _has_comma(name: str) -> bool:
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        locale.setlocale(locale.LC_NUMERIC, name)
        return locale.localeconv()["decimal_point"] == ","
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)
