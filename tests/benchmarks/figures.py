"""What a run is judged by, counted from what the server saw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from tests.limits.arrivals import Arrival, most_within, pace

WORST_SECOND: Final = 1.05
"""A sliding second may hold so many times the rate, and one more."""


@dataclass(frozen=True, slots=True)
class Steady:
    """A known rate."""

    share: float
    """Of the allowed rate, between the first and the last request."""
    most_in_a_second: int
    throttled: int


@dataclass(frozen=True, slots=True)
class Reached:
    """A rate that had to be found, or a race."""

    share: float
    """Of what the limit would have let through in the time from the first request to the last admitted."""
    throttled_share: float
    """Of all requests."""
    requests: int
    admitted: int
    seconds: float


def steady(arrivals: Sequence[Arrival], rate: float) -> Steady:
    times = [arrival.at for arrival in arrivals]
    return Steady(pace(times) / rate, most_within(times, 1.0), _count(arrivals, HTTPStatus.TOO_MANY_REQUESTS))


def reached(
    arrivals: Sequence[Arrival], allowed: Callable[[float], float], seconds: float | None = None
) -> Reached:
    """`allowed` tells how many pass in so many seconds where not one is left unused.

    `seconds`: the time that counts; else it ends with the last that was admitted.
    """
    admitted = [arrival.at for arrival in arrivals if arrival.status == HTTPStatus.OK]
    if not admitted:
        return Reached(0.0, 1.0 if arrivals else 0.0, len(arrivals), 0, seconds or 0.0)
    elapsed = admitted[-1] - arrivals[0].at if seconds is None else seconds
    return Reached(
        share=len(admitted) / allowed(elapsed),
        throttled_share=_count(arrivals, HTTPStatus.TOO_MANY_REQUESTS) / len(arrivals),
        requests=len(arrivals),
        admitted=len(admitted),
        seconds=elapsed,
    )


def at_most_in_a_second(rate: float) -> float:
    return rate * WORST_SECOND + 1


def _count(arrivals: Sequence[Arrival], status: int) -> int:
    return sum(arrival.status == status for arrival in arrivals)
