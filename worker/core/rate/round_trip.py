"""How long a round trip to the store takes, and how far ahead slots have to be reserved for it.

The estimate is TCP's for its retransmissions (RFC 6298): a smoothed mean, and four mean deviations on top of
it for answers that are later than usual. Near the store all of it is less than the tenth of a second that a
reservation lasts, and changes nothing. Pure: times are arguments, in seconds.
"""

from collections import deque
from typing import Final

from worker.core.rate.slots import RESERVATION_SECONDS

MIN_AHEAD: Final = 0.06
"""Minimum seconds before the last slot in hand at which the next slots are asked for: a slow round trip then
wastes none."""
LOOP_MARGIN: Final = 0.02
"""Seconds on top of the round trip, for a loop that is busy."""
FAR_SECONDS: Final = 0.05
"""Minimum seconds of a round trip to a store that counts as far: its decisions arrive late."""
MAX_AHEAD: Final = 1.0
"""Maximum seconds reserved ahead, however long a round trip takes: so much is lost with a worker that
dies."""
WARM_UP: Final = 4
"""First round trips, of which only the shortest counts: they open connections and load scripts."""
MARKED_ROUND_TRIPS: Final = 5
"""Round trips by which the mark is ahead of sending. Half of that is marked at a time, which has to last for
the commit before the mark, for the commit with the mark, and for some jitter."""
NEAR_SECONDS: Final = 0.01
"""Seconds of a round trip up to which none of this is needed: a request may be sent later than that."""
_FIRST_TRIPS: Final = 3
"""Round trips that the first one may take: it opens a connection, and loads the scripts."""
_MEMORY: Final = 16
_MEAN_BY: Final = 1 / 8
_DEVIATION_BY: Final = 1 / 4
_DEVIATIONS: Final = 4


class RoundTrip:
    """One per organization and process."""

    def __init__(self) -> None:
        self.smoothed = 0.0
        self._deviation = 0.0
        self._count = 0
        self._last: deque[float] = deque(maxlen=_MEMORY)

    def record(self, seconds: float) -> None:
        """Learns from a round trip of `seconds` that was not tried twice."""
        self._count += 1
        self._last.append(seconds)
        if self._count <= WARM_UP:
            self.smoothed = min(self.smoothed, seconds) if self._count > 1 else seconds
            self._deviation = self.smoothed / 2 / _DEVIATIONS
            return
        self._deviation += _DEVIATION_BY * (abs(seconds - self.smoothed) - self._deviation)
        self.smoothed += _MEAN_BY * (seconds - self.smoothed)

    @property
    def longest(self) -> float:
        """Seconds that hardly any round trip exceeds; 0 near the store, whatever a busy loop adds."""
        if self.distance <= NEAR_SECONDS:
            return 0.0
        return min(MAX_AHEAD, self.smoothed + _DEVIATIONS * self._deviation)

    @property
    def answer_delay(self) -> float:
        """Maximum seconds from the store's answer until it arrives here."""
        return max(0.0, self.longest - self.smoothed / 2)

    @property
    def reservation_seconds(self) -> float:
        """Seconds that a reservation has to last for one round trip at a time to be enough."""
        return max(RESERVATION_SECONDS, self.longest)

    @property
    def ask_ahead(self) -> float:
        """Seconds before the last slot in hand at which the next slots are asked for."""
        return max(MIN_AHEAD, self.longest + LOOP_MARGIN)

    @property
    def distance(self) -> float:
        """The shortest recent round trip, in seconds: a busy loop makes the others longer."""
        return min(self._last, default=0.0)

    @property
    def marked_seconds(self) -> float:
        """Seconds' worth of sending that is marked ahead."""
        distance = self.distance / _FIRST_TRIPS if self._count == 1 else self.distance
        return RESERVATION_SECONDS + MARKED_ROUND_TRIPS * max(0.0, distance - NEAR_SECONDS)

    @property
    def is_far(self) -> bool:
        """Whether the store is so far that it is worth a warning; not judged by the first few round trips."""
        return self._count > WARM_UP and self.distance > FAR_SECONDS
