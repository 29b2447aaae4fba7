"""Runs one server in one folder until this process is stopped or the server dies."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from worker.core.errors import RedisUnreachableError
from worker.embedded.attach import attach
from worker.embedded.config import url_of
from worker.embedded.events import Event, EventPipe, signals_as_events
from worker.embedded.identity import Identity, identify, is_ready
from worker.embedded.leftover import end_leftover
from worker.embedded.lock import SERVER, Record, SupervisorLock, opened, supervisor_lock
from worker.embedded.paths import ServerPaths, private_home, server_paths
from worker.embedded.server import STOP_GRACE, Server, last_log_line, running
from worker.process.lifeline import end_with_parent

_POLL: Final = 0.05
"""Seconds between two checks whether the server is ready."""


class Ready(msgspec.Struct, frozen=True):
    """The line of JSON that the supervisor prints once the server can be used."""

    url: str
    pid: int
    server_pid: int
    version: str
    server: Literal["valkey", "redis"]
    attached: bool = False
    """Whether the server belongs to another supervisor, `pid`, and outlives this one."""


@dataclass(frozen=True, slots=True)
class _ServerContext:
    """What the supervisor holds while its server runs."""

    binary: Path
    paths: ServerPaths
    lock: SupervisorLock
    server_lock: int
    events: EventPipe


def supervise(
    folder: Path,
    binary: Path,
    announce: Callable[[Ready], None],
    *,
    with_parent: bool = False,
    may_attach: bool = False,
) -> None:
    """Runs the server program `binary` on the data in `folder` until this process is stopped.

    `announce` is called once the server can be used. `with_parent` stops it at the end of stdin. With
    `may_attach`, a server that another supervisor runs is announced instead, and left running. Handles
    signals and stdin of the process, so call it in the main thread. Raises `BadInputError` if the server may
    not or cannot start, and `RedisUnreachableError` if it dies.
    """
    home = private_home(folder)

    def announce_other(socket: Path, pid: int, found: Identity) -> None:
        announce(Ready(url_of(socket), pid, found.pid, found.version, found.name, attached=True))

    if may_attach and attach(home, announce_other, with_parent=with_parent):
        return
    with supervisor_lock(home) as lock, opened(home / SERVER) as server_lock:
        previous = lock.read()
        # The record of the old server is kept until that server is gone.
        me = Record(os.getpid())
        lock.write(me if previous is None else msgspec.structs.replace(previous, pid=me.pid))
        end_leftover(home, previous, server_lock)
        try:
            with signals_as_events() as events, server_paths(home) as paths:
                _serve(
                    _ServerContext(binary, paths, lock, server_lock, events),
                    announce,
                    with_parent=with_parent,
                )
        finally:
            lock.clear()


def _serve(context: _ServerContext, announce: Callable[[Ready], None], *, with_parent: bool) -> None:
    paths, events = context.paths, context.events
    record = Record(os.getpid(), str(paths.socket))
    context.lock.write(record)
    with running(context.binary, paths, events.server_ended, context.server_lock) as server:
        context.lock.write(msgspec.structs.replace(record, server_pid=server.pid))
        if with_parent:
            end_with_parent(grace=2 * STOP_GRACE)
        identity = _wait_until_ready(paths, events, server)
        if identity is None:
            return
        announce(Ready(url_of(paths.socket), os.getpid(), server.pid, identity.version, identity.name))
        if events.wait() is Event.SERVER_ENDED:
            raise RedisUnreachableError(
                f"the embedded Redis server ended by itself ({server.wait_for_end()}): see {paths.log}"
            )


def _wait_until_ready(paths: ServerPaths, events: EventPipe, server: Server) -> Identity | None:
    """Waits, however long loading the data takes, until the server answers; None if a stop came first."""
    while True:
        identity = identify(paths.socket)
        if identity is not None and identity.pid != server.pid:
            raise RedisUnreachableError(
                f"process {identity.pid} answers at {paths.socket}, not the server that was started "
                f"there ({server.pid}): end it, then try again"
            )
        if identity is not None and is_ready(paths.socket):
            return identity
        match events.wait(_POLL):
            case Event.STOP:
                return None
            case Event.SERVER_ENDED:
                raise RedisUnreachableError(
                    f"the embedded Redis server did not start ({server.wait_for_end()}): "
                    f"{last_log_line(paths.log)} (more in {paths.log})"
                )
