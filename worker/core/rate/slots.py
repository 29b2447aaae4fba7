"""Reserved send times (slots) of a worker process: which is due next, and which were forfeited."""

import math
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

RESERVATION_SECONDS: Final = 0.1
"""Seconds that a reservation lasts: each costs one round trip to Redis, and is lost with a worker that dies.
`round_trip` makes it longer where the round trip is."""

LATE: Final = 0.02
"""Maximum seconds, and not more than `LATE_SLOTS` slots, by which a request may be sent late. A slot that is
later is forfeited, since catching up would be a burst: the budget hands it out again little by little."""
LATE_SLOTS: Final = 4
NEVER_LATE: Final = 0.004
"""Seconds by which a request may be late in any case: a busy loop is, and above 1,000/s four slots are less
than that. With `STALE` it is six requests at 1,000/s that a stall can put into one moment, of the ten that a
modest limiter bears: at ten in all there was a 429 for every 30,000 requests, on two cores that all parts
shared."""

LATE_AT_FIRST: Final = 0.002
"""Seconds, or one slot, by which a request may be late until a process has its first answers: each answer
frees a sender, and these must not send a burst."""

STALE: Final = 0.002
"""Seconds that may pass, on top of these, between the moment a slot is handed out and its use."""

MIN_USABLE: Final = 128
"""Slots that a process may always reserve at once, however few it used before: all slots of a reservation up
to 1,270/s."""

EARLY: Final = 0.0005
"""Seconds by which a timer may fire early."""

_ROUND_UP: Final = 2 / 3
"""Chosen so that a reservation has one slot up to 13.3/s, which is as often as a worker may reserve."""


class Slot(NamedTuple):
    when: float
    """The send time, on the caller's monotonic clock in seconds."""
    job: str
    """The job that it was reserved for."""
    epoch: int
    """Number that grows with each 429 that was acted on; see `worker/store/scripts/lib/budget.lua`."""


class ReservedSlots:
    """The slots that one worker process holds for one organization."""

    def __init__(self) -> None:
        self._slots: deque[Slot] = deque()
        self._late = LATE
        self._late_at_first = LATE
        self._strict = True
        self.unused = 0
        """Slots forfeited since the caller last set this to 0."""

    def __len__(self) -> int:
        return len(self._slots)

    def add(
        self, first: float, gap: float, jobs: Sequence[str], epoch: int, *, at_least: float = 0.0
    ) -> None:
        """Adds a reservation: a slot for each of `jobs`, `gap` seconds apart, the first at `first`.

        Where `gap` is less than `at_least`, the rate is more than this process can use: the slots are spread
        `at_least` seconds apart behind those in hand, and it does not matter how late they are used.
        """
        if gap < at_least:
            gap, first = at_least, max(first, self.end + at_least)
        self._strict = gap > at_least
        self._slots.extend(Slot(first + position * gap, job, epoch) for position, job in enumerate(jobs))
        self._late_at_first = max(gap, LATE_AT_FIRST)
        self._late = max(gap, min(LATE, LATE_SLOTS * gap), NEVER_LATE) if self._strict else LATE

    def void(self) -> None:
        """Drops all slots; they are not given back to the budget."""
        self._slots.clear()

    def due(self, now: float, *, at_first: bool = False) -> Slot | None:
        """The earliest slot that is due at `now`, without taking it. Forfeits slots that are too late.

        `at_first`: the process still waits for its first answers.
        """
        late = self._late_at_first if at_first else self._late
        while self._slots and now - self._slots[0].when > late:
            self._slots.popleft()
            self.unused += 1
        return self._slots[0] if self._slots and self._slots[0].when <= now + EARLY else None

    def is_stale(self, slot: Slot, now: float) -> bool:
        """Whether `slot`, which was handed out in time, is used too late after all.

        Never where the rate is more than this process can use.
        """
        return self._strict and now - slot.when > self._late + STALE

    def take(self) -> Slot:
        return self._slots.popleft()

    def next_after(self, now: float) -> float | None:
        """The time of the first slot that is not due yet; None without one."""
        return next((slot.when for slot in self._slots if slot.when > now + EARLY), None)

    @property
    def end(self) -> float:
        """The time of the last slot; minus infinity without one."""
        return self._slots[-1].when if self._slots else float("-inf")

    def of(self, job: str) -> int:
        return sum(slot.job == job for slot in self._slots)


def usable_slots(used: int, seconds: float, reservation_seconds: float = RESERVATION_SECONDS) -> int:
    """How many slots of the next reservation a process can use that used `used` of them in `seconds`.

    At a rate far above what it can send it would be handed thousands, all of them past before it had used
    the first hundred. So it asks for twice what it used, and spreads them over `reservation_seconds`.
    """
    return max(
        math.ceil(MIN_USABLE * reservation_seconds / RESERVATION_SECONDS),
        math.ceil(2 * used * reservation_seconds / max(seconds, EARLY)),
    )


def slots_per_reservation(rate: float, reservation_seconds: float = RESERVATION_SECONDS) -> int:
    """Slots in a reservation at `rate` requests per second: enough to last until the next round trip."""
    return max(1, math.floor(rate * reservation_seconds + _ROUND_UP))
