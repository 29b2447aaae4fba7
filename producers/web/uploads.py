"""Receives lists, within bounds of number, size and time."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from litestar import Request

from producers.reading import Source
from producers.web.bodies import in_time, next_piece, shutting_down
from producers.web.list_file import Spool, naming_full_disk, too_large
from producers.web.problems import Code, ProblemError
from producers.web.shares import Shares
from producers.web.stopping import Stopping
from producers.web.threads import Threads

MEDIA_TYPES: Final = {"text/plain": "auto", "text/csv": "csv", "application/x-ndjson": "ndjson"}
"""Each with the format that it is read as, where the request does not say it."""
NAME: Final = "the list"
"""What messages call it."""
_WRITTEN_AT_ONCE: Final = 1024 * 1024
"""Bytes."""


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
    """A list counts until it is stored, or refused."""
    stopping: Stopping
    threads: Threads

    def check(self) -> None:
        """Raises `ProblemError` once the server ends."""
        if self.stopping.begun:
            raise shutting_down()


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
