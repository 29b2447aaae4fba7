"""How many requests of one organization this process has in flight, and how long it had no place for more."""

import time
from collections.abc import Callable

from worker.core.concurrency import AdaptiveConcurrencyLimit


class Places:
    """Bounded by `most`, and by what the API answers in good time. `now` is a clock in seconds."""

    def __init__(self, most: int, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._crowd = AdaptiveConcurrencyLimit(most)
        self._limit = self._crowd.limit
        self.taken = 0
        self._full_since: float | None = None
        self._full = 0.0

    @property
    def free(self) -> bool:
        return self.taken < self._limit

    def take(self) -> None:
        self.taken += 1
        self._note()

    def leave(self) -> None:
        self.taken -= 1
        self._note()

    def answered(self, latency: float) -> None:
        self._crowd.answered(latency, self.taken, self._now())
        if self._crowd.limit != self._limit:
            self._limit = self._crowd.limit
            self._note()

    def full_seconds(self) -> float:
        """Seconds without a free place, ever: the difference between two looks is the time between them."""
        return self._full + (self._now() - self._full_since if self._full_since is not None else 0.0)

    def _note(self) -> None:
        free = self.taken < self._limit
        if not free and self._full_since is None:
            self._full_since = self._now()
        elif free and self._full_since is not None:
            self._full += self._now() - self._full_since
            self._full_since = None
