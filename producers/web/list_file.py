"""The unlinked temporary file of mode 0600 that a list is written to, unpacked, within a bound of size."""

import errno
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

from producers.web.problems import Code, ProblemError

_UNPACKED_AT_ONCE: Final = 32 * 1024
_PIECE: Final = 1024 * 1024
"""Bytes that are written at once, at most."""
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOENT})
"""The disk, or what this process may take of it, is full. ENOENT: `tempfile` could write in no folder."""
_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP: Final = 16 + zlib.MAX_WBITS
"""`wbits` of zlib that says gzip."""


@contextmanager
def naming_full_disk() -> Iterator[None]:
    """Raises `ProblemError` in place of the error of a disk that has no room for a list.

    The file of the list is closed within the block: that, too, fails where something is left to be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise ProblemError(
            Code.INSUFFICIENT_STORAGE,
            f"the server has no room for the list ({error.strerror}), and keeps nothing of it: make room in"
            " its folder for temporary files (TMPDIR), then send the list again",
        ) from error


class Spool:
    """The file that the list is written to."""

    def __init__(self, file: IO[bytes], most: int, *, is_gzip: bool) -> None:
        self._file = file
        self._most = most
        self._is_gzip = is_gzip
        self._unpacker: Any = None
        self._received = self._written = 0

    def write(self, data: bytes) -> None:
        """Raises `ProblemError` for more than is allowed, packed or not, and for damaged gzip."""
        self._received = self._within(self._received + len(data))
        for piece in self._all_unpacked(data) if self._is_gzip else (data,):
            self._written = self._within(self._written + len(piece))
            self._file.write(piece)

    def _within(self, size: int) -> int:
        if size > self._most:
            raise too_large(self._most)
        return size

    def _all_unpacked(self, data: bytes) -> Iterator[bytes]:
        """In short pieces: what is behind the end of a member is copied, and there may be many."""
        for start in range(0, len(data), _UNPACKED_AT_ONCE):
            yield from self._unpacked(data[start : start + _UNPACKED_AT_ONCE])

    def _unpacked(self, data: bytes) -> Iterator[bytes]:
        """A megabyte at a time: a few packed bytes can be many."""
        while data:
            if self._unpacker is None or self._unpacker.eof:
                self._unpacker = zlib.decompressobj(_GZIP)
            try:
                yield self._unpacker.decompress(data, _PIECE)
                while self._unpacker.unconsumed_tail:
                    yield self._unpacker.decompress(self._unpacker.unconsumed_tail, _PIECE)
            except zlib.error:
                raise ProblemError(Code.BAD_INPUT, "the body is no gzip, or damaged") from None
            data = self._unpacker.unused_data

    def finish(self) -> None:
        """Raises `ProblemError` for gzip that is cut short, and for gzip inside of what was sent."""
        if self._is_gzip and not (self._unpacker is not None and self._unpacker.eof):
            raise ProblemError(Code.BAD_INPUT, "the gzip data is cut short")
        self._file.flush()
        if os.pread(self._file.fileno(), len(_GZIP_MAGIC), 0) == _GZIP_MAGIC:
            raise ProblemError(Code.BAD_INPUT, "the list is gzip: send it with Content-Encoding: gzip")


def too_large(most: int) -> ProblemError:
    return ProblemError(Code.TOO_LARGE, f"more than {most:,} bytes (SERVE_MAX_UPLOAD)")
