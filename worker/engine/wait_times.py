"""Where the time of an organization's waiting requests goes, for `progress.seconds` of the report."""

from worker.engine.circuit_gate import CircuitGate
from worker.engine.limiter.concurrency import ConcurrencyLimiter
from worker.engine.limiter.rate_limiter import RateLimiter
from worker.engine.request import Request
from worker.engine.stopwatch import Stopwatch


class WaitTimes:
    """One per organization and process. Times are in seconds, on the loop's clock.

    A request notes the stopwatches when it is queued; what they ran until it is sent is what held it up.
    """

    def __init__(self, gate: CircuitGate, limiter: RateLimiter, concurrency: ConcurrencyLimiter) -> None:
        self._gate = gate
        self._limiter = limiter
        self._concurrency = concurrency
        self.tokenless = Stopwatch()
        """Runs while there is no access token to send with."""

    def stamp(self, request: Request, now: float) -> None:
        """It is queued at `now`."""
        request.offered_at = now
        request.shut_before = self._gate.shut_seconds(now)
        request.tokenless_before = self.tokenless.seconds(now)
        request.full_before = self._concurrency.full_seconds(now)

    def account(self, request: Request, now: float) -> None:
        """It is sent at `now`: adds its wait to the slice's commit, each second of it under one name."""
        commit = request.context.commit
        left = now - request.offered_at
        for name, seconds in (
            ("backing_off", self._gate.shut_seconds(now) - request.shut_before),
            ("in_flight", self.tokenless.seconds(now) - request.tokenless_before),
            ("held_by_429", self._limiter.held_between(request.offered_at, now)),
            ("waiting_for_place", self._concurrency.full_seconds(now) - request.full_before),
        ):
            if seconds > 0:
                spent = min(left, seconds)
                commit.add_seconds(name, spent)
                left -= spent
        commit.add_seconds("waiting_for_rate", left)

    def account_unsent(self, request: Request, now: float) -> None:
        """It is dropped at `now`: only the time in which the API was away counts."""
        waited = self._gate.shut_seconds(now) - request.shut_before
        request.context.commit.add_seconds("backing_off", waited)
