"""What a signal makes a worker's process do, besides those that end it.

Celery's own SIGUSR1 prints the local variables of all threads, bearer tokens and ids among them; its SIGUSR2
opens a debugger on a port where CELERY_RDBSIG is set; its SIGHUP runs `worker/__main__.py` anew, which is no
program. So: SIGUSR1 prints where each thread stands and nothing that it holds, SIGUSR2 does nothing, SIGHUP
ends the process as SIGTERM does, unless it was started to ignore it (`nohup`).
"""

import faulthandler
import signal
import sys
from typing import Any, Final

_HANGUP_IGNORED: Final = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
"""As this process was started."""


def install_signal_handlers() -> None:
    """To be called in the main thread, again whenever a library has set its own."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN if _HANGUP_IGNORED else _terminate)
    # It keeps a handler of its own below Python's: one that is registered already is not put in place anew.
    faulthandler.unregister(signal.SIGUSR1)
    faulthandler.register(signal.SIGUSR1, file=sys.stderr, all_threads=True)


def _terminate(*_: Any) -> None:
    signal.raise_signal(signal.SIGTERM)
