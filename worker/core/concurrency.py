"""How many requests may be in flight, by the latency of the answers: an API that slows down gets fewer.

Gradient of latency, after Netflix' concurrency-limits (`Gradient2Limit`) and TCP Vegas: where answers take
much longer than at their best, more requests are in flight than the API works on at once, and fewer would do
as well. Pure: the clock is an argument.
"""

from typing import Final

TOLERANCE: Final = 2.0
"""Ratio to the best latency up to which the limit is not lowered."""
SLACK: Final = 0.1
"""Seconds on top of that: with a fast API, a stall of this machine must not pass for one of the API."""
WINDOW: Final = 30
"""Answers between two changes of the limit."""
MEMORY: Final = 60.0
"""Seconds after which the best latency is forgotten, in two halves."""
LEAST: Final = 2


class AdaptiveConcurrencyLimit:
    """One per organization and process. `most` is the upper bound, and where it starts."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(most)
        self._sum = 0.0
        self._count = 0
        self._busiest = 0
        self._best = [float("inf"), float("inf")]
        self._since: float | None = None
        self._note()

    def answered(self, latency: float, in_flight: int, now: float) -> None:
        """Learns from an answer after `latency` seconds, with `in_flight` requests in flight."""
        self._sum += latency
        self._count += 1
        self._busiest = max(self._busiest, in_flight)
        if self._count < self._enough:
            return
        mean = self._sum / self._count
        self._remember(mean, now)
        good = TOLERANCE * min(self._best) + SLACK
        if mean > good:
            self._limit = max(LEAST, self._limit * max(0.5, good / mean))
        elif 2 * self._busiest >= self.limit:
            # Only a limit that is used is worth raising.
            self._limit = min(self._most, self._limit + max(1.0, self._limit**0.5))
        self._sum, self._count, self._busiest = 0.0, 0, 0
        self._note()

    def _note(self) -> None:
        self.limit = max(min(LEAST, self._most), int(self._limit))
        self._enough = min(WINDOW, 2 * self.limit)

    def _remember(self, mean: float, now: float) -> None:
        if self._since is None or now - self._since > MEMORY / 2:
            self._best = [mean, self._best[0]]
            self._since = now
        self._best[0] = min(self._best[0], mean)
