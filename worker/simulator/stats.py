"""What the API has counted, to check a client's report against.

A request is a call of activate; exchanges of API tokens are counted separately.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final

NO_ANSWER: Final = "none"
"""Stands for the status of a request without an answer."""

_ROUNDING: Final = 1e-9
"""Tolerance in seconds for rounding, so that requests one second apart are in different windows."""


class Window:
    """The maximum number of requests in any sliding second."""

    __slots__ = ("_times", "most")

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self.most = 0

    def add(self, now: float) -> None:
        """Adds a request at `now`, monotonic seconds that never decrease."""
        times = self._times
        times.append(now)
        # Half-open: two requests exactly one second apart share no window.
        while times[0] <= now - 1 + _ROUNDING:
            times.popleft()
        self.most = max(self.most, len(times))


@dataclass(slots=True)
class Stats:
    """The counters of the simulator."""

    requests: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    """Requests by HTTP status or `NO_ANSWER`, including those still being answered."""
    by_fault: Counter[str] = field(default_factory=Counter)
    batch_sizes: Counter[int] = field(default_factory=Counter)
    """Requests by their number of ids as received."""
    ids_received: int = 0
    ids_sent_again: int = 0
    """Ids received that an earlier request contained too."""
    repeated_ids_in_request: int = 0
    over_limit: int = 0
    """Requests with more ids than the API accepts."""
    concurrent: int = 0
    concurrent_peak: int = 0
    exchanges: Counter[str] = field(default_factory=Counter)
    received: Window = field(default_factory=Window)
    admitted: Window = field(default_factory=Window)

    def request_started(self, now: float) -> None:
        """Counts a request."""
        self.requests += 1
        self.concurrent += 1
        self.concurrent_peak = max(self.concurrent_peak, self.concurrent)
        self.received.add(now)

    def request_ended(self) -> None:
        """Counts the end of a request, whether it was answered or its client left."""
        self.concurrent -= 1

    def snapshot(self) -> dict[str, Any]:
        """The document of `GET /stats`."""
        return {
            "requests": self.requests,
            "by_status": dict(self.by_status),
            "by_fault": dict(self.by_fault),
            "batch_sizes": {str(size): count for size, count in sorted(self.batch_sizes.items())},
            "ids_received": self.ids_received,
            "ids_sent_again": self.ids_sent_again,
            "repeated_ids_in_request": self.repeated_ids_in_request,
            "over_limit": self.over_limit,
            "concurrent": self.concurrent,
            "concurrent_peak": self.concurrent_peak,
            "max_in_a_second": self.received.most,
            "max_admitted_in_a_second": self.admitted.most,
            "exchanges": self.exchanges.total(),
            "exchanges_by_status": dict(self.exchanges),
        }
