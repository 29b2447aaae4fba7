"""The end of the server: whatever waits or receives is ended as soon as it begins."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Stopping:
    def __init__(self) -> None:
        self.begun = False
        """Threads may read it."""
        self._limits: set[asyncio.Timeout] = set()

    def begin(self) -> None:
        self.begun = True
        now = asyncio.get_running_loop().time()
        for limit in self._limits:
            limit.reschedule(now)

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[None]:
        """Raises `TimeoutError` in the block after `seconds`, or once the server ends."""
        async with asyncio.timeout(0 if self.begun else seconds) as limit:
            self._limits.add(limit)
            try:
                yield
            finally:
                self._limits.discard(limit)
