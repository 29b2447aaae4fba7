"""Ids that come from an event loop, as an iterable for a thread beside it."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from concurrent.futures import Future

_IDS_AT_ONCE: Final = 2000
"""Ids that one hop to the loop fetches."""


@contextmanager
def in_thread(ids: AsyncIterable[str]) -> Iterator[Iterator[str]]:
    """`ids` for another thread, which this loop brings them to while the block lasts.

    Where the block ends early, because its task was cancelled, they end in a `CancelledError`, so that the
    thread does not take half of them for the whole.
    """
    source = _Source(ids, asyncio.get_running_loop())
    try:
        yield source.in_thread()
    finally:
        source.end()


class _Source:
    def __init__(self, ids: AsyncIterable[str], loop: asyncio.AbstractEventLoop) -> None:
        self._ids = aiter(ids)
        self._loop = loop
        self._coming: Future[list[str]] | None = None
        self._ended = False

    def in_thread(self) -> Iterator[str]:
        while chunk := self._next_chunk():
            yield from chunk

    def _next_chunk(self) -> list[str]:
        self._coming = asyncio.run_coroutine_threadsafe(_some_of(self._ids), self._loop)
        # `end` may have been called meanwhile, by another thread, without this one to cancel.
        if self._ended:
            self._coming.cancel()
        return self._coming.result()

    def end(self) -> None:
        self._ended = True
        if self._coming is not None:
            self._coming.cancel()


async def _some_of(ids: AsyncIterator[str]) -> list[str]:
    chunk: list[str] = []
    async for token_id in ids:
        chunk.append(token_id)
        if len(chunk) >= _IDS_AT_ONCE:
            break
    return chunk
