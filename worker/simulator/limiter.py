"""The API's rate limit: a token bucket (https://en.wikipedia.org/wiki/Token_bucket)."""

from dataclasses import dataclass
from math import ceil
from typing import Final

_ROUNDING: Final = 1e-9
"""Tolerance, in requests, for rounding: a client at exactly the allowed rate is never refused."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`rate` requests per second on average, 0 for no limit; `burst` at once after a rest, at least 1."""

    rate: float
    burst: int

    @classmethod
    def of(cls, rate: float, burst: int | None) -> "Limit":
        """The limit; without `burst`, one second's worth of requests."""
        return cls(rate, burst or max(1, ceil(rate)))


class TokenBucket:
    """A bucket that is full at first. Clock and limit are arguments, so the limit may change at any time."""

    __slots__ = ("_filled_at", "_level")

    def __init__(self) -> None:
        self._level: float | None = None
        self._filled_at = 0.0

    def take(self, limit: Limit, now: float) -> float:
        """Takes a token and returns 0.0, or returns the seconds until there is one. `now` is monotonic."""
        if not limit.rate:
            return 0.0
        level = self._filled(limit, now)
        self._filled_at = now
        if level >= 1 - _ROUNDING:
            self._level = max(level - 1, 0.0)
            return 0.0
        self._level = level
        return (1 - level) / limit.rate

    def _filled(self, limit: Limit, now: float) -> float:
        if self._level is None:
            return limit.burst
        return min(limit.burst, self._level + (now - self._filled_at) * limit.rate)
