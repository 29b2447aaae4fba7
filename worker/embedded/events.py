"""Tells the main thread what happened: somebody wants us to stop, or the server ended.

A pipe, into which the interpreter's own signal handler writes the signal's number as a byte. A queue filled
by a Python handler is not enough: a signal that comes just before the main thread blocks runs its Python
handler only after the block, that is never (seen under load). Source: signal.set_wakeup_fd.
"""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_ENDED: Final = b"\0"
"""No signal has the number 0."""


class Event(Enum):
    STOP = auto()
    SERVER_ENDED = auto()


@dataclass(frozen=True, slots=True)
class EventPipe:
    reading: int
    writing: int

    def server_ended(self) -> None:
        """May be called from any thread."""
        os.write(self.writing, _ENDED)

    def wait(self, timeout: float | None = None) -> Event | None:
        """The next letter; None if there is none for `timeout` seconds (None: waits without end)."""
        if not select.select([self.reading], [], [], timeout)[0]:
            return None
        return Event.SERVER_ENDED if os.read(self.reading, 1) == _ENDED else Event.STOP


@contextmanager
def signals_as_events() -> Iterator[EventPipe]:
    """From here on `STOP_SIGNALS` are letters, and afterwards nothing: for the main thread of a process that
    has nothing else to do.
    """
    reading, writing = os.pipe()
    # A signal handler must never block; a full pipe holds thousands of letters that say the same.
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: None)
    try:
        yield EventPipe(reading, writing)
    finally:
        # The process is ending: a second signal must neither cut that short nor change its exit code.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        os.close(reading)
        os.close(writing)
