"""The requests that a server received, its answers, and figures computed from them."""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from math import inf
from typing import Any


@dataclass(frozen=True, slots=True)
class Arrival:
    at: float
    """Seconds on the server's monotonic clock."""
    status: int
    held_for: float
    """Seconds since the client had been told to hold, 0 where no hold was in force. See `Record.held`."""


@dataclass(frozen=True, slots=True)
class Summary:
    requests: int
    by_status: dict[int, int]
    admitted: int
    throttled: int
    first: float | None
    last: float | None
    most_in_a_second: int
    """Requests, of any status, in the fullest second wherever it starts."""
    held: int
    """Requests that came while a hold was in force."""
    held_longest: float
    """Of these, how long after the hold was announced the latest came; 0.0 where there was none."""


class Record:
    """Records arrivals, cheaply enough for thousands per second.

    A hold begins when the client knows of a 429, `latency` seconds after it was sent at t, and ends at t + s
    for a `Retry-After` of s seconds. Requests in between count as held, with the time since the hold began.
    They include requests that were on their way then, for which a reader of the figures has to allow. A
    further 429 during a hold can lengthen it, and does not change its beginning.
    """

    def __init__(self) -> None:
        self.times = array("d")
        self.statuses = array("H")
        self.held = array("d")
        self.admitted = 0
        self._known_at = inf
        self._held_until = -inf

    def note(self, at: float, status: int) -> None:
        self.times.append(at)
        self.statuses.append(status)
        self.admitted += status == HTTPStatus.OK
        self.held.append(at - self._known_at if self._known_at < at < self._held_until else 0.0)

    def announce(self, at: float, latency: float, seconds: float) -> None:
        """Records a 429 sent at `at` with a `Retry-After` of `seconds`."""
        if at >= self._held_until:
            self._known_at = at + latency
        self._held_until = max(self._held_until, at + seconds)

    def arrivals(self) -> list[Arrival]:
        return [Arrival(*row) for row in zip(self.times, self.statuses, self.held, strict=True)]

    def columns(self) -> dict[str, list[float] | list[int]]:
        """The fields of `arrivals`, each as one list."""
        return {"at": list(self.times), "status": list(self.statuses), "held_for": list(self.held)}

    def summary(self) -> dict[str, Any]:
        return asdict(summarize(self.arrivals()))


def summarize(arrivals: Sequence[Arrival]) -> Summary:
    """`arrivals` in the order in which they came."""
    statuses = Counter(arrival.status for arrival in arrivals)
    held = [arrival.held_for for arrival in arrivals if arrival.held_for > 0]
    return Summary(
        requests=len(arrivals),
        by_status=dict(sorted(statuses.items())),
        admitted=statuses[HTTPStatus.OK],
        throttled=statuses[HTTPStatus.TOO_MANY_REQUESTS],
        first=arrivals[0].at if arrivals else None,
        last=arrivals[-1].at if arrivals else None,
        most_in_a_second=most_within([arrival.at for arrival in arrivals], 1.0),
        held=len(held),
        held_longest=max(held, default=0.0),
    )


def most_within(times: Sequence[float], seconds: float) -> int:
    """The largest number of `times`, ascending, in any half-open stretch of so many seconds."""
    most = 0
    first = 0
    for last, time in enumerate(times):
        while time - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def pace(times: Sequence[float]) -> float:
    """Requests per second between the first and the last of `times`; 0.0 for fewer than two."""
    if len(times) < 2 or times[-1] <= times[0]:
        return 0.0
    return (len(times) - 1) / (times[-1] - times[0])


def until(arrivals: Sequence[Arrival], elapsed: float) -> Sequence[Arrival]:
    """Those of the first `elapsed` seconds, counted from the first."""
    if not arrivals:
        return arrivals
    return arrivals[: bisect_right(arrivals, arrivals[0].at + elapsed, key=lambda arrival: arrival.at)]
