"""A run of reserved send times: which is the next that may still be used."""

from dataclasses import dataclass
from typing import Final

RUN_SECONDS: Final = 0.1
"""How long a reserved run of slots is: one round trip to Redis for each, and what a dead worker wastes."""

TOLERANCE: Final = 0.02
"""Seconds that a send may be late. A later slot is forfeited: catching up would be a burst."""


@dataclass(slots=True)
class Run:
    """`slots` send times, `gap` seconds apart from `first`, on the caller's monotonic clock."""

    first: float
    gap: float
    slots: int

    def take(self, now: float) -> float | None:
        """The next send time, or None where the run is used up. Slots too late at `now` are skipped."""
        late = now - max(TOLERANCE, self.gap) - self.first
        if late > 0:
            missed = min(self.slots, int(late // self.gap) + 1)
            self.first += missed * self.gap
            self.slots -= missed
        if self.slots <= 0:
            return None
        when = self.first
        self.first += self.gap
        self.slots -= 1
        return when


def slots_per_run(rate: float) -> int:
    """How many slots to reserve at once at `rate` requests per second."""
    return max(1, round(rate * RUN_SECONDS))
