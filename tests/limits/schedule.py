"""A rate limit that changes over time, and the requests that it admits in total."""

from dataclasses import dataclass
from typing import Self

from tests.limits.limiters import Limiter, Quota


@dataclass(frozen=True, slots=True)
class Schedule:
    """(requests per second, for how many seconds) in turn. The last rate stays on after its time."""

    steps: tuple[tuple[float, float], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """`200:20,20:15,200:36` is 200/s for 20 s, 20/s for 15 s, 200/s from then on. Raises `ValueError`."""
        try:
            pairs = [step.split(":") for step in text.split(",")]
            steps = tuple((float(rate), float(seconds)) for rate, seconds in pairs)
        except ValueError:
            raise ValueError(f"expected RATE:SECONDS,..., found {text!r}") from None
        if not all(rate > 0 and seconds > 0 for rate, seconds in steps):
            raise ValueError(f"rates and seconds must be more than 0, found {text!r}")
        return cls(steps)

    def __str__(self) -> str:
        return ",".join(f"{rate:g}:{seconds:g}" for rate, seconds in self.steps)

    @property
    def seconds(self) -> float:
        return sum(seconds for _, seconds in self.steps)

    def rate_at(self, elapsed: float) -> float:
        for rate, seconds in self.steps:
            if elapsed < seconds:
                return rate
            elapsed -= seconds
        return self.steps[-1][0]

    def allowed(self, elapsed: float) -> float:
        """Requests that pass in the first `elapsed` seconds where not one slot is left unused."""
        total = 0.0
        for rate, seconds in self.steps:
            total += rate * min(elapsed, seconds)
            elapsed -= min(elapsed, seconds)
        return total + self.steps[-1][0] * elapsed


class Scheduled:
    """`limiter`, its rate set by a schedule that starts at the first request."""

    def __init__(self, limiter: Limiter, schedule: Schedule) -> None:
        self._limiter = limiter
        self._schedule: Schedule | None = schedule
        self._start: float | None = None

    @property
    def rate(self) -> float:
        return self._limiter.rate

    @rate.setter
    def rate(self, rate: float) -> None:
        """Ends the schedule: who sets a rate by hand wants it to stay."""
        self._schedule = None
        self._limiter.rate = rate

    def admit(self, now: float) -> float:
        if self._start is None:
            self._start = now
        if self._schedule is not None:
            self._limiter.rate = self._schedule.rate_at(now - self._start)
        return self._limiter.admit(now)

    def quota(self, now: float) -> Quota | None:
        return self._limiter.quota(now)
