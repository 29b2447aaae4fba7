"""Replaces signal handlers of Celery that would leak secrets or misbehave.

Celery's SIGUSR1 prints the local variables of all threads, bearer tokens and ids among them; its SIGUSR2
opens a debugger on a port if CELERY_RDBSIG is set; its SIGHUP executes `worker/__main__.py`, which is no
program. Here SIGUSR1 prints the stack of each thread without variables, SIGUSR2 does nothing, and SIGHUP ends
the process as SIGTERM does, unless it was started to ignore SIGHUP (`nohup`).
"""

import faulthandler
import signal
import sys
from typing import Any, Final

_HANGUP_IGNORED: Final = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
"""Whether this process was started to ignore SIGHUP."""


def install_signal_handlers() -> None:
    """Installs the handlers. Call it in the main thread, and again after a library has installed its own."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN if _HANGUP_IGNORED else _terminate)
    # faulthandler works below Python: registering a second time would not replace a handler of Celery.
    faulthandler.unregister(signal.SIGUSR1)
    faulthandler.register(signal.SIGUSR1, file=sys.stderr, all_threads=True)


def _terminate(*_: Any) -> None:
    signal.raise_signal(signal.SIGTERM)
