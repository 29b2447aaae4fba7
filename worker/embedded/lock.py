"""Lock files that end with the process that holds them, however it ends.

`redis.lock`   held by the supervisor; its text tells who that is and where its server listens
`server.lock`  held by the server itself, which inherits it open and never looks at it

So whether a server is left over is asked of the kernel, not guessed from a process id that may long
belong to another program. Source: flock(2), a lock belongs to the open file and survives exec.
Weakness: NFS turns flock into a lock of the process, which no child inherits.
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
    """What the holder of `redis.lock` writes into it."""

    pid: int
    """The supervisor's."""
    socket: str | None = None
    server_pid: int | None = None


@dataclass(frozen=True, slots=True)
class SupervisorLock:
    """The held lock of one folder."""

    fd: int

    def read(self) -> Record | None:
        """What the last holder wrote; None where it ended well, or nobody was here before."""
        return _record(os.pread(self.fd, 65536, 0))

    def write(self, record: Record) -> None:
        self.clear()
        os.pwrite(self.fd, msgspec.json.encode(record), 0)

    def clear(self) -> None:
        os.ftruncate(self.fd, 0)


@contextmanager
def supervisor_lock(home: Path) -> Iterator[SupervisorLock]:
    """Raises `BadInputError`, naming the process, where another supervisor is at work in `home`."""
    with opened(home / SUPERVISOR) as fd:
        lock = SupervisorLock(fd)
        if not try_lock(fd):
            holder = lock.read()
            user = "another process" if holder is None else f"process {holder.pid}"
            raise BadInputError(f"{home} is in use by {user}: wait for it, stop it, or name another folder")
        yield lock


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor of `path`, made with mode 0600 if need be. The file stays: a lock file that is
    removed lets two processes lock two files of one name.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


def try_lock(fd: int) -> bool:
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
