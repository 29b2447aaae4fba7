"""Ends this process when the one that started it dies, even by SIGKILL.

The starter gives this process a pipe as stdin and keeps the other end, writing nothing. The kernel closes
that end when the starter dies, however it dies, and reading here then ends. Unlike Linux's
PR_SET_PDEATHSIG this works on every platform. Weakness: whoever else inherits the pipe's writing end keeps
this process alive.
"""

import os
import signal
import threading
from collections.abc import Callable
from typing import Final

GRACE: Final = 30.0
"""Seconds between the request to stop and SIGKILL."""

STDIN: Final = 0
_CHUNK: Final = 4096


def terminate() -> None:
    """Asks this process to stop, as `kill PID` does."""
    os.kill(os.getpid(), signal.SIGTERM)


def end_with_parent(
    stop: Callable[[], None] = terminate, *, grace: float = GRACE, stream: int = STDIN
) -> threading.Thread:
    """Starts a thread that waits until `stream` ends, calls `stop`, and kills this process if it still
    lives `grace` seconds later.

    `stop` runs in that thread. A stream that has ended already (/dev/null) stops the process at once. The
    thread is a daemon and does not survive a fork: call this in the process that is to end.
    """
    watch = threading.Thread(target=_watch, args=(stop, grace, stream), name="lifeline", daemon=True)
    watch.start()
    return watch


def _watch(stop: Callable[[], None], grace: float, stream: int) -> None:
    _read_to_end(stream)
    # The timer runs beside `stop`, which may be what hangs.
    killer = threading.Timer(grace, os.kill, (os.getpid(), signal.SIGKILL))
    killer.daemon = True
    killer.start()
    stop()


def _read_to_end(stream: int) -> None:
    # os.read, not sys.stdin: a daemon thread inside a buffered read is fatal when the interpreter ends.
    try:
        while os.read(stream, _CHUNK):
            pass
    except OSError:
        return
