"""The way of one organization through a worker process: bounded places, slots of the shared budget.

Batches come in from several slices; at most `concurrency` requests are in flight. Only as many batches
are let in ahead of sending as will be sent within about 100 ms, since each of them is marked in the record
as possibly sent.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from worker.core.slots import slots_per_run
from worker.engine.pacer import Pacer

MOST_AHEAD: Final = 128
"""Batches let in ahead of sending, however high the rate."""

_SPARE: Final = 4
"""Senders per place: those that back off hold no place, and others send meanwhile."""

_LOOK_UP: Final = 0.5
"""Seconds: how often a wait for room looks whether it still has a purpose."""

Work = Callable[[], Awaitable[None]]


class Lane:
    def __init__(self, pacer: Pacer, concurrency: int) -> None:
        self.pacer = pacer
        self._places = asyncio.Semaphore(concurrency)
        self._most_senders = _SPARE * concurrency
        self._most_ahead = min(MOST_AHEAD, slots_per_run(pacer.rate))
        self._ahead = 0
        self._room = asyncio.Event()
        self._work: asyncio.Queue[Work] = asyncio.Queue()
        self._senders: set[asyncio.Task[None]] = set()
        self._idle = 0

    async def admit(self, wanted: int, goes_on: Callable[[], bool]) -> int:
        """Waits until there is room for some of `wanted` batches; how many may be marked and put now.

        Room is given back by `passed`, batch by batch. Waiting for half of it keeps round trips few, and
        the other half is what is sent meanwhile. 0 where `goes_on` no longer holds.
        """
        needed = min(wanted, (self._most_ahead + 1) // 2)
        while goes_on():
            free = self._most_ahead - self._ahead
            if free >= needed:
                granted = min(wanted, free)
                self._ahead += granted
                return granted
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), _LOOK_UP)
        return 0

    def passed(self, count: int = 1) -> None:
        """So many of the batches admitted are being sent now, or will not be."""
        self._ahead -= count
        self._room.set()

    def put(self, work: Work) -> None:
        """Hands `work` to a sender. `work` must deal with its own exceptions."""
        self._work.put_nowait(work)
        if self._idle < self._work.qsize() and len(self._senders) < self._most_senders:
            self._senders.add(asyncio.create_task(self._send()))

    @asynccontextmanager
    async def turn(self, wanted: Callable[[], bool]) -> AsyncIterator[bool]:
        """A place among the requests in flight and a slot of the budget.

        Gives False where `wanted` no longer holds; then nothing may be sent.
        """
        async with self._places:
            yield await self.pacer.slot(wanted)

    async def close(self) -> None:
        """To be called when no work is left."""
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)

    async def _send(self) -> None:
        while True:
            self._idle += 1
            try:
                work = await self._work.get()
            finally:
                self._idle -= 1
            await work()
