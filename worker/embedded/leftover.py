"""Ends the server that a killed supervisor left behind.

On Linux the kernel has sent it SIGTERM (see `deathsig`), and it may be writing its AOF. A second server would
destroy those files, so its end is waited for on every platform. It is asked to end through its own socket,
not by process id: a process that is not provably that server is never touched.
"""

import time
from pathlib import Path
from typing import Final

import redis

from worker.core.errors import RedisUnreachableError
from worker.embedded.identity import identify, shut_down
from worker.embedded.lock import Record, try_lock
from worker.embedded.paths import remove_socket

MAX_SHUTDOWN: Final = 20.0
"""Seconds that a server may take to end after the request."""
_POLL: Final = 0.05


def end_leftover(home: Path, record: Record | None, server_lock: int, timeout: float = MAX_SHUTDOWN) -> None:
    """Ends a leftover server, if there is one, and acquires `server_lock`, an open descriptor.

    `record` is what its supervisor wrote. Raises `RedisUnreachableError` if the server does not end within
    `timeout` seconds.
    """
    socket = None if record is None or record.socket is None else Path(record.socket)
    if not try_lock(server_lock):
        if socket is not None:
            _ask_to_end(home, socket, record)
        _wait_until_free(home, server_lock, record, timeout)
    if socket is not None:
        remove_socket(home, socket)


def _ask_to_end(home: Path, socket: Path, record: Record | None) -> None:
    found = identify(socket)
    if found is None or not found.serves(home):
        return
    if record is not None and record.server_pid not in {None, found.pid}:
        return
    try:
        shut_down(socket)
    except redis.RedisError:
        # It refused or has already ended: the lock shows which.
        return


def _wait_until_free(home: Path, server_lock: int, record: Record | None, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not try_lock(server_lock):
        if time.monotonic() >= deadline:
            known = None if record is None else record.server_pid
            server = "a server" if known is None else f"the server with process id {known}"
            raise RedisUnreachableError(
                f"{server}, left over from an earlier start, still uses {home} and does not end: "
                "end it, then try again"
            )
        time.sleep(_POLL)
