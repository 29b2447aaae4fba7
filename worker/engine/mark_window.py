"""How many batches of a job are let in ahead of sending, since each of them is marked as possibly sent."""

import asyncio
import contextlib
from typing import Final

from worker.engine.limiter.rate_limiter import RateLimiter
from worker.engine.request import SendContext

_LOOK_UP: Final = 0.5
"""Seconds: how often a wait for room looks whether it still has a purpose."""


class MarkWindow:
    """One per organization and process: as many of each job as will be sent within about 100 ms; where Redis
    is far away, also those that are sent while a mark is raised.
    """

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter
        self._ahead: dict[str, int] = {}
        self._room = asyncio.Event()

    async def admit(self, context: SendContext, wanted: int) -> int:
        """Waits for room for some of `wanted` batches; how many may be marked and offered now.

        Room is given back batch by batch, by `release`. Waiting for half of it keeps round trips few, and the
        other half is what is sent meanwhile. 0 where the slice no longer goes on.
        """
        job_id = context.job_id
        while context.going_on:
            free, half = self._free(job_id)
            if free >= min(wanted, half):
                granted = min(wanted, free)
                self._ahead[job_id] = self._ahead.get(job_id, 0) + granted
                return granted
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_UP):
                    await self._room.wait()
        return 0

    def release(self, job_id: str, count: int = 1) -> None:
        """So many of the batches admitted are being sent now, or will not be."""
        left = self._ahead[job_id] - count
        if left:
            self._ahead[job_id] = left
        else:
            del self._ahead[job_id]
        # Those who wait are woken once for half of the room, not for each batch of it.
        if not self._room.is_set():
            free, half = self._free(job_id)
            if free >= half:
                self._room.set()

    def _free(self, job_id: str) -> tuple[int, int]:
        """How many more batches of a job may be let in, and half of what may be in at once."""
        most = self._limiter.max_ahead
        return most - self._ahead.get(job_id, 0), (most + 1) // 2
