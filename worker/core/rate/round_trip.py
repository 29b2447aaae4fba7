"""How long a round trip to the store takes, and how far ahead slots are reserved for it.

The estimate is TCP's for its retransmissions (RFC 6298): a smoothed mean, and four mean deviations on top of
it for what comes later than usual. Near the store all of it is less than a run's tenth of a second, and
changes nothing. Pure: times are arguments, in seconds.
"""

from collections import deque
from typing import Final

from worker.core.rate.slots import RESERVATION_SECONDS

AHEAD: Final = 0.06
"""Seconds before the last slot in hand at which the next run is asked for, at least: a slow round trip wastes
none."""
SPARE: Final = 0.02
"""Seconds on top of the round trip: for the loop to come to it."""
FAR: Final = 0.05
"""Seconds of a round trip from which on a store is far: what it decides is late for what is sent."""
MOST: Final = 1.0
"""Seconds that are reserved for, however long it takes: so much is lost with a worker that dies."""
SETTLING: Final = 4
"""Round trips of which the shortest counts: in the first a connection is made, and scripts are loaded."""
MARKS: Final = 3
"""Round trips of sending that are marked ahead: a mark may wait for the commit before it, and only half of
them are marked at a time."""
NEAR: Final = 0.01
"""Seconds of a round trip up to which nothing of this is needed: a send time may be late by more."""
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
        """One more round trip, which was not tried twice."""
        self._count += 1
        self._last.append(seconds)
        if self._count <= SETTLING:
            self.smoothed = min(self.smoothed, seconds) if self._count > 1 else seconds
            self._deviation = self.smoothed / 2 / _DEVIATIONS
            return
        self._deviation += _DEVIATION_BY * (abs(seconds - self.smoothed) - self._deviation)
        self.smoothed += _MEAN_BY * (seconds - self.smoothed)

    @property
    def longest(self) -> float:
        """What hardly any round trip takes longer than; 0 near the store, whatever a busy loop adds."""
        if self.distance <= NEAR:
            return 0.0
        return min(MOST, self.smoothed + _DEVIATIONS * self._deviation)

    @property
    def answer_delay(self) -> float:
        """Seconds from the moment in which the store answers until its answer is here, at most."""
        return max(0.0, self.longest - self.smoothed / 2)

    @property
    def reservation_seconds(self) -> float:
        """Seconds that a run of slots has to last, so that one round trip at a time is enough."""
        return max(RESERVATION_SECONDS, self.longest)

    @property
    def ask_ahead(self) -> float:
        """Seconds before the last slot in hand at which the next run is asked for."""
        return max(AHEAD, self.longest + SPARE)

    @property
    def distance(self) -> float:
        """The shortest of late: how far the store is. A loop that is busy makes the others longer."""
        return min(self._last, default=0.0)

    @property
    def marked_seconds(self) -> float:
        """Seconds of sending that are marked ahead."""
        return RESERVATION_SECONDS + MARKS * max(0.0, self.distance - NEAR)

    @property
    def is_far(self) -> bool:
        """Whether that is worth a word. Not by the first few."""
        return self._count > SETTLING and self.distance > FAR
