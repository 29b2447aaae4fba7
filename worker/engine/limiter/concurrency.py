"""How many requests of one organization this process has in flight."""

import math
from typing import Final

from worker.core.concurrency import AdaptiveConcurrencyLimit
from worker.engine.stopwatch import Stopwatch

FIRST_REQUESTS: Final = 4
"""Requests that a process has in flight until its first answer came, and one more for each answer. A name has
to be looked up, connections are made and code is run for the first time: all that is sent meanwhile would
arrive as one burst."""

SLOW_START: Final = 0.5
"""Seconds after the first request when the slow start ends anyhow: the API is slow, or its way is open."""


class ConcurrencyLimiter:
    """Bounded by `most`, by what the API answers in good time, and in the beginning by a slow start.

    Times are in seconds, on any clock that only goes forward.
    """

    def __init__(self, most: int) -> None:
        self._adaptive = AdaptiveConcurrencyLimit(most)
        self._limit = self._adaptive.limit
        self._answers = 0
        self._slow_start_ends = math.inf
        self._is_starting = True
        self._full = Stopwatch()
        self.in_flight = 0

    def acquire(self, now: float) -> None:
        self.in_flight += 1
        if self._is_starting:
            self._slow_start_ends = min(self._slow_start_ends, now + SLOW_START)
        if self.in_flight >= self._limit:
            self._full.run(now, on=True)

    def release(self, now: float) -> None:
        self.in_flight -= 1
        if self.in_flight < self._limit:
            self._full.run(now, on=False)

    def record_answer(self, latency: float, now: float) -> bool:
        """Learns from an answer that took `latency` seconds; whether more may be in flight than before it."""
        self._answers += 1
        # It has been released by now, and counts as one of those under way.
        self._adaptive.answered(latency, self.in_flight + 1, now)
        before, self._limit = self._limit, self._adaptive.limit
        if self._limit != before:
            self._full.run(now, on=self.in_flight >= self._limit)
        return self._is_starting or self._limit > before

    def has_room(self, now: float) -> bool:
        """Whether one more may be in flight."""
        if self._is_starting and self.is_slow_start(now):
            return self.in_flight < min(self._limit, FIRST_REQUESTS + self._answers)
        return self.in_flight < self._limit

    def is_slow_start(self, now: float) -> bool:
        if self._is_starting and now >= self._slow_start_ends:
            self._is_starting = False
        return self._is_starting

    @property
    def slow_start_ends(self) -> float:
        """When, if no answers end it before; infinity while nothing was sent."""
        return self._slow_start_ends

    def full_seconds(self, now: float) -> float:
        """Seconds without room, ever: the difference between two readings is the time between them."""
        return self._full.seconds(now)
