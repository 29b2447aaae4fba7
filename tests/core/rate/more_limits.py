"""Limits that `tests.limits` does not serve: of requests in flight, shared, and refusing by chance."""

import random
from typing import Final

from tests.core.rate.simulation import Admits

_RETRY_IN: Final = 0.05
_BY_CHANCE: Final = 0.001
"""Seconds that a 429 names."""


class InFlight:
    """Refuses while `most` requests are being worked on."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._in_flight = 0

    def admit(self, _now: float) -> float:
        if self._in_flight >= self._most:
            return _RETRY_IN
        self._in_flight += 1
        return 0.0

    def release(self) -> None:
        self._in_flight -= 1


class Shared:
    """Others use the same limit. They take between `least` and `most` of it, as shares: as much as they took
    at a time for some seconds (`period` on average), then another share, drawn by `seed`.
    """

    def __init__(
        self, limiter: Admits, rate: float, least: float, most: float, seed: int, period: float = 5.0
    ) -> None:
        self._limiter = limiter
        self._rate, self._least, self._most, self._period = rate, least, most, period
        self._chance = random.Random(7919 * seed + 13)
        self._next = self._until = self._theirs = 0.0
        self.taken = 0
        """Requests of the others that passed."""

    def admit(self, now: float) -> float:
        while self._next <= now:
            if self._next >= self._until:
                self._theirs = self._rate * self._chance.uniform(self._least, self._most) + 1e-6
                self._until = self._next + self._chance.expovariate(1 / self._period)
            self.taken += not self._limiter.admit(self._next)
            self._next += self._chance.expovariate(self._theirs)
        return self._limiter.admit(now)


class ByChance:
    """Refuses a share of the requests for no reason."""

    def __init__(self, limiter: Admits, share: float, seed: int) -> None:
        self._limiter = limiter
        self._share = share
        self._chance = random.Random(31 * seed + 7)

    def admit(self, now: float) -> float:
        return _BY_CHANCE if self._chance.random() < self._share else self._limiter.admit(now)
