"""Adaptive limit of requests in flight: it falls when the latency of the API rises.

Gradient of latency, after Netflix' concurrency-limits (`Gradient2Limit`) and TCP Vegas: a latency far above
the best one means that the API queues requests, so that fewer in flight give the same throughput. The clock
is an argument.
"""

from typing import Final

TOLERANCE: Final = 2.0
"""Ratio of the mean latency to the best one, up to which the limit is not lowered."""
SLACK: Final = 0.1
"""Seconds of latency allowed on top, so that with a fast API a stall of this machine does not count."""
WINDOW: Final = 30
"""Maximum number of answers between two changes of the limit."""
MEMORY: Final = 60.0
"""Seconds for which the best latency is remembered, in two halves."""
MIN_LIMIT: Final = 2


class AdaptiveConcurrencyLimit:
    """The limit of one organization in one process. It starts at its maximum, `most`."""

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
        """Records an answer at `now` after `latency` seconds, with `in_flight` requests in flight."""
        self._sum += latency
        self._count += 1
        self._busiest = max(self._busiest, in_flight)
        if self._count < self._enough:
            return
        mean = self._sum / self._count
        self._remember(mean, now)
        good = TOLERANCE * min(self._best) + SLACK
        if mean > good:
            self._limit = max(MIN_LIMIT, self._limit * max(0.5, good / mean))
        elif 2 * self._busiest >= self.limit:
            # Only a limit that is used is worth raising.
            self._limit = min(self._most, self._limit + max(1.0, self._limit**0.5))
        self._sum, self._count, self._busiest = 0.0, 0, 0
        self._note()

    def _note(self) -> None:
        self.limit = max(min(MIN_LIMIT, self._most), int(self._limit))
        self._enough = min(WINDOW, 2 * self.limit)

    def _remember(self, mean: float, now: float) -> None:
        if self._since is None or now - self._since > MEMORY / 2:
            self._best = [mean, self._best[0]]
            self._since = now
        self._best[0] = min(self._best[0], mean)
