"""Work that comes round until its owner closes it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable


class Rounds:
    """Calls `work`, then again and again, each time `seconds` after the last call ended."""

    def __init__(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        self._work = work
        self._seconds = seconds
        self._closing = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Returns once the call under way has ended. Raises what `work` raised."""
        # Told, not cancelled: a cancellation that meets a time-out inside the Redis client can get lost.
        self._closing.set()
        await self._task

    async def _run(self) -> None:
        while not self._closing.is_set():
            await self._work()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._seconds)
