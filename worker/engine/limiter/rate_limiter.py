"""Send times of this process, out of the budget that all workers of an organization share."""

import asyncio
from typing import Final

from worker.core.rate.slots import (
    RESERVATION_SECONDS,
    ReservedSlots,
    Slot,
    slots_per_reservation,
    usable_slots,
)
from worker.engine.limiter.budget_session import BudgetSession
from worker.store.budget_protocol import Demand

_WORTH_ASKING: Final = 32
"""Slots that were used since the last round trip, with which another is worth its price at once."""

_SAME_HOLD: Final = 0.05
"""Seconds, of a round trip: by so much two looks at one hold may differ in when it ends. Slots reserved at
its very end are good all the same."""

MAX_AHEAD: Final = 256
"""Batches of a job let in ahead of sending, and so marked, however high the rate, near Redis."""


class RateLimiter:
    """One per organization and process. Times are in seconds, on the loop's clock.

    It never waits for a slot: `due` says what may be sent now, `next_due` and `low_at` when to look again.
    Slots that nobody uses in time go back to the budget with the next round trip.
    """

    def __init__(self, session: BudgetSession) -> None:
        self.session = session
        self._now = asyncio.get_running_loop().time
        self._slots = ReservedSlots()
        self._reserve_ahead = 0.0
        self._reserve_at = 0.0
        self._reserved_at = 0.0
        self._used = 0
        self._held_from = 0.0
        self._held_until = 0.0
        self._throttling = 0
        """429s of the present epoch that the store is being told of."""
        self._measure()

    @property
    def rate(self) -> float:
        """Requests per second, over all workers, as last heard."""
        return self.session.rate

    def due(self, now: float, *, at_first: bool = False) -> Slot | None:
        """The slot whose time has come, which `take` then uses up.

        `at_first`: the process's first answers are still to come.
        """
        return self._slots.due(now, at_first=at_first)

    def take(self) -> None:
        """The slot that is due is used."""
        self._slots.take()
        self._used += 1

    def give_up(self) -> None:
        """A slot that was taken serves nobody after all: it goes back to the budget."""
        self._slots.unused += 1

    def is_stale(self, slot: Slot, now: float) -> bool:
        """Whether `slot`, which was taken in time, is to be used too late: the loop was busy since."""
        return self._slots.is_stale(slot, now)

    def next_due(self, now: float) -> float | None:
        """When the first slot comes that is not due yet; None without one in hand."""
        return self._slots.next_after(now)

    def low_at(self, now: float) -> float:
        """When more slots have to be asked for."""
        if self._used >= _WORTH_ASKING and not self._slots:
            return now
        return max(self._reserve_at, self._slots.end - self._reserve_ahead)

    async def reserve(self, demands: list[Demand]) -> None:
        """Asks for more slots. `demands`: slots that each job comes with, those in hand included."""
        begun, seconds = self._now(), self.session.round_trip.reservation_seconds
        max_slots = usable_slots(self._used, begun - self._reserved_at, seconds)
        unused, self._slots.unused = self._slots.unused, 0
        self._reserved_at, self._used = begun, 0
        left = [Demand(one.job, one.weight, one.slots - self._slots.of(one.job)) for one in demands]
        epoch = self.session.epoch
        found = await self.session.reserve([one for one in left if one.slots > 0], unused, max_slots)
        if found.epoch != epoch:
            self._slots.void()
        if found.held > 0:
            self._hold(found.held)
        if not self._throttling and (found.held > 0 or found.first >= self._held_until - _SAME_HOLD):
            # Else they were reserved before a hold that was heard of meanwhile.
            at_least = seconds / max_slots
            self._slots.add(found.first, found.gap, found.jobs, found.epoch, at_least=at_least)
        self._reserve_at = found.next_at
        self._measure()

    async def throttled(self, slot: Slot, asked: float | None) -> float:
        """A 429 to the request in `slot`: nobody sends for this organization for a while.

        `asked`: seconds that the API asks for; None where it does not say. Returns the seconds of the hold.
        """
        is_new = slot.epoch == self.session.epoch
        if is_new:
            # Not only once the store knows, which may be far. What is on its way from there is void too.
            self._slots.void()
        self._throttling += is_new
        try:
            held, decision = await self.session.throttled(slot, asked)
        finally:
            self._throttling -= is_new
        self._note_hold(held - self.session.round_trip.smoothed / 2)
        self._slots.void()
        if decision is not None:
            await self.session.adopt(decision)
        return held

    def hear_of_hold(self, seconds: float) -> None:
        """Nobody sends for `seconds` from when the store told of it."""
        self._hold(seconds - self.session.round_trip.smoothed / 2)

    def held_between(self, start: float, end: float) -> float:
        """Seconds of the time from `start` to `end` that lay in the last hold."""
        if self._held_until <= start:
            return 0.0
        return max(0.0, min(end, self._held_until) - max(start, self._held_from))

    def held_seconds(self, now: float) -> float:
        """Seconds that a hold still lasts; 0 without one."""
        return max(0.0, self._held_until - now)

    def _hold(self, seconds: float) -> None:
        self._note_hold(seconds)
        if self._slots.end < self._now() + seconds - _SAME_HOLD:
            self._slots.void()

    def _note_hold(self, seconds: float) -> None:
        now = self._now()
        if self._held_until <= now:
            self._held_from = now
        self._held_until = max(self._held_until, now + seconds)

    def _measure(self) -> None:
        """Takes over what the last round trip taught; asking for it with each request would cost too much."""
        trip = self.session.round_trip
        self._reserve_ahead = trip.ask_ahead
        # Raising a mark takes a round trip or two: so many times as much is let in as near Redis.
        stretch = trip.marked_seconds / RESERVATION_SECONDS
        self.max_ahead = min(
            round(MAX_AHEAD * stretch), slots_per_reservation(self.rate, RESERVATION_SECONDS * stretch)
        )
