"""Lets a child process end when its parent dies, where the kernel can do that (Linux)."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
"""From linux/prctl.h."""


def ending_with_parent() -> Callable[[], None] | None:
    """What a child has to call between fork and exec; None where there is no such thing.

    A supervisor killed by SIGKILL runs no code of its own, so the kernel must do it: it sends the child
    SIGTERM, upon which Redis writes its AOF out and ends (SIGKILL could lose writes that wait for a slow
    fsync). Source: prctl(2). The 'parent' there is the *thread* that forked: start the child from a thread
    that lives as long as the process, the main one.
    """
    if sys.platform != "linux":
        return None
    # Looked up before the fork: the child should do as little as can be.
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM.value, 0, 0, 0)
        # Died between the fork and the call: nobody will send the signal any more.
        if os.getppid() != parent:
            os._exit(1)

    return in_child
