"""The circuit breaker of a process and API host, as the senders see it."""

from typing import Final

import structlog

from worker.core.batches.batch import Batch
from worker.core.retrying.blame import needs_scout
from worker.core.retrying.breaker import Breaker, BreakerState
from worker.engine.stopwatch import Stopwatch

log = structlog.get_logger(__name__)

LOOK_UP: Final = 0.5
"""Seconds: how often those who wait look whether another organization's answer changed it."""


_CLOSED: Final = BreakerState.CLOSED
"""Looked up once: in Python 3.11 each look at a member costs a call, and every request asks several times."""


class CircuitGate:
    """One per process. Times are in seconds, on the loop's clock."""

    def __init__(self) -> None:
        self.breaker = Breaker()
        self.openings = 0
        """How often it was shut."""
        self._shut = Stopwatch()
        self._last = self.breaker.state

    @property
    def is_open(self) -> bool:
        """Whether everything may be sent: the circuit is closed."""
        return self.breaker.state is _CLOSED

    def may_send(self, now: float) -> bool:
        """Whether a request may go out, be it as the one that finds out whether the API is back."""
        breaker = self.breaker
        return breaker.state is _CLOSED or (breaker.state is BreakerState.OPEN and not breaker.wait(now))

    def enter(self, now: float) -> bool:
        """A request goes out, since it may. Whether it does as the breaker's probe."""
        if self.is_open:
            return False
        self.breaker.admits(now)
        self._last = self.breaker.state
        return True

    def leave(self, now: float, *, breaker_probe: bool) -> None:
        """What entered is not sent after all, or nothing came of it."""
        if breaker_probe and self.breaker.state is BreakerState.HALF_OPEN:
            self.breaker.withdraw_probe(now)
            self._last = self.breaker.state

    def note(self, now: float) -> None:
        """To be called after each answer that the breaker learned from."""
        state = self.breaker.state
        if state is self._last:
            return
        if self._last is BreakerState.CLOSED:
            self.openings += 1
        self._last = state
        self._shut.run(now, on=state is not BreakerState.CLOSED)
        log.warning("circuit breaker", phase=state.name, problem=self.breaker.problem)

    def next_try(self, now: float) -> float:
        """When to look again whether a request may go out."""
        return now + min(self.breaker.wait(now), LOOK_UP)

    def shut_seconds(self, now: float) -> float:
        """Seconds that it was shut, ever: the difference between two readings is the time between them."""
        return self._shut.seconds(now)

    def problem(self) -> str:
        """Why requests wait, for the job's report."""
        return f"{self.breaker.problem}; the job goes on when it is back"

    def wants_scout(self, batch: Batch) -> bool:
        return needs_scout(self.breaker, batch)
