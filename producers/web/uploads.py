"""Receives a list into an unlinked temporary file of mode 0600, within bounds of number, size and time."""

import errno
import os
import tempfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final

from litestar import Request

from producers.reading import Source
from producers.web.bodies import in_time, next_piece, shutting_down
from producers.web.problems import Code, ProblemError
from producers.web.shares import Shares
from producers.web.stopping import Stopping
from producers.web.threads import Threads

MEDIA_TYPES: Final = {"text/plain": "auto", "text/csv": "csv", "application/x-ndjson": "ndjson"}
"""Each with the format that it is read as, where the request does not say it."""
NAME: Final = "the list"
"""What messages call it."""
_WRITTEN_AT_ONCE: Final = 1024 * 1024
_UNPACKED_AT_ONCE: Final = 32 * 1024
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOENT})
"""The disk, or what this process may take of it, is full. ENOENT: `tempfile` could write in no folder."""
_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP: Final = 16 + zlib.MAX_WBITS
"""`wbits` of zlib that says gzip."""


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
                yield self._unpacker.decompress(data, _WRITTEN_AT_ONCE)
                while self._unpacker.unconsumed_tail:
                    yield self._unpacker.decompress(self._unpacker.unconsumed_tail, _WRITTEN_AT_ONCE)
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


def format_of(request: Request[Any, Any, Any]) -> str:
    """How the media type says that the list is read. Raises `ProblemError`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        raise ProblemError(
            Code.UNSUPPORTED_MEDIA_TYPE, f"the Content-Type of a list is one of {', '.join(MEDIA_TYPES)}"
        )
    return MEDIA_TYPES[media_type]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What limits a list that comes in."""

    most: int
    """Bytes, packed or not."""
    seconds: float
    """Until all of it has come."""
    silence: float
    """Seconds until the next bytes have to come."""
    uploads: Shares
    stopping: Stopping
    threads: Threads

    def check(self) -> None:
        """Raises `ProblemError` once the server ends."""
        if self.stopping.begun:
            raise shutting_down()


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


@asynccontextmanager
async def received(request: Request[Any, Any, Any], bounds: Bounds) -> AsyncIterator[Source]:
    """The list in the request's body, complete. Raises `ProblemError`; nothing of the list stays behind."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise ProblemError(Code.UNSUPPORTED_MEDIA_TYPE, "the Content-Encoding of a list is gzip, or none")
    with bounds.uploads.one_of(request.user), naming_full_disk(), tempfile.TemporaryFile() as file:
        spool = Spool(file, bounds.most, is_gzip=encoding == "gzip")
        await receive(request, spool.write, bounds)
        await bounds.threads.pieces.run(spool.finish)
        with await bounds.threads.long.run(Source, NAME, file, bounds.check) as source:
            yield source


async def receive(request: Request[Any, Any, Any], write: Callable[[bytes], None], bounds: Bounds) -> None:
    """Hands the body to `write`, in a thread, about a megabyte at a time. Raises `ProblemError`."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > bounds.most:
        raise too_large(bounds.most)
    async with in_time(bounds.stopping, bounds.seconds):
        await _receive(request, write, bounds)


async def _receive(request: Request[Any, Any, Any], write: Callable[[bytes], None], bounds: Bounds) -> None:
    pending, comes_more = bytearray(), True
    while comes_more:
        async with in_time(bounds.stopping, bounds.silence):
            piece, comes_more = await next_piece(request)
        pending += piece
        if len(pending) >= _WRITTEN_AT_ONCE or not comes_more:
            await bounds.threads.pieces.run(write, bytes(pending))
            pending.clear()
