"""How long a list will take, before anything is sent: a band, since nobody knows the API's mood."""

import math
from typing import Final, NamedTuple

from worker.core.batches.batch import MAX_BATCH

_EXTRA: Final = 0.25
"""Share of the time that retries, splits and holds may add; at a rate that the API allows, they add less."""

_START: Final = 15.0
"""Seconds that waking workers, the first access token and the last answers may take."""


class Seconds(NamedTuple):
    low: float
    high: float


def requests_for(ids: int) -> int:
    """Batches that so many unique ids make; a retry or a split makes more."""
    return math.ceil(ids / MAX_BATCH)


def expected_seconds(requests: int, slowest: float, fastest: float) -> Seconds:
    """From the first request to the last answer, at between `slowest` and `fastest` requests per second.

    The low end has every slot used and every answer good. Holds of an API that allows less than `slowest`
    are in neither end.
    """
    if not requests:
        return Seconds(0.0, 0.0)
    return Seconds(requests / fastest, requests / slowest * (1 + _EXTRA) + _START)
