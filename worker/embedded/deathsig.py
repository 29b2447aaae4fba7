"""Ends a child process when its parent dies, by the kernel (Linux only)."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
"""From linux/prctl.h."""


def ending_with_parent() -> Callable[[], None] | None:
    """Returns a function that the child has to call between fork and exec; None if the system has no such
    thing.

    A supervisor killed by SIGKILL runs no code, so the kernel has to end its child. It sends SIGTERM, on
    which Redis writes its AOF and exits; SIGKILL could lose writes that wait for a slow fsync. Source:
    prctl(2). The 'parent' there is the *thread* that forked, so start the child from the main thread, which
    lives as long as the process.
    """
    if sys.platform != "linux":
        return None
    # Looked up before the fork: the child should do as little as possible.
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM.value, 0, 0, 0)
        # The parent died before the call: the signal will never come.
        if os.getppid() != parent:
            os._exit(1)

    return in_child
