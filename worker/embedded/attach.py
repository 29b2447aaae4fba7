"""Attaches to the server that another supervisor runs in the same folder."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from worker.core.errors import BadInputError
from worker.embedded.events import signals_as_events
from worker.embedded.identity import Identity, identify, is_ready
from worker.embedded.lock import SUPERVISOR, Record, SupervisorLock, opened, try_lock
from worker.process.lifeline import end_with_parent

MAX_LOADING: Final = 10.0
"""Seconds that a starting server may take to load its data."""
_POLL: Final = 0.05


def attach(home: Path, announce: Callable[[Path, int, Identity], None], *, with_parent: bool) -> bool:
    """Announces the server of another supervisor and waits until this process is stopped; the server runs on.

    Calls `announce` with the socket, the supervisor's process id and the server's identity. Returns False at
    once if no supervisor holds `home`. Raises `BadInputError` if the server does not answer.
    """
    deadline = time.monotonic() + MAX_LOADING
    while (record := _holder(home)) is not None:
        socket = None if record.socket is None else Path(record.socket)
        identity = None if socket is None else identify(socket)
        if socket is not None and identity is not None and identity.serves(home) and is_ready(socket):
            with signals_as_events() as events:
                if with_parent:
                    end_with_parent()
                announce(socket, record.pid, identity)
                events.wait()
            return True
        if time.monotonic() >= deadline:
            raise BadInputError(
                f"{home} is in use by process {record.pid}, which does not answer: wait for it"
            )
        time.sleep(_POLL)
    return False


def _holder(home: Path) -> Record | None:
    """The record of the supervisor that holds `home`; None if there is none."""
    with opened(home / SUPERVISOR) as fd:
        # Free locks are held here for a moment: a supervisor that starts just then fails and has to be
        # repeated.
        if try_lock(fd):
            return None
        return SupervisorLock(fd).read() or Record(0)
