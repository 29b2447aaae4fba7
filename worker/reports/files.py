"""Replaces a file atomically; pipes and devices are written to directly."""

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
    """Yields a temporary file beside `path` that replaces it at the end; after an error nothing is left of
    it.

    A symlink is kept, and its target replaced. The replacement gets the mode and, if possible, the owner of
    the old file; a new file is private to its owner. The reader of a pipe may leave early, as `head` does.

    Weaknesses: other hard links keep the old content, and a killed process leaves the temporary file behind.

    Raises `BadInputError` if the file cannot be written.
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
    """Status of what `path` resolves to; None if nothing is there."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _stream_to(found: os.stat_result) -> int | None:
    """The number of our standard stream that is this very file, as with `/dev/stdout` or `>> FILE`."""
    for stream in _STREAMS:
        with suppress(OSError):
            if os.path.samestat(found, os.fstat(stream)):
                return stream
    return None


def _opened(path: Path) -> int:
    # Neither creates nor truncates. O_NOCTTY: a terminal must not become our controlling one.
    number = os.open(path, os.O_WRONLY | os.O_NOCTTY)
    if stat.S_ISBLK(os.fstat(number).st_mode):
        os.close(number)
        raise BadInputError(f"cannot write {path}: it is a disk; name another place with --output")
    return number


@contextmanager
def _replacement(path: Path, old: os.stat_result | None) -> Iterator[IO[bytes]]:
    # A short name: that of the target may already have the maximum length.
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
            # A full quota or an unreachable file server may show only now.
            os.fsync(number)
        part.replace(path)
    finally:
        # The folder may be gone or read-only by now; that error is raised above.
        with suppress(OSError):
            part.unlink(missing_ok=True)
