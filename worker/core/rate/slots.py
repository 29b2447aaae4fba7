"""Send times that were reserved: which is the next, and which came to nothing."""

import math
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

RESERVATION_SECONDS: Final = 0.1
"""How long a reserved run of slots is: one round trip to Redis for each, and what a dead worker wastes.
`round_trip` makes it longer where that is."""

LATE: Final = 0.02
"""Seconds that a send may be late, and no more than `LATE_SLOTS`. A later slot is forfeited: catching up
would be a burst. It goes back to the budget, which gives such slots out again little by little."""
LATE_SLOTS: Final = 4
NEVER_LATE: Final = 0.004
"""Seconds that it may be late in any case: a busy loop is, and above 1,000/s four slots are less than that.
With `STALE` it is six requests at 1,000/s that a stall can put into one moment, of the ten that a modest
limiter bears: at ten in all there was a 429 for every 30,000 requests, on two cores that all parts shared."""

LATE_AT_FIRST: Final = 0.002
"""Seconds that it may be late, or one slot, while a process's way is being opened: each round of answers
lets go what waited for it, and that must not be a burst."""

STALE: Final = 0.002
"""Seconds on top of that which may pass between the moment a slot is handed out and its use."""

LEAST_USABLE: Final = 128
"""Slots of a run that a process is taken to be able to use, whatever it did before: all up to 1,270/s."""

EARLY: Final = 0.0005
"""Seconds: what a timer may be early by."""

_ROUND_UP: Final = 2 / 3
"""A run of one slot is for rates up to 13.3/s: as often does a worker come for the next."""


class Slot(NamedTuple):
    when: float
    """On the caller's monotonic clock, in seconds."""
    job: str
    """Whose it is."""
    epoch: int
    """Moves with each refusal that was acted on; see `worker/store/scripts/lib/budget.lua`."""


class ReservedSlots:
    """The runs in hand of one worker process, for one organization."""

    def __init__(self) -> None:
        self._slots: deque[Slot] = deque()
        self._late = LATE
        self._late_at_first = LATE
        self._strict = True
        self.unused = 0
        """Slots that were forfeited since the caller last set this to 0."""

    def __len__(self) -> int:
        return len(self._slots)

    def add(
        self, first: float, gap: float, jobs: Sequence[str], epoch: int, *, at_least: float = 0.0
    ) -> None:
        """A run: a slot for each of `jobs`, `gap` seconds apart, or `at_least` so many, behind those in hand.

        `at_least` is for a rate that is more than can be used: nobody minds where the slots lie then, and
        how late they are used.
        """
        if gap < at_least:
            gap, first = at_least, max(first, self.end + at_least)
        self._strict = gap > at_least
        self._slots.extend(Slot(first + position * gap, job, epoch) for position, job in enumerate(jobs))
        self._late_at_first = max(gap, LATE_AT_FIRST)
        self._late = max(gap, min(LATE, LATE_SLOTS * gap), NEVER_LATE) if self._strict else LATE

    def void(self) -> None:
        """Nothing may be sent in them any more, and nothing is given back."""
        self._slots.clear()

    def due(self, now: float, *, at_first: bool = False) -> Slot | None:
        """The earliest slot whose time has come, still in hand. Forfeits those that are too late.

        `at_first`: the process's first answers are still to come.
        """
        late = self._late_at_first if at_first else self._late
        while self._slots and now - self._slots[0].when > late:
            self._slots.popleft()
            self.unused += 1
        return self._slots[0] if self._slots and self._slots[0].when <= now + EARLY else None

    def is_stale(self, slot: Slot, now: float) -> bool:
        """Whether `slot`, which was handed out in time, came to be used too late.

        Never where the rate is more than can be used: nobody minds where the slots lie then.
        """
        return self._strict and now - slot.when > self._late + STALE

    def take(self) -> Slot:
        return self._slots.popleft()

    def next_after(self, now: float) -> float | None:
        """When the first slot comes that is not due yet."""
        return next((slot.when for slot in self._slots if slot.when > now + EARLY), None)

    @property
    def end(self) -> float:
        """When the last one comes; minus infinity where there is none."""
        return self._slots[-1].when if self._slots else float("-inf")

    def of(self, job: str) -> int:
        return sum(slot.job == job for slot in self._slots)


def usable_slots(used: int, seconds: float, reservation_seconds: float = RESERVATION_SECONDS) -> int:
    """How many slots of the next reservation a process can use that used `used` of them in `seconds`.

    At a rate far above what it can send it would be handed thousands, all of them past before it had used
    the first hundred. So it asks for twice what it used, and spreads them over `reservation_seconds`.
    """
    return max(
        math.ceil(LEAST_USABLE * reservation_seconds / RESERVATION_SECONDS),
        math.ceil(2 * used * reservation_seconds / max(seconds, EARLY)),
    )


def slots_per_reservation(rate: float, reservation_seconds: float = RESERVATION_SECONDS) -> int:
    """How many slots a run has at `rate` requests per second: enough to last until the next round trip."""
    return max(1, math.floor(rate * reservation_seconds + _ROUND_UP))
