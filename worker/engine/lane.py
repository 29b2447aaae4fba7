"""The way of one organization through a worker process: bounded places, slots of the shared budget.

Batches come in from several slices of several jobs. Only as many of a job are let in ahead of sending as
will be sent within about 100 ms, since each of them is marked in the record as possibly sent; where Redis is
far away, also those that are sent while a mark is raised.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from worker.core.rate.rate_config import RateConfig
from worker.core.rate.slots import RESERVATION_SECONDS, Slot, slots_per_reservation
from worker.engine.pacer import Pacer
from worker.engine.patience import Patience
from worker.engine.places import Places
from worker.store.budget import BudgetStore, Demand
from worker.store.claims import LONG_HOLD_MS

MOST_AHEAD: Final = 128
"""Batches of a job let in ahead of sending, however high the rate, near Redis."""
MOST_MARKED: Final = 48
"""Batches let in, and so marked, in one step at full speed, near Redis."""

_LOOK_UP: Final = 0.5
"""Seconds: how often a wait for room looks whether it still has a purpose."""


class Rider(Protocol):
    """A slice of a job on its way through the lane."""

    @property
    def job_id(self) -> str: ...
    @property
    def weight(self) -> float: ...
    @property
    def backlog(self) -> int:
        """Batches that are still to be put."""

    def snooze(self, seconds: float) -> None:
        """The API is not to be called for so long: the slice is to be given back until then."""


class Lane:
    """`rate_config` are this process's; `store` knows those in force."""

    def __init__(
        self, store: BudgetStore, rate_config: RateConfig, concurrency: int, patience: Patience
    ) -> None:
        self.places = Places(concurrency)
        self.pacer = Pacer(store, rate_config, self.places, patience, self._demands, self._held)
        self._riders: set[Rider] = set()
        self._ahead: dict[str, int] = {}
        self._room = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        """The clock of slots and holds, in seconds."""
        self._under_way: set[asyncio.Task[None]] = set()

    @contextmanager
    def riding(self, rider: Rider) -> Iterator[None]:
        self._riders.add(rider)
        try:
            yield
        finally:
            self._riders.discard(rider)

    async def admit(self, job: str, wanted: int, goes_on: Callable[[], bool]) -> int:
        """Waits for room for some of `wanted` batches of `job`; how many may be marked and put now.

        Room is given back by `passed`, batch by batch. Waiting for half of it keeps round trips few, and
        the other half is what is sent meanwhile. 0 where `goes_on` no longer holds.
        """
        while goes_on():
            free, half = self._free(job)
            most = min(wanted, round(MOST_MARKED * self._stretch()))
            if free >= min(most, half):
                granted = min(most, free)
                self._ahead[job] = self._ahead.get(job, 0) + granted
                return granted
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), _LOOK_UP)
        return 0

    def passed(self, job: str, count: int = 1) -> None:
        """So many of the batches admitted are being sent now, or will not be."""
        self._ahead[job] -= count
        if not self._ahead[job]:
            del self._ahead[job]
        # Those who wait are woken once for half of the room, not for each batch of it.
        free, half = self._free(job)
        if free >= half:
            self._room.set()

    def _free(self, job: str) -> tuple[int, int]:
        """How many more batches of `job` may be let in, and half of what may be in at once."""
        stretch = self._stretch()
        most = min(
            round(MOST_AHEAD * stretch), slots_per_reservation(self.pacer.rate, RESERVATION_SECONDS * stretch)
        )
        return most - self._ahead.get(job, 0), (most + 1) // 2

    def _stretch(self) -> float:
        """How many times as much is let in as near Redis: raising a mark takes a round trip or two."""
        return self.pacer.round_trip.marked_seconds / RESERVATION_SECONDS

    def put(self, work: Coroutine[Any, Any, None]) -> None:
        """Begins `work`, which must deal with its own exceptions. It waits in `enter` for its turn."""
        task = self._loop.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def enter(self, job: str, wanted: Callable[[], bool]) -> Awaitable[Slot | None]:
        """Waits for a slot of the budget and a place among the requests in flight, which has to be left.

        None where `wanted` no longer holds; then nothing may be sent, and there is no place to be left.
        """
        return self.pacer.slot(job, wanted)

    def leave(self) -> None:
        self.places.leave()
        self.pacer.poke()

    def give_up(self) -> None:
        """The same for a slot in which nothing is sent after all."""
        self.pacer.give_up()

    def _held(self, seconds: float) -> None:
        """A hold too long to be waited for: the slices go back to the queue until it ends."""
        if 1000 * seconds > LONG_HOLD_MS:
            for rider in self._riders:
                rider.snooze(seconds)

    async def close(self) -> None:
        """To be called when no work is left."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self.pacer.close()

    def _demands(self) -> list[Demand]:
        backlog: dict[str, Demand] = {}
        for rider in self._riders:
            so_far = backlog.get(rider.job_id)
            slots = rider.backlog + (so_far.slots if so_far else 0)
            backlog[rider.job_id] = Demand(rider.job_id, rider.weight, slots)
        return list(backlog.values())
