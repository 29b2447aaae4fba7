"""Delivers events to the main thread: a request to stop, or the end of the server.

They come through a pipe, into which the interpreter's signal handler writes the number of the signal as a
byte. A queue filled by a Python handler does not suffice: the handler of a signal that arrives just before
the main thread blocks runs only after the block, that is never (seen under load). Source:
signal.set_wakeup_fd.
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
"""Written when the server has ended; no signal has the number 0."""


class Event(Enum):
    STOP = auto()
    SERVER_ENDED = auto()


@dataclass(frozen=True, slots=True)
class EventPipe:
    """Both ends of the pipe."""

    reading: int
    writing: int

    def server_ended(self) -> None:
        """Reports the end of the server. May be called from any thread."""
        os.write(self.writing, _ENDED)

    def wait(self, timeout: float | None = None) -> Event | None:
        """Waits for the next event; None after `timeout` seconds. Without `timeout` waits for ever."""
        if not select.select([self.reading], [], [], timeout)[0]:
            return None
        return Event.SERVER_ENDED if os.read(self.reading, 1) == _ENDED else Event.STOP


@contextmanager
def signals_as_events() -> Iterator[EventPipe]:
    """Turns `STOP_SIGNALS` into events inside the block, and ignores them afterwards.

    For the main thread of a process that exits after the block.
    """
    reading, writing = os.pipe()
    # A signal handler must never block. Events lost to a full pipe repeat thousands that are in it.
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: None)
    try:
        yield EventPipe(reading, writing)
    finally:
        # The process is exiting: a second signal must neither interrupt that nor change the exit code.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        os.close(reading)
        os.close(writing)
