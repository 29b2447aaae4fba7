"""Waits for this process's next send time in the budget that all workers share."""

import asyncio
from collections.abc import Callable

from worker.core.slots import Run, slots_per_run
from worker.engine.patience import Patience
from worker.store.claims import ClaimStore

_LOOK_UP = 0.5
"""Seconds: how often a long wait looks whether it still has a purpose."""

_SAME_HOLD = 0.05
"""Seconds, of a round trip: by so much two looks at one hold may differ in when it ends. Slots reserved at
its very end are good all the same; to void them would waste a run of the budget at each look."""


class Pacer:
    """One per organization and process. Callers are served in the order they came."""

    def __init__(
        self, store: ClaimStore, budget_key: str, rate: float, configured: str, patience: Patience
    ) -> None:
        self._store = store
        self._key = budget_key
        self._rate = rate
        self._configured = configured
        self._patiently = patience
        self._turn = asyncio.Lock()
        self._run = Run(0.0, 1.0, 0)
        self._held_from = 0.0
        self._held_until = 0.0

    @property
    def rate(self) -> float:
        """Requests per second, over all workers."""
        return self._rate

    def held(self) -> float:
        """Seconds that a hold has left, as far as this process knows."""
        return max(0.0, self._held_until - _now())

    def held_between(self, start: float, end: float) -> float:
        """Seconds of the time from `start` to `end`, on the loop's clock, that lay in the last hold."""
        return max(0.0, min(end, self._held_until) - max(start, self._held_from))

    async def slot(self, wanted: Callable[[], bool]) -> bool:
        """Waits for a send time. False where `wanted` no longer holds; then nothing may be sent."""
        while wanted():
            async with self._turn:
                # Without leaving the lock: who reserves must not lose its place to those behind it.
                while (when := self._run.take(_now())) is None:
                    await self._reserve()
            if not await self._wait_until(when, wanted):
                return False
            # A hold that came meanwhile makes this slot void.
            if when >= self._held_until - _SAME_HOLD:
                return True
        return False

    async def hold(self, seconds: float) -> None:
        """A 429: nobody sends for this organization for a while."""
        left = await self._patiently(lambda: self._store.hold(self._key, seconds))
        self._note_hold(left)
        self._run = Run(0.0, 1.0, 0)

    async def _reserve(self) -> None:
        slots = slots_per_run(self._rate)
        given = await self._patiently(
            lambda: self._store.reserve(self._key, self._rate, slots, self._configured)
        )
        # Counted from when the answer arrived: late by half a round trip rather than early.
        now = _now()
        self._run = Run(now + given.first, given.gap, given.slots)
        if given.held > 0:
            self._note_hold(given.held)

    def _note_hold(self, left: float) -> None:
        now = _now()
        if self._held_until <= now:
            self._held_from = now
        self._held_until = max(self._held_until, now + left)

    @staticmethod
    async def _wait_until(when: float, wanted: Callable[[], bool]) -> bool:
        while (left := when - _now()) > 0:
            if not wanted():
                return False
            await asyncio.sleep(min(left, _LOOK_UP))
        return wanted()


def _now() -> float:
    return asyncio.get_running_loop().time()
