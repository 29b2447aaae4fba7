"""How many requests may be in flight, by how long the answers take: an API that slows down is sent less.

Gradient of latency, after Netflix' concurrency-limits (`Gradient2Limit`) and TCP Vegas: where answers take
much longer than they did at their best, there are more requests in flight than the API works on, and fewer
serve it as well. Pure: the clock is an argument.
"""

from typing import Final

TOLERANCE: Final = 2.0
"""Times the best latency at which nothing is done yet."""
SLACK: Final = 0.1
"""Seconds on top of that: on a fast API, a stall of this machine must not look like the API's."""
WINDOW: Final = 30
"""Answers between two decisions."""
MEMORY: Final = 60.0
"""Seconds after which the best latency is forgotten, half by half."""
LEAST: Final = 2


class AdaptiveConcurrencyLimit:
    """One per organization and process. `most` bounds it, and is where it starts."""

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
        """An answer came after `latency` seconds, `in_flight` requests being under way."""
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
