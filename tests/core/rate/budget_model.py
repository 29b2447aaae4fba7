"""A model of the shared budget: what `worker/store/scripts/budget` does, on a clock that is an argument.

It leaves out what the simulated cases do not use: shares of several jobs, settings that change, advice,
credit for unused slots, and clocks that jump. Times are in seconds.
"""

from typing import Any, Final, NamedTuple, Protocol

from worker.core.rate.learned import Evidence
from worker.core.rate.rate_config import RateConfig
from worker.core.rate.slots import RESERVATION_SECONDS, slots_per_reservation

HORIZON: Final = 0.15
SLOWEST_ASK: Final = 0.5
RAMP_FROM: Final = 0.2
MAX_RAMP: Final = 0.5
"""As in reserve.lua."""


class Learner(Protocol):
    """What decides on the rate: the module `worker.core.rate.learning`, or another to be compared with it.

    Its state has the fields `rate` and `strikes`.
    """

    def begin(self, rate_config: RateConfig) -> Any: ...
    def on_success(self, learned: Any, evidence: Evidence) -> Any: ...
    def on_throttle(self, learned: Any, evidence: Evidence, hold: float) -> Any: ...
    def next_decision_in(self, learned: Any, latency: float) -> float: ...


class Reserved(NamedTuple):
    first: float
    gap: float
    slots: int
    again: float
    """Seconds after which to ask again where there was no slot."""
    epoch: int
    strikes: int
    decision: Evidence | None
    """The evidence for a decision that is due."""
    version: int


class BudgetModel:
    def __init__(self, learner: Learner, rate_config: RateConfig, latency: float) -> None:
        self._learner = learner
        self._latency = latency
        self.learned = learner.begin(rate_config)
        self.hold = 0.0
        self.epoch = 0
        self.decisions = 0
        """429s that were decided on."""
        self._tat = self._hold_length = self._from = 0.0
        # The first worker that comes decides how to begin, and says so when it comes again.
        self._due = RESERVATION_SECONDS + learner.next_decision_in(self.learned, 0.0)
        self._version = 0
        self._decided_epoch = -1
        self._passed = self._refused = self._late = 0
        self._handed = (0.0, 0, 0)

    def reserve(self, now: float, epoch: int, passed: int, late: int) -> Reserved:
        """The next slots, for a worker whose answers of `epoch` are reported."""
        self._add(epoch, passed, late)
        gap = 1 / self.learned.rate
        first = max(now, self._tat, self.hold)
        ramp = min(MAX_RAMP, self._hold_length / 2)
        if first < self.hold + ramp:
            gap /= RAMP_FROM + (1 - RAMP_FROM) * (first - self.hold) / ramp
        slots = slots_per_reservation(1 / gap) if first <= now + HORIZON else 0
        if slots:
            self._tat = first + slots * gap
        again = min(SLOWEST_ASK, max(0.02, first - now - HORIZON))
        due = None
        if now >= self._due:
            due = self._evidence(now)
            # Nobody else decides until this worker had the time to.
            self._due = now + 1
        return Reserved(first, gap, slots, again, self.epoch, self.learned.strikes, due, self._version)

    def throttle(
        self, now: float, epoch: int, asked: float | None, hold: float, passed: int, late: int
    ) -> tuple[Evidence | None, float]:
        """Records a 429 to a request of `epoch`. Returns the evidence where it has to be decided on, and the
        seconds left of the hold.
        """
        self._add(epoch, passed, late)
        self._refused += 1
        first = epoch == self.epoch and self._decided_epoch != epoch
        found = self._evidence(now) if first else None
        until = now + max(asked or 0.0, hold if first else 0.0)
        if until > max(now, self.hold):
            self.hold, self._hold_length = until, until - now
        if first:
            self._version += 1
            self._decided_epoch = epoch
            self.decisions += 1
        return found, max(0.0, self.hold - now)

    def adopt(self, now: float, version: int, learned: Any, *, new_epoch: bool) -> None:
        """Adopts a decision on the evidence of `version`, unless another was adopted meanwhile."""
        if version != self._version:
            return
        self._version += 1
        self.learned = learned
        self._due = max(now, self.hold) + self._learner.next_decision_in(learned, self._latency)
        at, passed, refused = self._handed
        self._passed -= passed
        self._refused -= refused
        self._from = at
        if new_epoch:
            self._from = max(now, self.hold)
            self.epoch += 1
            self._passed = self._late = 0

    @property
    def version(self) -> int:
        return self._version

    def _add(self, epoch: int, passed: int, late: int) -> None:
        behind = self.epoch - epoch
        self._late += late if behind == 0 else passed if behind == 1 else 0
        self._passed += passed if behind == 0 else 0

    def _evidence(self, now: float) -> Evidence:
        self._from = max(self._from, min(self.hold, now))
        self._handed = (now, self._passed, self._refused)
        latency = self._latency if self._passed else 0.0
        return Evidence(max(0.0, now - self._from), self._passed, self._refused, latency, self._late)
