"""Rate limits as an API may have them: values in, values out, for the stand-in and for simulations.

Each has `admit(now) -> float`: 0.0 where a request at `now` may pass, else the seconds until one may be
tried again. `now` is any clock in seconds that never goes back. A refused request takes nothing from
the limit. `rate`, in requests per second, can be set while it runs. `quota(now)` is what the API could tell
in headers.
"""

from collections import deque
from math import floor, inf
from typing import Final, NamedTuple, Protocol

_ROUNDING: Final = 1e-9
"""Requests, or seconds. Keeps who sends at exactly the allowed pace from being refused by a float's error."""


class Quota(NamedTuple):
    """`most` requests in `per` seconds, `left` of them, all of them again in `reset` seconds."""

    most: float
    per: float
    left: float
    reset: float


class Limiter(Protocol):
    rate: float

    def admit(self, now: float) -> float: ...
    def quota(self, now: float) -> Quota | None: ...


class NoLimit:
    """Admits everything. Its `rate` says so, and setting it changes nothing."""

    def __init__(self) -> None:
        self.rate = inf

    def admit(self, now: float) -> float:
        del now
        return 0.0

    def quota(self, now: float) -> Quota | None:
        del now
        return None


class TokenBucket:
    """`rate` per second on average, `burst` at once after a rest; either may be a fraction, `burst` from 1.

    Full at first. Weakness: a new rate counts from the last request before it, not from when it was set;
    what that is worth is bounded by `burst`.
    """

    def __init__(self, rate: float, burst: float = 1.0) -> None:
        self.rate = rate
        self.burst = burst
        self._level = burst
        self._at = -inf

    def admit(self, now: float) -> float:
        self._fill(now)
        if self._level >= 1 - _ROUNDING:
            self._level = max(self._level - 1, 0.0)
            return 0.0
        return (1 - self._level) / self.rate

    def quota(self, now: float) -> Quota:
        self._fill(now)
        return Quota(self.burst, self.burst / self.rate, self._level, (self.burst - self._level) / self.rate)

    def _fill(self, now: float) -> None:
        if self._at > -inf:
            self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now


class SlidingLog:
    """At most `rate` x `per` requests in any `per` seconds, at least 1. It remembers each that passed."""

    def __init__(self, rate: float, per: float) -> None:
        self.rate = rate
        self.per = per
        self._passed: deque[float] = deque()

    def admit(self, now: float) -> float:
        self._forget(now)
        most = _in_a_window(self.rate, self.per)
        if len(self._passed) < most:
            self._passed.append(now)
            return 0.0
        # After a lower rate was set, more than one has to leave.
        return self._passed[len(self._passed) - most] + self.per - now

    def quota(self, now: float) -> Quota:
        self._forget(now)
        most = _in_a_window(self.rate, self.per)
        reset = self._passed[-1] + self.per - now if self._passed else 0.0
        return Quota(most, self.per, max(0, most - len(self._passed)), reset)

    def _forget(self, now: float) -> None:
        while self._passed and now - self._passed[0] >= self.per - _ROUNDING:
            self._passed.popleft()


class FixedWindow:
    """At most `rate` x `per` requests, at least 1, in each window of `per` seconds counted from `start`."""

    def __init__(self, rate: float, per: float, start: float = 0.0) -> None:
        self.rate = rate
        self.per = per
        self._start = start
        self._window = -1
        self._passed = 0

    def admit(self, now: float) -> float:
        self._turn(now)
        if self._passed < _in_a_window(self.rate, self.per):
            self._passed += 1
            return 0.0
        return self._ends_in(now)

    def quota(self, now: float) -> Quota:
        self._turn(now)
        most = _in_a_window(self.rate, self.per)
        return Quota(most, self.per, max(0, most - self._passed), self._ends_in(now))

    def _turn(self, now: float) -> None:
        window = floor((now - self._start) / self.per + _ROUNDING)
        if window != self._window:
            self._window = window
            self._passed = 0

    def _ends_in(self, now: float) -> float:
        return self._start + (self._window + 1) * self.per - now


class Penalty:
    """A token bucket that, once it refused, refuses everything for `penalty` seconds.

    `extends`: a call during that time starts it anew.
    """

    def __init__(self, rate: float, burst: float, penalty: float, *, extends: bool = False) -> None:
        self._bucket = TokenBucket(rate, burst)
        self._penalty = penalty
        self._extends = extends
        self._until = -inf

    @property
    def rate(self) -> float:
        return self._bucket.rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._bucket.rate = rate

    def admit(self, now: float) -> float:
        if now < self._until - _ROUNDING:
            if self._extends:
                self._until = now + self._penalty
            return self._until - now
        if not self._bucket.admit(now):
            return 0.0
        self._until = now + self._penalty
        return self._penalty

    def quota(self, now: float) -> Quota:
        quota = self._bucket.quota(now)
        return quota if now >= self._until else quota._replace(left=0.0, reset=self._until - now)


def _in_a_window(rate: float, per: float) -> int:
    return max(1, floor(rate * per + _ROUNDING))
