"""Writes a file whole or not at all; a pipe or a device is written to as it stands."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from worker.core.errors import BadInputError

_STREAMS: Final = (1, 2)
"""Standard output and standard error."""


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file beside `path` that takes its place at the end; a broken run leaves nothing of it.

    A symlink stays, and what it leads to is replaced. What is replaced keeps its mode, and its owner where
    that can be; a new file is its owner's alone. Whoever reads a pipe may leave early, as `head` does.

    Weaknesses: a hard link is parted from its other names, and a process that is killed leaves the file
    beside, under a name of chance.

    Raises `BadInputError` where it cannot be written.
    """
    try:
        found = _found(path)
        stream = None if found is None else _stream_to(found)
        if stream is None and (found is None or stat.S_ISREG(found.st_mode)):
            with _replacement(Path(os.path.realpath(path)), found) as file:
                yield file
        else:
            with os.fdopen(_opened(path) if stream is None else os.dup(stream), "wb") as file:
                yield file
    except BrokenPipeError:
        return
    except OSError as error:
        raise BadInputError(
            f"cannot write {path} ({error.strerror}): name another place with --output"
        ) from error


def _found(path: Path) -> os.stat_result | None:
    """What `path` leads to in the end; None where nothing is there."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _stream_to(found: os.stat_result) -> int | None:
    """Our standard stream that goes there: it is written to, as `/dev/stdout` and `>> FILE` mean it."""
    for stream in _STREAMS:
        with suppress(OSError):
            if os.path.samestat(found, os.fstat(stream)):
                return stream
    return None


def _opened(path: Path) -> int:
    # Neither made nor cut: only what is there, and is no file. A terminal does not become ours.
    number = os.open(path, os.O_WRONLY | os.O_NOCTTY)
    if stat.S_ISBLK(os.fstat(number).st_mode):
        os.close(number)
        raise BadInputError(f"cannot write {path}: it is a disk; name another place with --output")
    return number


@contextmanager
def _replacement(path: Path, old: os.stat_result | None) -> Iterator[IO[bytes]]:
    # A short name: that of the file may be as long as names can be.
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            if old is not None:
                with suppress(OSError):
                    os.fchown(number, old.st_uid, old.st_gid)
                os.fchmod(number, stat.S_IMODE(old.st_mode) & 0o777)
            # A full quota or a server that is away may show only now.
            os.fsync(number)
        part.replace(path)
    finally:
        # Its folder may be gone, or read-only by now: that is told above.
        with suppress(OSError):
            part.unlink(missing_ok=True)
