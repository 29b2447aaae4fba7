"""Limiters as servers have them. `admit(now)`: 0.0 where a request may pass, else seconds until one may."""

from collections import deque
from typing import Protocol


class Limiter(Protocol):
    def admit(self, now: float) -> float: ...


class TokenBucket:
    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self._burst = self._level = burst
        self._at = 0.0

    def admit(self, now: float) -> float:
        self._level = min(self._burst, self._level + (now - self._at) * self.rate)
        self._at = now
        if self._level >= 1 - 1e-9:
            self._level -= 1
            return 0.0
        return (1 - self._level) / self.rate


class SlidingWindow:
    """At most `count` requests in any `seconds`."""

    def __init__(self, count: int, seconds: float) -> None:
        self._count = count
        self._seconds = seconds
        self._times: deque[float] = deque()

    def admit(self, now: float) -> float:
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        if len(self._times) < self._count:
            self._times.append(now)
            return 0.0
        return self._times[0] + self._seconds - now


class FixedWindow:
    """`count` requests in each window of `seconds`, however they lie in it."""

    def __init__(self, count: int, seconds: float) -> None:
        self._count = count
        self._seconds = seconds
        self._window = -1
        self._used = 0

    def admit(self, now: float) -> float:
        window = int(now // self._seconds)
        if window != self._window:
            self._window, self._used = window, 0
        if self._used < self._count:
            self._used += 1
            return 0.0
        return (window + 1) * self._seconds - now


class Penalty:
    """A token bucket that, once it refused, refuses all for a while; with `extends`, anew at each call."""

    def __init__(self, rate: float, burst: float, seconds: float, *, extends: bool) -> None:
        self._bucket = TokenBucket(rate, burst)
        self._seconds = seconds
        self._extends = extends
        self.until = 0.0

    def admit(self, now: float) -> float:
        if now < self.until:
            if self._extends:
                self.until = now + self._seconds
            return self.until - now
        if self._bucket.admit(now):
            self.until = now + self._seconds
            return self._seconds
        return 0.0
