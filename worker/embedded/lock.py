"""Lock files that the kernel releases when their holder ends, however it ends.

`redis.lock`   held by the supervisor, which writes its process id and the server's socket into it
`server.lock`  held by the server, which inherits it open and never uses it

So the kernel says whether a server is left over, instead of a process id that may belong to another program
by now. Source: flock(2), a lock belongs to the open file and survives exec. Weakness: NFS makes flock a lock
of the process, which children do not inherit.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from worker.core.errors import BadInputError

SUPERVISOR: Final = "redis.lock"
SERVER: Final = "server.lock"


class Record(msgspec.Struct, frozen=True):
    """The content of `redis.lock`."""

    pid: int
    """Process id of the supervisor."""
    socket: str | None = None
    server_pid: int | None = None


@dataclass(frozen=True, slots=True)
class SupervisorLock:
    """The lock of one folder, held by this process."""

    fd: int

    def read(self) -> Record | None:
        """The record of the last holder; None if it ended cleanly, or there was none."""
        return _record(os.pread(self.fd, 65536, 0))

    def write(self, record: Record) -> None:
        self.clear()
        os.pwrite(self.fd, msgspec.json.encode(record), 0)

    def clear(self) -> None:
        os.ftruncate(self.fd, 0)


@contextmanager
def supervisor_lock(home: Path) -> Iterator[SupervisorLock]:
    """Holds the lock of `home`. Raises `BadInputError`, naming the process, if another supervisor does."""
    with opened(home / SUPERVISOR) as fd:
        lock = SupervisorLock(fd)
        if not try_lock(fd):
            holder = lock.read()
            user = "another process" if holder is None else f"process {holder.pid}"
            raise BadInputError(f"{home} is in use by {user}: wait for it, stop it, or name another folder")
        yield lock


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Opens `path`, creating it with mode 0600, and yields the descriptor.

    The file is never removed: otherwise two processes could lock two files of the same name.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


def try_lock(fd: int) -> bool:
    """Locks `fd` exclusively; False if another open file holds the lock."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _record(text: bytes) -> Record | None:
    try:
        return msgspec.json.decode(text, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
