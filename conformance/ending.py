"""How a run ends early: SIGTERM and SIGHUP end it as SIGINT does, and none in the middle of what must be whole.

Knows signals. Must not know pytest, or what a run is.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

Handler = Callable[[int, Any], Any] | int | None

#: The signals that end a run, with the handlers that Python begins with: others are somebody's wish.
_USUAL: dict[signal.Signals, Handler] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}


class Ending:
    """Turns the signals that end a run into KeyboardInterrupt, at a moment when it may end."""

    def __init__(self) -> None:
        self._held = False
        self._asked = False
        self._replaced: dict[signal.Signals, Handler] = {}

    def watch(self) -> None:
        """Take over the signals that nobody else handles."""
        if threading.current_thread() is not threading.main_thread():
            return
        for each, usual in _USUAL.items():
            if signal.getsignal(each) == usual:
                self._replaced[each] = signal.signal(each, self._handle)

    def begin(self) -> None:
        """The run is ending: SIGTERM, which often follows SIGINT, must not disturb that."""
        if signal.SIGTERM in self._replaced:
            signal.signal(signal.SIGTERM, lambda *_: None)

    def forget(self) -> None:
        """Give the signals back."""
        while self._replaced:
            signal.signal(*self._replaced.popitem())

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Do something whole; a signal that comes meanwhile takes effect afterwards."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._asked:
            self._asked = False
            raise KeyboardInterrupt

    def _handle(self, *_: object) -> None:
        if self._held:
            self._asked = True
        else:
            raise KeyboardInterrupt
