"""Ends this process when its parent dies, even by SIGKILL.

The parent gives this process a pipe as stdin and writes nothing to it. When the parent dies, the kernel
closes its end, and the read here returns. Unlike Linux's PR_SET_PDEATHSIG this works on every platform.
Weakness: another process that inherits the pipe's writing end keeps this one alive.
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
    """Sends SIGTERM to this process."""
    os.kill(os.getpid(), signal.SIGTERM)


def end_with_parent(
    stop: Callable[[], None] = terminate, *, grace: float = GRACE, stream: int = STDIN
) -> threading.Thread:
    """Starts a thread that waits until the file descriptor `stream` is at its end and then calls `stop`.

    `stop` runs in that thread; a process still alive `grace` seconds later is killed. A stream that is at its
    end already (/dev/null) stops the process at once. The thread is a daemon and does not survive a fork:
    call this in the process that has to end.
    """
    watch = threading.Thread(target=_watch, args=(stop, grace, stream), name="lifeline", daemon=True)
    watch.start()
    return watch


def _watch(stop: Callable[[], None], grace: float, stream: int) -> None:
    _read_to_end(stream)
    # The timer runs beside `stop`, since `stop` itself may hang.
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
